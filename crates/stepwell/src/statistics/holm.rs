//! Several tests at once.

/// The p-values of a family of tests, corrected so that the chance of even one false rejection is at most the level that they
/// are compared with. NaN counts as a test that tells nothing. Source: Holm, Scand. J. Stat. 6 (1979).
///
/// ```
/// use stepwell::statistics::holm;
/// let corrected = holm(&[0.01, 0.04, 0.03]);
/// assert!(corrected.iter().zip([0.03, 0.06, 0.06]).all(|(p, by_hand)| (p - by_hand).abs() < 1e-15));
/// ```
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    let value = |k: usize| if p[k].is_nan() { 1.0 } else { p[k] };
    order.sort_by(|a, b| value(*a).total_cmp(&value(*b)));
    let (mut corrected, mut largest) = (vec![1.0; p.len()], 0.0_f64);
    for (rank, k) in order.into_iter().enumerate() {
        largest = largest.max(((p.len() - rank) as f64 * value(k)).min(1.0));
        corrected[k] = largest;
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smallest_first_and_never_falling() {
        assert_eq!(holm(&[]), [0.0; 0]);
        assert_eq!(holm(&[0.2]), [0.2]);
        assert_eq!(holm(&[0.5, 0.6, f64::NAN]), [1.0, 1.0, 1.0]);
        // 30 of 83 among six tests of which the others tell nothing
        let six = holm(&[0.0152, 1.0, 1.0, 1.0, 1.0, 1.0]);
        assert!((six[0] - 0.0912).abs() < 1e-12);
    }
}
