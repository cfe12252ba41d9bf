//! The paper's observations as tests over paired seeds: the loss stabilizes; the longer the step size stays large, the
//! smaller the test loss, the rank, and the share of features that is left.

use stepwell::statistics::{Share, quantile};
use stepwell::verdict::Behavior;

use super::{Measured, Setting};
use crate::ensemble::Outcome;

/// One observation with its evidence.
pub struct Observation {
    /// What the paper says.
    pub statement: String,
    /// The settings that are compared.
    pub between: String,
    /// In how many seeds it is so.
    pub share: Share,
    /// Its size: the median over seeds, with a 95% interval of the median.
    pub effect: Option<Effect>,
    /// What follows.
    pub verdict: &'static str,
}

/// A median over pairs.
pub struct Effect {
    /// What is measured.
    pub unit: &'static str,
    /// The median.
    pub median: f64,
    /// 95% interval of the median.
    pub interval: (f64, f64),
}

impl Effect {
    /// `None` of no values.
    fn of(unit: &'static str, values: &[f64]) -> Option<Self> {
        (!values.is_empty()).then(|| Self { unit, median: quantile(values, 0.5), interval: of_median(values) })
    }
}

/// All observations that the figure can speak to.
pub fn observations(settings: &[Setting], measured: &[Measured]) -> Vec<Observation> {
    let mut large: Vec<(u64, usize)> = settings
        .iter()
        .enumerate()
        .filter(|(_, setting)| !setting.over_seeds.schedule().decay_steps().is_empty())
        .map(|(k, setting)| (setting.over_seeds.schedule().last_step_before_decay(setting.over_seeds.spec().steps), k))
        .collect();
    large.sort_unstable();
    let mut out: Vec<Observation> =
        large.iter().map(|(_, k)| stabilization(&settings[*k].label, &measured[*k])).collect();
    let (Some((_, short)), Some((_, long))) = (large.first(), large.last()) else { return out };
    if short != long {
        let between = format!("{} → {}", settings[*short].label, settings[*long].label);
        let (short, long) = (&measured[*short], &measured[*long]);
        let names = super::listed(measured);
        let claimed = |name: &&String| {
            matches!(name.as_str(), "test_loss" | "rank" | "nonzero")
                || name.starts_with("feature_sparsity")
                || name.starts_with("nonzero_share")
        };
        out.extend(names.iter().filter(claimed).map(|name| shrinks(name, &between, short, long)));
    }
    out
}

/// Effect: the factor that the loss gains over the second half of the phase, by the line fitted to its logarithm.
fn stabilization(label: &str, measured: &Measured) -> Observation {
    // runs that diverged meanwhile are counted elsewhere; those with too few records tell nothing
    let told = |run: &&Outcome| !matches!(run.stabilization.behavior, Behavior::CannotTell | Behavior::Diverges);
    let drifts: Vec<f64> = measured.seeds.iter().filter(told).map(|run| libm::exp10(run.stabilization.trend)).collect();
    let share = Share::of(measured.stabilized().count(), drifts.len());
    let statement = "the loss stabilizes while the step size is large, unless it diverges".into();
    let effect = Effect::of("drift, factor", &drifts);
    Observation { statement, between: label.into(), share, effect, verdict: verdict(&share) }
}

/// Whether the last value of a series is smaller where the step size was large for longer, seed by seed; pairs of which
/// one diverged are left out.
fn shrinks(name: &str, between: &str, short: &Measured, long: &Measured) -> Observation {
    let pairs: Vec<(f64, f64)> =
        short.finals(name).into_iter().zip(long.finals(name)).filter(|(a, b)| !a.is_nan() && !b.is_nan()).collect();
    let share = Share::of(pairs.iter().filter(|(a, b)| b < a).count(), pairs.len());
    let is_loss = name.ends_with("loss");
    let sizes: Vec<f64> = pairs.iter().map(|(a, b)| if is_loss { b / a } else { b - a }).collect();
    let unit = if is_loss { "ratio" } else { "difference" };
    let effect = Effect::of(unit, &sizes);
    let statement = format!("the longer, the smaller the {}", stepwell::words::probe_words(name));
    Observation { statement, between: between.into(), share, effect, verdict: verdict(&share) }
}

/// More than half of the seeds with 95% confidence, fewer than half, or neither.
fn verdict(share: &Share) -> &'static str {
    match share {
        share if share.total == 0 => "no run to tell",
        share if share.low > 0.5 => "holds",
        share if share.high < 0.5 => "does not hold",
        _ => "undecided",
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
    fn verdicts_need_confidence() {
        assert_eq!(verdict(&Share::of(70, 100)), "holds");
        assert_eq!(verdict(&Share::of(55, 100)), "undecided");
        assert_eq!(verdict(&Share::of(20, 100)), "does not hold");
        assert_eq!(verdict(&Share::of(0, 0)), "no run to tell");
    }
}
