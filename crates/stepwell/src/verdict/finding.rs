//! A statement over seeds: in how many it is so, how large the effect is, and what follows.

use serde::{Deserialize, Serialize};

use super::effect::Effect;
use super::signs::{LEVEL, Signs, least_pairs};
use crate::statistics::{Share, holm};

/// What follows for a statement from the runs that it was looked at in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// More than half of the seeds with a direction agree: the exact sign test's p-value is at most 5%, after Holm's correction.
    Holds,
    /// Fewer than half agree, by the same test.
    DoesNotHold,
    /// Neither, or there is no run to tell.
    CannotTell,
}

impl Finding {
    /// What signs say, by a p-value of theirs.
    pub fn of(signs: &Signs, p: f64) -> Self {
        match signs.so > signs.opposite {
            _ if p.is_nan() || p > LEVEL => Self::CannotTell,
            true => Self::Holds,
            false => Self::DoesNotHold,
        }
    }

    /// The finding of a statement that was checked as a whole.
    pub fn checked(holds: bool) -> Self {
        if holds { Self::Holds } else { Self::DoesNotHold }
    }

    /// The finding in words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::DoesNotHold => "does not hold",
            Self::CannotTell => "cannot tell",
        }
    }
}

/// A statement with its evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// What is stated.
    pub statement: String,
    /// The settings that are compared.
    pub between: String,
    /// How many pairs of seeds there were, of which some could not tell; `None` where single runs are counted.
    pub seeds: Option<usize>,
    /// How those that could tell turned out.
    pub signs: Signs,
    /// In how many of them it is so, ties left out.
    pub share: Share,
    /// Its size over the seeds that could tell, tied ones included; `None` where there are none.
    pub effect: Option<Effect>,
    /// The p-value of the exact sign test; NaN where something else decides.
    #[serde(with = "crate::number")]
    pub p: f64,
    /// The same after Holm's correction within its family.
    #[serde(with = "crate::number")]
    pub corrected_p: f64,
    /// The number of tests that were corrected together.
    pub family: usize,
    /// What follows.
    pub finding: Finding,
}

impl Observation {
    /// A statement that is so in `share` of the runs.
    pub fn new(statement: impl Into<String>, between: impl Into<String>, share: Share, effect: Option<Effect>) -> Self {
        let signs = Signs { so: share.hits, tied: 0, opposite: share.total - share.hits };
        Self { seeds: None, ..Self::paired(statement, between, 0, signs, effect) }
    }

    /// A statement about pairs, of which `seeds` were looked at; a family of its own.
    pub fn paired(
        statement: impl Into<String>,
        between: impl Into<String>,
        seeds: usize,
        signs: Signs,
        effect: Option<Effect>,
    ) -> Self {
        let (statement, between, p) = (statement.into(), between.into(), signs.p());
        let (share, finding) = (signs.share(), Finding::of(&signs, p));
        let seeds = Some(seeds);
        Self { statement, between, seeds, signs, share, effect, p, corrected_p: p, family: 1, finding }
    }

    /// Statements that ask the same pair of settings in several ways: corrected together, as Holm does it.
    pub fn family(mut rows: Vec<Self>) -> Vec<Self> {
        let corrected = holm(&rows.iter().map(|row| row.p).collect::<Vec<_>>());
        let family = rows.len();
        for (row, p) in rows.iter_mut().zip(corrected) {
            (row.corrected_p, row.family) = (p, family);
            row.finding = Finding::of(&row.signs, p);
        }
        rows
    }

    /// What follows, in words that tell why nothing does.
    pub fn words(&self) -> String {
        let least = least_pairs(self.family);
        let what = if self.seeds.is_some() { "pairs" } else { "seeds" };
        match self.finding {
            Finding::CannotTell if self.signs.pairs() == 0 => "no run to tell".into(),
            Finding::CannotTell if self.signs.untied() == 0 => "the same in every seed".into(),
            Finding::CannotTell if self.signs.untied() < least => format!("too few {what} (needs {least})"),
            Finding::CannotTell => "undecided".into(),
            finding => finding.name().into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(so: usize, tied: usize, opposite: usize) -> Observation {
        Observation::paired("", "", so + tied + opposite, Signs { so, tied, opposite }, None)
    }

    #[test]
    fn findings_need_confidence() {
        let words = |hits, total| Observation::new("", "", Share::of(hits, total), None).words();
        assert_eq!(words(70, 100), "holds");
        assert_eq!(words(55, 100), "undecided");
        assert_eq!(words(20, 100), "does not hold");
        assert_eq!(words(0, 0), "no run to tell");
        assert_eq!(words(2, 2), "too few seeds (needs 6)");
    }

    /// 4 of 4 has p = .125, 12 of 16 and 4 of 16 have p = .077: a Wilson interval would call the latter decided.
    #[test]
    fn few_pairs_decide_nothing() {
        assert_eq!(row(4, 0, 0).words(), "too few pairs (needs 6)");
        assert_eq!(Observation::family(vec![row(4, 0, 0); 3])[0].words(), "too few pairs (needs 7)");
        assert_eq!([row(12, 0, 4).words(), row(4, 0, 12).words()], ["undecided"; 2]);
        assert_eq!([row(6, 3, 0).words(), row(0, 3, 0).words()], ["holds", "the same in every seed"]);
    }

    /// Four rows about one pair of settings, two of which are decided; 30 of 83 is not, among six.
    #[test]
    fn rows_about_one_pair_are_corrected_together() {
        let rows = Observation::family(vec![row(20, 0, 22), row(21, 15, 6), row(23, 12, 7), row(14, 15, 13)]);
        assert_eq!(
            rows.iter().map(Observation::words).collect::<Vec<_>>(),
            ["undecided", "holds", "holds", "undecided"]
        );
        assert!((rows[1].p - 0.0059).abs() < 5e-5 && (rows[1].corrected_p - 0.021).abs() < 5e-4, "{:?}", rows[1]);
        assert_eq!(rows[1].family, 4);
        let others = vec![row(8, 0, 8); 5];
        let six = Observation::family([vec![row(30, 0, 53)], others].concat());
        assert_eq!((row(30, 0, 53).words(), six[0].words()), ("does not hold".into(), "undecided".into()));
    }
}
