//! All eigenvalues and eigenvectors of a symmetric matrix by Jacobi rotations.

use super::Matrix;

/// Eigenvalues, largest first, and their eigenvectors, one per row.
#[derive(Clone, Debug)]
pub struct SymmetricEigen {
    /// Eigenvalues, largest first.
    pub values: Vec<f64>,
    /// Row k is the eigenvector of value k, of norm 1.
    pub vectors: Matrix,
}

const MAX_SWEEPS: usize = 60;

/// The eigen decomposition of a symmetric matrix, whose upper triangle is read. For matrices of up to a few hundred rows.
///
/// Source: Golub and Van Loan, Matrix Computations, section 8.5 (cyclic Jacobi).
///
/// # Panics
/// If the matrix is not square.
pub fn symmetric_eigen(matrix: &Matrix) -> SymmetricEigen {
    let n = matrix.rows();
    assert_eq!(n, matrix.cols());
    let mut a = Matrix::from_fn(n, n, |i, j| matrix.row(i.min(j))[i.max(j)]);
    let mut q = Matrix::from_fn(n, n, |i, j| if i == j { 1.0 } else { 0.0 });
    for _ in 0..MAX_SWEEPS {
        let mut rotated = false;
        for i in 0..n {
            for j in i + 1..n {
                rotated |= annihilate(&mut a, &mut q, i, j);
            }
        }
        if !rotated {
            break;
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| a.row(j)[j].total_cmp(&a.row(i)[i]));
    let values = order.iter().map(|&k| a.row(k)[k]).collect();
    SymmetricEigen { values, vectors: Matrix::from_fn(n, n, |i, j| q.row(order[i])[j]) }
}

/// Rotates rows and columns i, j so that entry (i, j) becomes zero; false if it is already below round-off.
fn annihilate(a: &mut Matrix, q: &mut Matrix, i: usize, j: usize) -> bool {
    let (aii, ajj, aij) = (a.row(i)[i], a.row(j)[j], a.row(i)[j]);
    if aij.abs() <= f64::EPSILON * (aii.abs() * ajj.abs()).sqrt() || !aij.is_finite() {
        return false;
    }
    let zeta = (ajj - aii) / (2.0 * aij);
    let t = zeta.signum() / (zeta.abs() + (1.0 + zeta * zeta).sqrt());
    let c = 1.0 / (1.0 + t * t).sqrt();
    let s = c * t;
    for k in 0..a.rows() {
        let row = a.row_mut(k);
        (row[i], row[j]) = (c * row[i] - s * row[j], s * row[i] + c * row[j]);
    }
    for matrix in [a, q] {
        let (x, y) = matrix.two_rows_mut(i, j);
        for (x, y) in x.iter_mut().zip(y) {
            (*x, *y) = (c * *x - s * *y, s * *x + c * *y);
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::super::lanes;
    use super::*;
    use crate::rng::{Purpose, Stream};

    #[test]
    fn residuals_and_orthogonality_of_a_random_matrix() {
        let n = 25;
        let mut stream = Stream::new(9, Purpose::Data);
        let g = Matrix::from_fn(n, n, |_, _| stream.normal());
        let a = Matrix::from_fn(n, n, |i, j| g.row(i)[j] + g.row(j)[i]);
        let found = symmetric_eigen(&a);
        assert!(found.values.windows(2).all(|pair| pair[0] >= pair[1]));
        for (k, v) in found.vectors.iter_rows().enumerate() {
            for (i, row) in a.iter_rows().enumerate() {
                assert!((lanes::dot(row, v) - found.values[k] * v[i]).abs() < 1e-12);
            }
            for (l, w) in found.vectors.iter_rows().enumerate() {
                let expected = if k == l { 1.0 } else { 0.0 };
                assert!((lanes::dot(v, w) - expected).abs() < 1e-13);
            }
        }
    }

    #[test]
    fn small_and_singular_ones() {
        let one = symmetric_eigen(&Matrix::from_rows(1, 1, &[-3.0]));
        assert_eq!((one.values[0], one.vectors.row(0)[0]), (-3.0, 1.0));
        let rank_one = symmetric_eigen(&Matrix::from_rows(2, 2, &[1.0, 1.0, 1.0, 1.0]));
        assert!((rank_one.values[0] - 2.0).abs() < 1e-15 && rank_one.values[1].abs() < 1e-15);
    }
}
