//! How many eigenvalues of a symmetric matrix lie above a number: Householder's tridiagonal form and Sturm's count.

use super::{Matrix, lanes};

/// A symmetric tridiagonal matrix.
#[derive(Clone, Debug)]
pub(crate) struct Tridiagonal {
    diagonal: Vec<f64>,
    off: Vec<f64>,
}

impl Tridiagonal {
    /// A matrix with the eigenvalues of the symmetric `a`, right to round-off of the largest. Source: Golub and Van Loan,
    /// Matrix Computations, section 8.3.
    #[inline(always)]
    pub(crate) fn of(mut a: Matrix) -> Self {
        let n = a.rows();
        let (mut diagonal, mut off) = (vec![0.0; n], vec![0.0; n.saturating_sub(1)]);
        let (mut v, mut p) = (vec![0.0; n], vec![0.0; n]);
        // far below round-off, far above what squares underflow from
        let negligible = 1e-30 * (0..n).fold(0.0_f64, |m, i| m.max(a.row(i)[i].abs()));
        for k in 0..n {
            diagonal[k] = a.row(k)[k];
            if k + 1 == n {
                break;
            }
            let norm = lanes::norm2(&a.row(k)[k + 1..]).sqrt();
            let head = a.row(k)[k + 1];
            let image = if head >= 0.0 { -norm } else { norm };
            if norm <= negligible {
                continue;
            }
            off[k] = image;
            // H = I - beta v v^T maps the row to `image` times the first unit vector
            let (v, p) = (&mut v[k + 1..], &mut p[k + 1..]);
            v.copy_from_slice(&a.row(k)[k + 1..]);
            v[0] = head - image;
            let beta = 1.0 / (norm * (norm + head.abs()));
            for (i, p) in p.iter_mut().enumerate() {
                *p = beta * lanes::dot(&a.row(k + 1 + i)[k + 1..], v);
            }
            let half = 0.5 * beta * lanes::dot(v, p);
            lanes::add_scaled(p, -half, v);
            for i in 0..v.len() {
                let row = &mut a.row_mut(k + 1 + i)[k + 1..];
                let (vi, pi) = (v[i], p[i]);
                for (row, (v, p)) in row.iter_mut().zip(v.iter().zip(&*p)) {
                    *row -= vi * p + pi * v;
                }
            }
        }
        Self { diagonal, off }
    }

    /// Number of eigenvalues above x.
    pub(crate) fn count_above(&self, x: f64) -> usize {
        sturm_pivots(&self.diagonal, &self.off, x).filter(|pivot| *pivot > 0.0).count()
    }

    /// The largest eigenvalue of a positive semidefinite matrix, by bisection.
    pub(crate) fn largest(&self) -> f64 {
        let (mut low, mut high) = (0.0, self.diagonal.iter().sum::<f64>());
        loop {
            let middle = low + 0.5 * (high - low);
            // also where a NaN compares with nothing
            if !(low < middle && middle < high) {
                return high;
            }
            if self.count_above(middle) > 0 { low = middle } else { high = middle }
        }
    }
}

/// The pivots of `T - x` for a symmetric tridiagonal T: as many are positive as T has eigenvalues above x (Sylvester).
#[inline(always)]
pub(super) fn sturm_pivots(diagonal: &[f64], off: &[f64], x: f64) -> impl Iterator<Item = f64> {
    let mut pivot = 1.0_f64;
    (0..diagonal.len()).map(move |i| {
        let off = if i == 0 { 0.0 } else { off[i - 1] };
        pivot = diagonal[i] - x - off * (off / pivot);
        if pivot == 0.0 {
            pivot = -f64::MIN_POSITIVE.sqrt();
        }
        pivot
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::singular_values;
    use crate::rng::{Purpose, Stream};

    /// Entries whose squares underflow are none: the count is that of the rest.
    #[test]
    fn vanishing_rows_and_nan_come_to_an_end() {
        let entries = [2.0, 1.0, 0.0, 1.0, 2.0, 1e-170, 0.0, 1e-170, 1e-170];
        let tridiagonal = Tridiagonal::of(Matrix::from_rows(3, 3, &entries));
        assert!((tridiagonal.largest() - 3.0).abs() < 1e-14);
        assert_eq!(tridiagonal.count_above(0.5), 2);
        let unknown = Tridiagonal::of(Matrix::from_rows(2, 2, &[f64::NAN, 0.0, 0.0, 1.0]));
        assert!(unknown.largest().is_nan());
    }

    /// Eigenvalues of `A A^T` against squared singular values of A.
    #[test]
    fn counts_agree_with_singular_values() {
        for (rows, cols) in [(1, 3), (5, 5), (20, 12), (33, 70)] {
            let mut stream = Stream::new(rows as u64, Purpose::Data);
            let a = Matrix::from_fn(rows, cols, |_, _| stream.normal());
            let gram = Matrix::from_fn(rows, rows, |i, j| lanes::dot(a.row(i), a.row(j)));
            let tridiagonal = Tridiagonal::of(gram);
            let values = singular_values(&a);
            assert!((tridiagonal.largest() / (values[0] * values[0]) - 1.0).abs() < 1e-13);
            for pair in values.windows(2) {
                let between = 0.5 * (pair[0] * pair[0] + pair[1] * pair[1]);
                assert_eq!(tridiagonal.count_above(between), values.iter().filter(|s| **s * **s > between).count());
            }
        }
    }
}
