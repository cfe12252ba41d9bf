//! The binomial law: its tails, Clopper and Pearson's interval of a share, the exact sign test.

use super::beta::{crossing, incomplete_beta};

/// `P(X <= k)` for `X` binomial with `n` draws of probability `p`.
///
/// ```
/// assert!((stepwell::statistics::binomial_at_most(1, 3, 0.5) - 0.5).abs() < 1e-15);
/// ```
pub fn binomial_at_most(k: usize, n: usize, p: f64) -> f64 {
    if k >= n { 1.0 } else { incomplete_beta((n - k) as f64, (k + 1) as f64, 1.0 - p) }
}

/// The exact interval of a share at level `1 - alpha`: both tails have at most `alpha / 2`, whatever the share is. `[0, 1]` if
/// `total` is 0. Source: Clopper and Pearson, Biometrika 26 (1934).
pub fn clopper_pearson(hits: usize, total: usize, alpha: f64) -> [f64; 2] {
    let (half, n) = (0.5 * alpha, total as f64);
    let best = hits as f64 / n;
    let low = || crossing(0.0, best, |p| 1.0 - binomial_at_most(hits - 1, total, p) < half);
    let high = || crossing(best, 1.0, |p| binomial_at_most(hits, total, p) >= half);
    match hits {
        _ if total == 0 => [0.0, 1.0],
        // in closed form
        0 => [0.0, 1.0 - libm::pow(half, 1.0 / n)],
        _ if hits == total => [libm::pow(half, 1.0 / n), 1.0],
        _ => [low(), high()],
    }
}

/// The exact two-sided p-value of `a` against `b` signs under equal chances; 1 if there are none.
///
/// ```
/// assert!((stepwell::statistics::sign_test(4, 12) - 0.0768).abs() < 1e-4);
/// ```
pub fn sign_test(a: usize, b: usize) -> f64 {
    (2.0 * binomial_at_most(a.min(b), a + b, 0.5)).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Term by term, in whole numbers where they fit.
    #[test]
    fn tails_are_sums_of_terms() {
        for n in [1_usize, 2, 7, 30, 60] {
            for p in [0.01, 0.3, 0.5, 0.97] {
                let (mut term, mut sum) = (libm::pow(1.0 - p, n as f64), 0.0);
                for k in 0..n {
                    sum += term;
                    let error = (binomial_at_most(k, n, p) - sum).abs();
                    assert!(error < 1e-13, "P(X <= {k}), n = {n}, p = {p}: {error:e}");
                    term *= (n - k) as f64 / (k + 1) as f64 * p / (1.0 - p);
                }
            }
        }
        // far out, where the normal law is right: z = -1
        let far = binomial_at_most(499_500, 1_000_000, 0.5);
        assert!((far - 0.158_897).abs() < 1e-5, "{far}");
    }

    #[test]
    fn intervals_of_the_textbook() {
        // Newcombe, Statistics in Medicine 17 (1998), table I: 81 of 263 and 15 of 148
        for (hits, total, low, high) in [(81, 263, 0.2527, 0.3676), (15, 148, 0.0578, 0.1617)] {
            let [l, h] = clopper_pearson(hits, total, 0.05);
            assert!((l - low).abs() < 5e-5 && (h - high).abs() < 5e-5, "{hits} of {total}: {l} {h}");
        }
        // no hits: 1 - (alpha/2)^(1/n)
        assert!((clopper_pearson(0, 20, 0.05)[1] - 0.1684).abs() < 5e-5);
        assert_eq!(clopper_pearson(0, 0, 0.05), [0.0, 1.0]);
        assert_eq!((clopper_pearson(0, 3, 0.05)[0], clopper_pearson(3, 3, 0.05)[1]), (0.0, 1.0));
    }

    #[test]
    fn signs_by_counting() {
        // 2 (1 + 6) / 64, and unanimity 2 / 2^n
        assert!((sign_test(5, 1) - 14.0 / 64.0).abs() < 1e-15);
        assert!((sign_test(0, 5) - 1.0 / 16.0).abs() < 1e-15);
        assert_eq!([sign_test(0, 0), sign_test(3, 3)], [1.0; 2]);
        // 30 of 83
        assert!((sign_test(30, 53) - 0.0152).abs() < 1e-4);
    }
}
