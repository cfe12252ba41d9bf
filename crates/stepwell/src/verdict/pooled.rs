//! The verdict on a setting: what the loss of its runs does in common, from the spread between seeds.

use serde::{Deserialize, Serialize};

use super::drift::{Change, Drift};
use super::stabilization::{Behavior, Stabilization, flat};
use crate::statistics::{LEAST_FOR_MEDIAN, median_interval, quantile};

/// What the loss does over the runs of a setting that did not diverge in its large phase and were long enough to tell.
///
/// Its drift is the median over these runs, with a 95% interval between order statistics. That needs no model of how a loss
/// is correlated with itself, and tells far more than a single run does; it takes six runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pooled {
    /// The verdict; that of the run itself where there is just one.
    pub behavior: Behavior,
    /// The median drift, with its interval.
    pub drift: Drift,
    /// Runs that it rests on.
    pub runs: usize,
    /// Runs that diverged in the large phase.
    pub diverged: usize,
    /// Runs that were too short to tell.
    pub too_short: usize,
    /// The median level over the runs that it rests on.
    #[serde(with = "crate::number")]
    pub level: f64,
    /// How many runs of each verdict there are, in the order of [`Behavior::ALL`]; what did not happen is left out.
    pub single: Vec<(Behavior, usize)>,
}

impl Pooled {
    /// Of the verdicts on single runs.
    pub fn of(runs: &[Stabilization]) -> Self {
        let count = |behavior| runs.iter().filter(|run| run.behavior == behavior).count();
        let single: Vec<_> =
            Behavior::ALL.into_iter().map(|behavior| (behavior, count(behavior))).filter(|(_, n)| *n > 0).collect();
        let [diverged, too_short] = [Behavior::Diverges, Behavior::TooShort].map(count);
        let told: Vec<&Stabilization> =
            runs.iter().filter(|run| !matches!(run.behavior, Behavior::Diverges | Behavior::TooShort)).collect();
        let values = |value: fn(&Stabilization) -> f64| told.iter().map(|run| value(run)).collect::<Vec<_>>();
        let median = |value| quantile(&values(value), 0.5);
        let drift = median_drift(&values(|run| run.drift.factor));
        let converged = 2 * count(Behavior::Converges) > told.len();
        let behavior = match (&told[..], runs.len()) {
            ([], _) if too_short > 0 => Behavior::TooShort,
            ([], 0) => Behavior::TooShort,
            ([], _) => Behavior::Diverges,
            ([run], 1) => run.behavior,
            _ if converged => Behavior::Converges,
            _ => match drift.change() {
                Change::Flat => flat(median(|run| run.at_small_steps), median(|run| run.of_constant)),
                Change::Falls => Behavior::Falling,
                Change::Rises => Behavior::Rising,
                Change::CannotTell => Behavior::CannotTell,
            },
        };
        let drift = if let ([run], 1) = (&told[..], runs.len()) { run.drift } else { drift };
        Self { behavior, drift, runs: told.len(), diverged, too_short, level: median(|run| run.level), single }
    }

    /// How many runs would tell, where so many could not, if the drift is what it seems to be.
    pub fn runs_needed(&self) -> Option<usize> {
        if self.behavior != Behavior::CannotTell {
            return None;
        }
        if self.runs < LEAST_FOR_MEDIAN {
            return Some(LEAST_FOR_MEDIAN);
        }
        let times = self.drift.more_needed()?;
        Some((times * self.runs as f64).ceil() as usize)
    }
}

/// The median, with the 95% interval of the sign test.
fn median_drift(factors: &[f64]) -> Drift {
    let [low, high] = median_interval(factors).unwrap_or([Drift::UNKNOWN.low, Drift::UNKNOWN.high]);
    Drift { factor: quantile(factors, 0.5), low, high }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(behavior: Behavior, factor: f64) -> Stabilization {
        let drift = Drift { factor, ..Drift::UNKNOWN };
        Stabilization { behavior, drift, at_small_steps: 0.1, level: 0.01, ..Stabilization::unknown() }
    }

    #[test]
    fn seeds_tell_together_what_none_tells_alone() {
        let factors = [0.8, 1.3, 0.7, 1.1, 0.9, 1.2];
        let mut runs: Vec<Stabilization> = factors.iter().map(|f| run(Behavior::CannotTell, *f)).collect();
        let pooled = Pooled::of(&runs);
        assert_eq!((pooled.behavior, pooled.runs), (Behavior::Stabilizes, 6));
        assert_eq!((pooled.drift.factor, pooled.drift.low, pooled.drift.high), (1.0, 0.7, 1.3));
        runs.push(run(Behavior::Diverges, f64::NAN));
        runs.push(run(Behavior::TooShort, f64::NAN));
        let with_others = Pooled::of(&runs);
        assert_eq!((with_others.behavior, with_others.diverged, with_others.too_short), (Behavior::Stabilizes, 1, 1));
        let few = Pooled::of(&runs[..5]);
        assert_eq!((few.behavior, few.runs_needed()), (Behavior::CannotTell, Some(6)));
        let falling: Vec<Stabilization> = factors.iter().map(|f| run(Behavior::CannotTell, 0.3 * f)).collect();
        assert_eq!(Pooled::of(&falling).behavior, Behavior::Falling);
        assert_eq!(Pooled::of(&[]).behavior, Behavior::TooShort);
    }
}
