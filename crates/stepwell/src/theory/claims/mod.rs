//! Every claim of the notes, as it stands corrected, as a check: by identity, closed form, statistics or certificate.

mod batch_sharpness;
mod column_norms;
mod diagonal;
mod diagonal_bias;
mod moments;
mod proposition_1;
mod quadratic;
mod scaling;
mod sde;
mod stability;
mod toy;
mod toy_orbits;

/// What a check says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The claim holds as it is written.
    Holds,
    /// The claim holds with a correction.
    HoldsCorrected,
    /// The claim is false; the detail is a counterexample.
    Refuted,
    /// Neither could be shown.
    Undecided,
}

impl Verdict {
    /// `holds`, `holds corrected`, `refuted` or `undecided`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::HoldsCorrected => "holds corrected",
            Self::Refuted => "refuted",
            Self::Undecided => "undecided",
        }
    }
}

/// How a claim is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Both sides are computed and compared.
    Identity,
    /// A simulation is compared with a formula or with exactly computed moments.
    ClosedForm,
    /// A statistic over seeds.
    Statistics,
    /// A proof by interval arithmetic.
    Certificate,
    /// A measurement that decides nothing.
    Experiment,
}

impl Method {
    /// The name for tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::ClosedForm => "closed form",
            Self::Statistics => "statistics",
            Self::Certificate => "certificate",
            Self::Experiment => "experiment",
        }
    }
}

/// Seeds of a statistical check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seeds {
    /// Fewer than this give no verdict.
    pub least: u64,
    /// How many are used unless told otherwise.
    pub usual: u64,
}

/// A claim and its check.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// The name on the command line.
    pub name: &'static str,
    /// What is claimed, corrected where that is needed.
    pub statement: &'static str,
    /// Where it comes from.
    pub source: &'static str,
    /// How it is checked.
    pub method: Method,
    /// Steps, seeds and scale of what is simulated for it, at the usual number of seeds; empty where nothing is.
    pub horizon: &'static str,
    /// The documented verdict.
    pub expected: Verdict,
    /// What had to be corrected, in words; empty unless the verdict is [`Verdict::HoldsCorrected`].
    pub correction: &'static str,
    /// How many seeds it takes; none if the check is not statistical.
    pub seeds: Option<Seeds>,
    check: fn(u64) -> Finding,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The verdict.
    pub verdict: Verdict,
    /// The number that decides: a residual, slope, p-value, a count of boxes.
    pub measured: String,
    /// Further numbers, a counterexample, what is missing.
    pub detail: String,
}

impl Finding {
    /// `verdict` if the check passed, refuted otherwise.
    fn new(passed: bool, verdict: Verdict, measured: impl Into<String>, detail: impl Into<String>) -> Self {
        let verdict = if passed { verdict } else { Verdict::Refuted };
        Self { verdict, measured: measured.into(), detail: detail.into() }
    }

    /// Holds if the residual is at most `most`.
    fn residual(residual: f64, most: f64, verdict: Verdict, detail: impl Into<String>) -> Self {
        Self::new(residual <= most, verdict, format!("residual {residual:.1e}"), detail)
    }
}

impl Claim {
    /// Runs the check, with so many seeds where it is statistical (the usual number if none is given).
    ///
    /// Deterministic: the same number of seeds gives the same finding.
    pub fn verify(&self, seeds: Option<u64>) -> Finding {
        match (self.seeds, seeds) {
            (Some(needed), Some(given)) if given < needed.least => {
                let (seeds, is) = if given == 1 { ("seed", "is") } else { ("seeds", "are") };
                Finding {
                    verdict: Verdict::Undecided,
                    measured: format!("{given} {seeds}"),
                    detail: format!("{given} {seeds} {is} too few for a verdict: at least {} are needed", needed.least),
                }
            }
            (Some(needed), given) => (self.check)(given.unwrap_or(needed.usual)),
            (None, _) => (self.check)(0),
        }
    }

    /// Whether a finding is as documented.
    pub fn is_as_documented(&self, finding: &Finding) -> bool {
        finding.verdict == self.expected
    }
}

/// All claims, in the order of the notes.
pub fn claims() -> Vec<&'static Claim> {
    let topics = [
        proposition_1::CLAIMS,
        quadratic::CLAIMS,
        toy::CLAIMS,
        toy_orbits::CLAIMS,
        sde::CLAIMS,
        diagonal::CLAIMS,
        diagonal_bias::CLAIMS,
        scaling::CLAIMS,
        stability::CLAIMS,
        batch_sharpness::CLAIMS,
        column_norms::CLAIMS,
    ];
    topics.into_iter().flatten().collect()
}

/// The claim of this name.
pub fn claim(name: &str) -> Option<&'static Claim> {
    claims().into_iter().find(|claim| claim.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_corrections_are_stated() {
        let mut names: Vec<_> = claims().iter().map(|claim| claim.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), claims().len());
        for claim in claims() {
            assert_eq!(claim.correction.is_empty(), claim.expected != Verdict::HoldsCorrected, "{}", claim.name);
            assert_eq!(claim.method == Method::Statistics, claim.seeds.is_some(), "{}", claim.name);
            let simulated = matches!(claim.method, Method::Statistics | Method::Experiment);
            assert!(!simulated || claim.horizon.contains(|c: char| c.is_ascii_digit()), "{}", claim.name);
        }
    }

    #[test]
    fn too_few_seeds_are_undecided_and_say_how_many() {
        let statistical = claims().into_iter().find(|claim| claim.seeds.is_some()).unwrap();
        let finding = statistical.verify(Some(1));
        assert_eq!(finding.verdict, Verdict::Undecided);
        assert!(finding.detail.contains(&statistical.seeds.unwrap().least.to_string()));
    }

    /// Every claim comes out as documented. The slow ones are left to the release build of the command line.
    #[test]
    fn findings_are_as_documented() {
        for claim in claims() {
            let finding = claim.verify(None);
            assert!(claim.is_as_documented(&finding), "{}: {finding:?}", claim.name);
        }
    }
}
