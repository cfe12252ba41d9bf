//! Loss stabilization: whether a recorded loss hovers at a level while the step size is large.
//!
//! Definition. The *phase* is the recorded part of the run up to the last step before the step size falls for the first
//! time. Its second half (in records spaced evenly over steps) is the reference. With a straight line fitted to the
//! logarithms of the loss there, the loss is
//! - *stabilized* if the line's change over the reference is at most one standard deviation of the residuals about it,
//!   two standard errors of that change, or 5% of a factor of ten, whichever is largest, and the loss is above the floor
//!   of arithmetic;
//! - *falling* or *rising* otherwise;
//! - *diverged* if the run diverged within the phase;
//! - *converged* if the reference lies below `1e-24` of the first loss, where round-off governs.
//!
//! The level delta is the geometric mean over the reference, the band its 10% and 90% quantiles. The loss is stabilized
//! *from* the start of the longest stretch that ends with the phase and in which every block of a twentieth of the phase
//! has its geometric mean within the band, widened to a factor of 2 around delta at least.

use serde::{Deserialize, Serialize};

use crate::outcome::Outcome;
use crate::schedule::Schedule;
use crate::statistics::quantile;

/// What the loss does while the step size is not decayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Behavior {
    /// It hovers at a level.
    Stabilizes,
    /// It still falls.
    Falling,
    /// It rises.
    Rising,
    /// It is at the floor of the arithmetic.
    Converges,
    /// The run diverged before the phase ended.
    Diverges,
    /// Fewer than 20 records: no verdict.
    CannotTell,
}

impl Behavior {
    /// All verdicts.
    pub const ALL: [Self; 6] =
        [Self::Stabilizes, Self::Falling, Self::Rising, Self::Converges, Self::Diverges, Self::CannotTell];

    /// The verdict in words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stabilizes => "stabilized",
            Self::Falling => "falling",
            Self::Rising => "rising",
            Self::Converges => "converged",
            Self::Diverges => "diverged",
            Self::CannotTell => "too short",
        }
    }
}

/// A stabilization verdict with its figures.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stabilization {
    /// The verdict.
    pub behavior: Behavior,
    /// First step of the stabilized stretch (of the reference, unless stabilized).
    pub from: u64,
    /// Last recorded step of the phase.
    pub to: u64,
    /// Level delta: geometric mean of the loss over the reference.
    #[serde(with = "crate::number")]
    pub level: f64,
    /// 10% quantile over the reference.
    #[serde(with = "crate::number")]
    pub p10: f64,
    /// 90% quantile over the reference.
    #[serde(with = "crate::number")]
    pub p90: f64,
    /// Factors of ten that the fitted line gains over the reference.
    #[serde(with = "crate::number")]
    pub trend: f64,
}

const LEAST_RECORDS: usize = 20;

/// The verdict for losses recorded at `steps` (increasing), where `last_large` is the last step before the first decay,
/// see [`crate::schedule::Schedule::last_step_before_decay`], and `diverged_at` the step at which the run diverged.
pub fn stabilization(steps: &[u64], losses: &[f64], last_large: u64, diverged_at: Option<u64>) -> Stabilization {
    let (steps, losses) = evenly_spaced(steps, losses, last_large);
    let n = steps.len();
    let to = steps.last().copied().unwrap_or(0);
    let diverged = diverged_at.is_some_and(|step| step <= last_large);
    if n < LEAST_RECORDS {
        let behavior = if diverged { Behavior::Diverges } else { Behavior::CannotTell };
        let nan = f64::NAN;
        return Stabilization { behavior, from: 0, to, level: nan, p10: nan, p90: nan, trend: nan };
    }
    let logs: Vec<f64> = losses.iter().map(|l| libm::log10(l.max(f64::MIN_POSITIVE))).collect();
    let reference = &logs[n / 2..];
    let level_log = mean(reference);
    let [p10, p90] = [0.1, 0.9].map(|p| quantile(&losses[n / 2..], p));
    let (trend, spread) = line(reference);
    // the slope's standard error, times the length of the reference
    let standard_error = spread * (12.0 / reference.len() as f64).sqrt();
    let behavior = if diverged {
        Behavior::Diverges
    } else if level_log < logs[0] - 24.0 {
        Behavior::Converges
    } else if trend.abs() <= spread.max(2.0 * standard_error).max(0.05) {
        Behavior::Stabilizes
    } else if trend < 0.0 {
        Behavior::Falling
    } else {
        Behavior::Rising
    };
    let mut first = n / 2;
    if behavior == Behavior::Stabilizes {
        let block = (n / 20).max(1);
        let half_factor = libm::log10(2.0);
        let low = (level_log - half_factor).min(libm::log10(p10.max(f64::MIN_POSITIVE)));
        let high = (level_log + half_factor).max(libm::log10(p90.max(f64::MIN_POSITIVE)));
        while first >= block && (low..=high).contains(&mean(&logs[first - block..first])) {
            first -= block;
        }
    }
    Stabilization { behavior, from: steps[first], to, level: libm::pow(10.0, level_log), p10, p90, trend }
}

/// The verdict on the recorded training loss of a run of `steps` steps with this schedule.
pub fn stabilization_of(outcome: &Outcome, schedule: &Schedule, steps: u64) -> Stabilization {
    let (at, losses) = outcome.records.line("train_loss");
    stabilization(at, losses, schedule.last_step_before_decay(steps), outcome.diverged_at())
}

/// The finite records up to `last`, thinned where they lie denser than the widest gap: dense first steps would
/// outweigh the rest.
fn evenly_spaced(steps: &[u64], losses: &[f64], last: u64) -> (Vec<u64>, Vec<f64>) {
    let kept: Vec<(u64, f64)> =
        steps.iter().copied().zip(losses.iter().copied()).filter(|(t, l)| *t <= last && l.is_finite()).collect();
    let gap = kept.windows(2).map(|pair| pair[1].0 - pair[0].0).max().unwrap_or(1);
    let mut out: Vec<(u64, f64)> = Vec::new();
    for (t, l) in kept {
        if out.last().is_none_or(|previous| t - previous.0 >= gap.saturating_sub(1).max(1)) {
            out.push((t, l));
        }
    }
    out.into_iter().unzip()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Change of the least-squares line over the whole stretch, and the standard deviation about it.
fn line(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let (center, average) = ((n - 1.0) / 2.0, mean(values));
    let (mut cross, mut square) = (0.0, 0.0);
    for (k, v) in values.iter().enumerate() {
        let k = k as f64 - center;
        cross += k * (v - average);
        square += k * k;
    }
    let slope = cross / square;
    let rest: f64 = values
        .iter()
        .enumerate()
        .map(|(k, v)| {
            let error = v - average - slope * (k as f64 - center);
            error * error
        })
        .sum();
    (slope * (n - 1.0), (rest / n).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Stream};

    fn losses(n: u64, mut loss: impl FnMut(f64) -> f64) -> (Vec<u64>, Vec<f64>) {
        let steps: Vec<u64> = (0..n).map(|k| 10 * k).collect();
        let values = steps.iter().map(|&t| loss(t as f64)).collect();
        (steps, values)
    }

    #[test]
    fn exponential_decay_is_falling_and_its_floor_converged() {
        let (steps, values) = losses(200, |t| libm::exp(-t / 100.0));
        assert_eq!(stabilization(&steps, &values, 2000, None).behavior, Behavior::Falling);
        let (steps, values) = losses(200, |t| if t < 500.0 { 1.0 } else { 1e-32 });
        assert_eq!(stabilization(&steps, &values, 2000, None).behavior, Behavior::Converges);
    }

    #[test]
    fn noise_about_a_level_is_stabilized_from_where_it_arrives() {
        let mut stream = Stream::new(1, Purpose::Noise);
        let (steps, values) = losses(400, |t| (1e-3 + libm::exp(-t / 50.0)) * libm::exp(0.3 * stream.normal()));
        let found = stabilization(&steps, &values, 4000, None);
        assert_eq!((found.behavior, found.to), (Behavior::Stabilizes, 3990));
        assert!((found.level / 1e-3 - 1.0).abs() < 0.15, "{found:?}");
        // exp(-t/50) = 1e-3 at t = 345
        assert!((200..700).contains(&found.from), "{found:?}");
        assert!(found.p10 < found.level && found.level < found.p90);
    }

    #[test]
    fn what_follows_the_decay_does_not_count() {
        let (steps, values) = losses(400, |t| if t <= 2000.0 { 1e-2 * (1.5 + libm::sin(t)) } else { 1e-9 });
        let found = stabilization(&steps, &values, 2000, None);
        assert_eq!((found.behavior, found.to), (Behavior::Stabilizes, 2000));
        assert_eq!(stabilization(&steps, &values, 2000, Some(1500)).behavior, Behavior::Diverges);
        assert_eq!(stabilization(&steps, &values, 2000, Some(3000)).behavior, Behavior::Stabilizes);
        assert_eq!(stabilization(&steps[..10], &values[..10], 2000, None).behavior, Behavior::CannotTell);
    }
}
