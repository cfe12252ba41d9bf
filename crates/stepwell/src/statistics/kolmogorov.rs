//! Kolmogorov and Smirnov's test against a given distribution.

/// The largest distance between the empirical distribution of `values` and `cumulative`, and its p-value by the limit law
/// with Stephens' correction for small samples. Source: Stephens, J. R. Stat. Soc. B 32 (1970).
pub fn kolmogorov_smirnov(values: &[f64], cumulative: impl Fn(f64) -> f64) -> (f64, f64) {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len() as f64;
    let distance = sorted.iter().enumerate().fold(0.0_f64, |largest, (k, x)| {
        let c = cumulative(*x);
        largest.max((c - k as f64 / n).abs()).max(((k + 1) as f64 / n - c).abs())
    });
    (distance, tail(distance * (n.sqrt() + 0.12 + 0.11 / n.sqrt())))
}

/// `2 sum_k (-1)^(k-1) exp(-2 k^2 t^2)`; 1 for small t, where the series converges slowly.
fn tail(t: f64) -> f64 {
    if t < 0.2 {
        return 1.0;
    }
    let term = |k: i32| if k % 2 == 1 { 2.0 } else { -2.0 } * libm::exp(-2.0 * f64::from(k * k) * t * t);
    (1..100).map(term).sum::<f64>().clamp(0.0, 1.0)
}

/// The standard normal distribution function.
pub fn standard_normal(x: f64) -> f64 {
    0.5 * libm::erfc(-x * core::f64::consts::FRAC_1_SQRT_2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Normals;

    #[test]
    fn critical_values_of_the_limit_law() {
        for (t, p) in [(1.2238, 0.1), (1.3581, 0.05), (1.6276, 0.01)] {
            assert!((tail(t) - p).abs() < 1e-4);
        }
    }

    /// True samples have uniform p-values; a shift by a tenth is found.
    #[test]
    fn tells_a_shift_from_none() {
        let p_of = |seed, shift: f64| {
            let mut z = vec![0.0; 4000];
            Normals::new(seed).fill(&mut z);
            kolmogorov_smirnov(&z, |x| standard_normal(x - shift)).1
        };
        let low = (0..200).filter(|seed| p_of(*seed, 0.0) < 0.1).count();
        assert!((8..=36).contains(&low), "{low} of 200 below 0.1");
        assert!(p_of(1, 0.1) < 1e-4);
    }
}
