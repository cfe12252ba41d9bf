//! The drift of a loss: the factor by which its mean changes over a stretch of blocks, with an interval.

use serde::{Deserialize, Serialize};

use crate::statistics::students_t;

/// A factor with its interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    /// By what the mean changes over the stretch.
    #[serde(with = "crate::number")]
    pub factor: f64,
    /// Lower end of the interval.
    #[serde(with = "crate::number")]
    pub low: f64,
    /// Upper end of the interval.
    #[serde(with = "crate::number")]
    pub high: f64,
}

/// What a drift's interval says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It lies within [1/2, 2].
    Flat,
    /// It lies below 1/2.
    Falls,
    /// It lies above 2.
    Rises,
    /// None of these.
    CannotTell,
}

impl Drift {
    /// A change by less than this factor counts as none.
    pub const MARGIN: f64 = 2.0;
    /// Nothing is known.
    pub const UNKNOWN: Self = Self { factor: f64::NAN, low: 0.0, high: f64::INFINITY };

    /// The drift over `means`, the mean losses of neighboring blocks of as many steps each: a straight line is fitted to
    /// their logarithms.
    ///
    /// The interval has a level of 90%, so that a drift outside of the margin is taken for one inside of it in at most 5% of
    /// runs, and one inside for one outside. With `rho` the correlation of neighbors among the n residuals, `s` the standard
    /// error that the line would have without it, and t Student's 95% quantile,
    ///
    /// `half-width = t_(n-2) s sqrt((1 + r) / (1 - r))`, `r = (rho + 2/n) / (1 - 14/n)`, between 0 and `1 - 25/n^2`
    ///
    /// (the divisor is 2/5 at least): a fitted line hides some of the correlation, and r is so much larger than rho that
    /// the level holds up to a random walk. It is no narrower than the interval from eight groups of neighbors, which shows
    /// what is correlated over longer times. `docs/statistics.md` has the simulations. Nothing is known of fewer than six blocks.
    ///
    /// ```
    /// use stepwell::verdict::{Change, Drift};
    /// let halved: Vec<f64> = (0..32).map(|k| f64::powf(0.5, k as f64 / 32.0)).collect();
    /// assert!((Drift::of(&halved).factor - 0.5).abs() < 1e-12);
    /// assert_eq!(Drift::of(&[1.0; 32]).change(), Change::Flat);
    /// ```
    pub fn of(means: &[f64]) -> Self {
        let blocks = means.len();
        if blocks < LEAST || means.iter().any(|mean| !mean.is_finite()) {
            return Self::UNKNOWN;
        }
        // an incomplete group at the start is left out
        let together = |size: usize| -> Vec<f64> {
            let mean = |group: &[f64]| group.iter().sum::<f64>() / size as f64;
            means[blocks % size..].chunks(size).map(|group| libm::log(mean(group).max(f64::MIN_POSITIVE))).collect()
        };
        let (single, grouped) = (Line::of(&together(1)), Line::of(&together((blocks / GROUPS).max(1))));
        Self::around(single.change, (single.half_width() * single.widened()).max(grouped.half_width()))
    }

    fn around(change: f64, half_width: f64) -> Self {
        let [factor, low, high] = [change, change - half_width, change + half_width].map(libm::exp);
        Self { factor, low, high }
    }

    /// What the interval says.
    pub fn change(&self) -> Change {
        match self {
            drift if drift.low >= 1.0 / Self::MARGIN && drift.high <= Self::MARGIN => Change::Flat,
            drift if drift.high < 1.0 / Self::MARGIN => Change::Falls,
            drift if drift.low > Self::MARGIN => Change::Rises,
            _ => Change::CannotTell,
        }
    }

    /// How many times as many runs, or as long a phase, would tell where this interval does not, if the drift is what it
    /// seems to be: its half-width falls with the square root. `None` where the drift lies too near to the margin.
    pub fn more_needed(&self) -> Option<f64> {
        let to_margin = (libm::log(self.factor).abs() - libm::log(Self::MARGIN)).abs();
        let half_width = 0.5 * libm::log(self.high / self.low);
        let times = (half_width / to_margin) * (half_width / to_margin);
        (times.is_finite() && times < 1e3).then_some(times.max(1.0))
    }
}

/// Fewest points of a line with an error.
const LEAST: usize = 6;
/// Number of groups that neighbors are put together in.
const GROUPS: usize = 8;

/// The least-squares line through values at equal distances.
struct Line {
    points: usize,
    /// By what it changes over all of them.
    change: f64,
    /// The standard error of that, if residuals are independent.
    error: f64,
    /// The correlation of neighboring residuals; NaN where there are none.
    correlation: f64,
}

impl Line {
    fn of(values: &[f64]) -> Self {
        let (points, n) = (values.len(), values.len() as f64);
        let (center, average) = ((n - 1.0) / 2.0, values.iter().sum::<f64>() / n);
        let place = |k: usize| k as f64 - center;
        let square: f64 = (0..points).map(|k| place(k) * place(k)).sum();
        let slope = values.iter().enumerate().map(|(k, v)| place(k) * (v - average)).sum::<f64>() / square;
        let rest: Vec<f64> = values.iter().enumerate().map(|(k, v)| v - average - slope * place(k)).collect();
        let sum: f64 = rest.iter().map(|r| r * r).sum();
        let correlation = rest.windows(2).map(|pair| pair[0] * pair[1]).sum::<f64>() / sum;
        Self { points, change: slope * n, error: (sum / (n - 2.0) / square).sqrt() * n, correlation }
    }

    fn half_width(&self) -> f64 {
        students_t(0.95, self.points - 2) * self.error
    }

    /// The factor by which correlation widens it: see [`Drift::of`].
    fn widened(&self) -> f64 {
        let n = self.points as f64;
        let r = (self.correlation + 2.0 / n) / (1.0 - 14.0 / n).max(0.4);
        let r = if r.is_nan() { 0.0 } else { r.clamp(0.0, 1.0 - 25.0 / (n * n)) };
        ((1.0 + r) / (1.0 - r)).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_logarithms_is_its_own_factor() {
        let grows: Vec<f64> = (0..32).map(|k| libm::exp(0.1 * f64::from(k))).collect();
        let drift = Drift::of(&grows);
        assert!((libm::log(drift.factor) - 3.2).abs() < 1e-12 && drift.change() == Change::Rises, "{drift:?}");
        let falls: Vec<f64> = grows.iter().rev().copied().collect();
        assert_eq!(Drift::of(&falls).change(), Change::Falls);
        assert!(Drift::of(&grows[..5]).factor.is_nan());
        assert!(Drift::of(&[1.0, f64::INFINITY, 1.0, 1.0, 1.0, 1.0]).factor.is_nan());
    }
}
