//! The drift of a loss: the factor by which its mean changes over a stretch of blocks, with an interval.

use serde::{Deserialize, Serialize};

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
    /// runs, and one inside for one outside. It is the widest of Student's intervals from the blocks themselves and from
    /// pairs, fours, and eights of them, of which there must be six or more: neighbors that are correlated make those of
    /// the single blocks too narrow. Nothing is known of fewer than six blocks.
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
        let together = |size: usize| -> Vec<f64> {
            let mean = |group: &[f64]| group.iter().sum::<f64>() / size as f64;
            // an incomplete group at the start is left out
            means[blocks % size..].chunks(size).map(|group| libm::log(mean(group).max(f64::MIN_POSITIVE))).collect()
        };
        let (slope, _) = line(&together(1));
        let change = slope * blocks as f64;
        let half_width = |size: usize| {
            let (_, error) = line(&together(size));
            students_t(blocks / size - 2) * error * blocks as f64 / size as f64
        };
        let sizes = [1, 2, 4, 8].into_iter().filter(|size| blocks / size >= LEAST);
        Self::around(change, sizes.map(half_width).fold(0.0, f64::max))
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

/// Slope of the least-squares line over points at 0, 1, 2, .., and its standard error.
fn line(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let (center, average) = ((n - 1.0) / 2.0, values.iter().sum::<f64>() / n);
    let place = |k: usize| k as f64 - center;
    let square: f64 = (0..values.len()).map(|k| place(k) * place(k)).sum();
    let slope = values.iter().enumerate().map(|(k, v)| place(k) * (v - average)).sum::<f64>() / square;
    let rest = |(k, v): (usize, &f64)| v - average - slope * place(k);
    let variance = values.iter().enumerate().map(rest).map(|r| r * r).sum::<f64>() / (n - 2.0);
    (slope, (variance / square).sqrt())
}

/// The 95% quantile of Student's t with `freedom` >= 4 degrees of freedom, to 0.01: the Cornish-Fisher expansion about the
/// normal one (Abramowitz and Stegun 26.7.5).
fn students_t(freedom: usize) -> f64 {
    let (z, v) = (1.644_853_626_951_472_f64, freedom as f64);
    let z2 = z * z;
    let first = z * (z2 + 1.0) / 4.0;
    let second = z * ((5.0 * z2 + 16.0) * z2 + 3.0) / 96.0;
    let third = z * (((3.0 * z2 + 19.0) * z2 + 17.0) * z2 - 15.0) / 384.0;
    z + (first + (second + third / v) / v) / v
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_the_textbook() {
        for (freedom, quantile) in [(4, 2.132), (6, 1.943), (14, 1.761), (30, 1.697)] {
            assert!((students_t(freedom) - quantile).abs() < 0.005, "{freedom}: {}", students_t(freedom));
        }
    }

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
