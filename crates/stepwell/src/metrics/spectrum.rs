//! What a singular spectrum and the columns of a Jacobian say about how many directions are used.

use crate::linalg::Matrix;

/// Effective rank: `exp(-sum p_k ln p_k)` with `p_k = s_k / sum s`, between 1 and the number of non-zero singular values.
///
/// 0 for a zero matrix, NaN if a value is. Source: Roy and Vetterli, EUSIPCO 2007.
///
/// ```
/// use stepwell::metrics::effective_rank;
/// assert!((effective_rank(&[2.0, 2.0, 2.0, 0.0]) - 3.0).abs() < 1e-14);
/// ```
pub fn effective_rank(singular_values: &[f64]) -> f64 {
    let sum: f64 = singular_values.iter().sum();
    if sum == 0.0 {
        return 0.0;
    }
    let shares = singular_values.iter().map(|s| s / sum);
    libm::exp(-shares.map(|p| if p == 0.0 { 0.0 } else { p * libm::log(p) }).sum::<f64>())
}

/// Euclidean norms of the columns of `jacobian` (n x p): one per parameter.
pub fn column_norms(jacobian: &Matrix) -> Vec<f64> {
    let mut squares = vec![0.0; jacobian.cols()];
    for row in jacobian.iter_rows() {
        squares.iter_mut().zip(row).for_each(|(square, v)| *square += v * v);
    }
    squares.into_iter().map(f64::sqrt).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn effective_rank_at_its_ends() {
        assert_eq!(effective_rank(&[5.0, 0.0]), 1.0);
        assert_eq!(effective_rank(&[0.0, 0.0]), 0.0);
        assert!(effective_rank(&[f64::NAN, 1.0]).is_nan());
        let entropy = 0.75 * libm::log(4.0 / 3.0) + 0.25 * libm::log(4.0);
        assert!((effective_rank(&[3.0, 1.0]) - libm::exp(entropy)).abs() < 1e-14);
    }

    #[test]
    fn columns_of_a_small_matrix() {
        assert_eq!(column_norms(&Matrix::from_rows(2, 2, &[3.0, 0.0, 4.0, 2.0])), [5.0, 2.0]);
    }
}
