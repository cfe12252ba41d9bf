//! A statement over seeds: in how many it is so, how large the effect is, and what follows.

use serde::{Deserialize, Serialize};

use crate::statistics::{Share, quantile};

/// What follows for a statement from the runs that it was looked at in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// More than half of the seeds agree, with 95% confidence.
    Holds,
    /// Fewer than half agree, with 95% confidence.
    DoesNotHold,
    /// Neither, or there is no run to tell.
    CannotTell,
}

impl Finding {
    /// What a share of agreeing seeds says, by its 95% interval.
    pub fn of(share: &Share) -> Self {
        match share {
            share if share.total == 0 => Self::CannotTell,
            share if share.low > 0.5 => Self::Holds,
            share if share.high < 0.5 => Self::DoesNotHold,
            _ => Self::CannotTell,
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
    /// In how many seeds it is so, and of how many that could tell.
    pub share: Share,
    /// Its size over the seeds that could tell; `None` where there are none.
    pub effect: Option<Effect>,
    /// What follows.
    pub finding: Finding,
}

impl Observation {
    /// A statement that is so in `share` of the seeds.
    pub fn new(statement: impl Into<String>, between: impl Into<String>, share: Share, effect: Option<Effect>) -> Self {
        Self { statement: statement.into(), between: between.into(), share, effect, finding: Finding::of(&share) }
    }

    /// What follows, in words that tell why nothing does.
    pub fn words(&self) -> &'static str {
        match (self.finding, self.share) {
            (Finding::CannotTell, Share { total: 0, .. }) => "no run to tell",
            (Finding::CannotTell, share) if share.hits == share.total => "seen, too few seeds to be sure",
            (Finding::CannotTell, share) if share.hits == 0 => "not seen, too few seeds to be sure",
            (Finding::CannotTell, _) => "undecided",
            (finding, _) => finding.name(),
        }
    }
}

/// A median over seeds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// What is measured.
    pub unit: String,
    /// The median.
    #[serde(with = "crate::number")]
    pub median: f64,
    /// Lower end of the 95% interval of the median.
    #[serde(with = "crate::number")]
    pub low: f64,
    /// Upper end of that interval.
    #[serde(with = "crate::number")]
    pub high: f64,
}

impl Effect {
    /// The effect that `values` measure, one per seed; `None` of no values.
    pub fn of(unit: impl Into<String>, values: &[f64]) -> Option<Self> {
        let (low, high) = of_median(values);
        (!values.is_empty()).then(|| Self { unit: unit.into(), median: quantile(values, 0.5), low, high })
    }
}

/// The interval of the median between order statistics that a sign test at 5% would accept (normal approximation of the
/// binomial law).
fn of_median(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let half_width = 0.98 / n.sqrt();
    (quantile(values, 0.5 - half_width), quantile(values, 0.5 + half_width))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_interval_covers_about_95_percent() {
        // ranks 40.2% to 59.8% of 100 values: the sign test's 40th to 61st order statistics
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        let (low, high) = of_median(&values);
        assert!((40.0..42.0).contains(&low) && (59.0..61.5).contains(&high), "{low} {high}");
    }

    #[test]
    fn findings_need_confidence() {
        let words = |hits, total| Observation::new("", "", Share::of(hits, total), None).words();
        assert_eq!(words(70, 100), "holds");
        assert_eq!(words(55, 100), "undecided");
        assert_eq!(words(20, 100), "does not hold");
        assert_eq!(words(0, 0), "no run to tell");
        assert_eq!(words(2, 2), "seen, too few seeds to be sure");
        assert_eq!(words(0, 3), "not seen, too few seeds to be sure");
    }
}
