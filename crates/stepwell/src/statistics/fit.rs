//! A straight line through points, with the interval of its slope: exponents of power laws.

use super::student::students_t;

/// A slope with its 95% interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slope {
    /// Least squares.
    pub value: f64,
    /// Half of the interval's length: standard error times Student's 97.5% quantile. NaN with fewer than three points.
    pub margin: f64,
}

impl Slope {
    /// The line `y = a + b x`, fitted by least squares.
    pub fn of(x: &[f64], y: &[f64]) -> Self {
        let n = x.len() as f64;
        let (mean_x, mean_y) = (x.iter().sum::<f64>() / n, y.iter().sum::<f64>() / n);
        let xx: f64 = x.iter().map(|x| (x - mean_x) * (x - mean_x)).sum();
        let xy: f64 = x.iter().zip(y).map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
        let value = xy / xx;
        let residual = |(x, y): (&f64, &f64)| (y - mean_y) - value * (x - mean_x);
        let rest: f64 = x.iter().zip(y).map(|point| residual(point) * residual(point)).sum();
        let freedom = x.len().saturating_sub(2);
        Self { value, margin: students_t(0.975, freedom) * (rest / freedom as f64 / xx).sqrt() }
    }

    /// The exponent b of `y = a x^b`, both positive.
    pub fn of_power(x: &[f64], y: &[f64]) -> Self {
        let log = |v: &[f64]| v.iter().map(|v| libm::log(*v)).collect::<Vec<_>>();
        Self::of(&log(x), &log(y))
    }

    /// Whether the whole interval lies within `tolerance` of `expected`.
    pub fn is_within(&self, expected: f64, tolerance: f64) -> bool {
        (self.value - expected).abs() + self.margin <= tolerance
    }
}

impl core::fmt::Display for Slope {
    fn fmt(&self, f: &mut core::fmt::Formatter) -> core::fmt::Result {
        write!(f, "{:.3} ± {:.3}", self.value, self.margin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_lines_and_powers_have_no_margin() {
        let line = Slope::of(&[0.0, 1.0, 2.0], &[1.0, 3.0, 5.0]);
        assert_eq!((line.value, line.margin), (2.0, 0.0));
        assert!(Slope::of_power(&[1.0, 2.0, 8.0], &[3.0, 12.0, 192.0]).is_within(2.0, 1e-12));
        assert!(Slope::of(&[0.0, 1.0], &[0.0, 1.0]).margin.is_nan());
    }

    /// The textbook's five points (1,2) (2,4) (3,5) (4,4) (5,5): slope 0.6, standard error sqrt(0.08), t = 3.182.
    #[test]
    fn interval_of_five_points() {
        let fit = Slope::of(&[1.0, 2.0, 3.0, 4.0, 5.0], &[2.0, 4.0, 5.0, 4.0, 5.0]);
        assert!((fit.value - 0.6).abs() < 1e-14 && (fit.margin - 3.182_446 * 0.08_f64.sqrt()).abs() < 1e-6);
    }
}
