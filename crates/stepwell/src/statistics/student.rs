//! Student's law.

use super::beta::{crossing, incomplete_beta};

/// The quantile `p >= 1/2` of Student's t with `freedom` degrees of freedom; NaN if there are none.
///
/// `P(-t <= T <= t) = I_y(1/2, v/2)` at `y = t^2 / (v + t^2)`, which is solved for y.
///
/// ```
/// use stepwell::statistics::students_t;
/// assert!((students_t(0.975, 3) - 3.182_446_305).abs() < 1e-8);
/// ```
pub fn students_t(p: f64, freedom: usize) -> f64 {
    let v = freedom as f64;
    let within = 2.0 * p - 1.0;
    let y = crossing(0.0, 1.0, |y| incomplete_beta(0.5, 0.5 * v, y) < within);
    if freedom == 0 { f64::NAN } else { (v * y / (1.0 - y)).sqrt() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One degree of freedom is Cauchy's law, two have `t = a sqrt(2 / (1 - a^2))` with `a = 2p - 1`.
    #[test]
    fn quantiles_in_closed_form() {
        for p in [0.6, 0.75, 0.95, 0.975, 0.9995] {
            let cauchy = libm::tan(core::f64::consts::PI * (p - 0.5));
            assert!((students_t(p, 1) / cauchy - 1.0).abs() < 1e-10, "{p}");
            let a = 2.0 * p - 1.0;
            assert!((students_t(p, 2) / (a * (2.0 / (1.0 - a * a)).sqrt()) - 1.0).abs() < 1e-10, "{p}");
        }
        assert!(students_t(0.5, 7).abs() < 1e-8 && students_t(0.9, 0).is_nan());
    }

    #[test]
    fn quantiles_of_the_textbook() {
        for (p, freedom, quantile) in [
            (0.95, 4, 2.1318),
            (0.95, 6, 1.9432),
            (0.95, 30, 1.6973),
            (0.975, 4, 2.7764),
            (0.975, 10, 2.2281),
            (0.975, 1_000_000, 1.9600),
        ] {
            let found = students_t(p, freedom);
            assert!((found - quantile).abs() < 5e-5, "{p} {freedom}: {found}");
        }
    }
}
