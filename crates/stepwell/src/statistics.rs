//! Statistics over seeds: quantiles, shares, medians and predictions with their intervals; distances between samples, fitted
//! slopes, tests.

mod beta;
mod binomial;
mod distance;
mod error_spending;
mod fit;
mod holm;
mod kolmogorov;
mod order;
mod sequence;
mod student;

use serde::{Deserialize, Serialize};

pub use binomial::{binomial_at_most, clopper_pearson, sign_test};
pub use distance::{Slices, energy_distance, sliced_wasserstein};
pub use error_spending::{Attempt, Look};
pub use fit::Slope;
pub use holm::holm;
pub use kolmogorov::{kolmogorov_smirnov, standard_normal};
pub use order::{LEAST_FOR_MEDIAN, LEAST_FOR_PREDICTION, median_interval, prediction_interval};
pub use sequence::confidence_sequence;
pub use student::students_t;

/// Quantile `p` of the finite and infinite values, by linear interpolation between order statistics (type 7 of Hyndman
/// and Fan). NaN values are left out; NaN if nothing is left.
///
/// ```
/// assert_eq!(stepwell::statistics::quantile(&[4.0, 1.0, 2.0, 3.0], 0.5), 2.5);
/// ```
pub fn quantile(values: &[f64], p: f64) -> f64 {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|v| !v.is_nan()).collect();
    sorted.sort_by(f64::total_cmp);
    if sorted.is_empty() {
        return f64::NAN;
    }
    let position = p.clamp(0.0, 1.0) * (sorted.len() - 1) as f64;
    let (below, weight) = (position as usize, position.fract());
    let next = sorted[(below + 1).min(sorted.len() - 1)];
    // equal neighbors may be infinite
    if weight == 0.0 || next == sorted[below] { sorted[below] } else { sorted[below] + weight * (next - sorted[below]) }
}

/// Median with the 10% and 90% quantiles.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Band {
    /// 10% quantile.
    #[serde(with = "crate::number")]
    pub p10: f64,
    /// Median.
    #[serde(with = "crate::number")]
    pub median: f64,
    /// 90% quantile.
    #[serde(with = "crate::number")]
    pub p90: f64,
    /// Number of values, NaN left out.
    pub count: usize,
}

impl Band {
    /// The band of a sample; NaN where it is empty.
    pub fn of(values: &[f64]) -> Self {
        let count = values.iter().filter(|v| !v.is_nan()).count();
        Self { p10: quantile(values, 0.1), median: quantile(values, 0.5), p90: quantile(values, 0.9), count }
    }
}

/// A share of `hits` in `total` with its exact 95% interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// How many.
    pub hits: usize,
    /// Out of how many.
    pub total: usize,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

impl Share {
    /// With [`clopper_pearson`]'s interval: for a number of runs that was fixed beforehand. Who looks repeatedly and may stop
    /// takes [`Share::of_looks`]. `[0, 1]` if `total` is 0.
    pub fn of(hits: usize, total: usize) -> Self {
        let [low, high] = clopper_pearson(hits, total, 0.05);
        Self { hits, total, low, high }
    }

    /// With the interval of a [`confidence_sequence`], which holds however often one has looked, and wherever one stopped.
    pub fn of_looks(hits: usize, total: usize) -> Self {
        let [low, high] = confidence_sequence(hits, total, 0.05);
        Self { hits, total, low, high }
    }

    /// The share itself; NaN if `total` is 0.
    pub fn value(&self) -> f64 {
        self.hits as f64 / self.total as f64
    }
}

/// Median of `sorted`'s ranks: the share of `values` below `x`, ties counted half. NaN if there are none.
pub fn percentile_of(x: f64, values: &[f64]) -> f64 {
    let known: Vec<f64> = values.iter().copied().filter(|v| !v.is_nan()).collect();
    let below = known.iter().filter(|v| **v < x).count() as f64;
    let equal = known.iter().filter(|v| **v == x).count() as f64;
    (below + 0.5 * equal) / known.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_a_ramp() {
        let ramp: Vec<f64> = (0..=10).rev().map(f64::from).collect();
        let band = Band::of(&ramp);
        assert_eq!((band.p10, band.median, band.p90, band.count), (1.0, 5.0, 9.0, 11));
        assert_eq!(quantile(&[1.0, f64::NAN, 2.0], 0.25), 1.25);
        assert!(quantile(&[], 0.5).is_nan());
        assert_eq!(quantile(&[f64::INFINITY; 4], 0.3), f64::INFINITY);
        assert_eq!(quantile(&[1.0, f64::INFINITY, f64::INFINITY], 1.0), f64::INFINITY);
    }
}
