//! Singular values by a pivoted QR and one-sided Jacobi rotations.

use super::{Matrix, lanes, qr::pivoted_r};
use crate::simd::{Kernel, dispatch};

/// The largest entry is scaled to about this, so that squares of values 1e-300 times smaller are still normal numbers.
const LARGEST_EXPONENT: i32 = 480;
const MAX_SWEEPS: usize = 60;

/// All `min(n, d)` singular values of `a` (n x d), largest first.
///
/// Small ones are right to a relative accuracy even if they are far below the round-off of the largest, as long as `a`
/// is a well-conditioned matrix with scaled columns, or scaled rows: `X diag(s)` for any s, say. Values below 1e-300
/// times the largest are returned as 0. NaN or infinite entries give NaN. Method: Drmac and Veselic, SIAM J. Matrix
/// Anal. Appl. 29 (2008): QR with column pivoting, then Jacobi rotations of the rows of R until they are orthogonal;
/// their norms are the singular values.
///
/// ```
/// use stepwell::linalg::{Matrix, singular_values};
/// let a = Matrix::from_rows(2, 2, &[3.0, 0.0, 0.0, -4e-100]);
/// assert_eq!(singular_values(&a), [3.0, 4e-100]);
/// ```
pub fn singular_values(a: &Matrix) -> Vec<f64> {
    if a.as_slice().iter().any(|v| !v.is_finite()) {
        return vec![f64::NAN; a.rows().min(a.cols())];
    }
    dispatch(SingularValues { a })
}

struct SingularValues<'a> {
    a: &'a Matrix,
}

impl Kernel for SingularValues<'_> {
    type Output = Vec<f64>;

    #[inline(always)]
    fn run(self) -> Vec<f64> {
        let a = self.a;
        let largest = a.as_slice().iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        if largest == 0.0 {
            return vec![0.0; a.rows().min(a.cols())];
        }
        // two factors, as one may overflow
        let shift = LARGEST_EXPONENT - libm::ilogb(largest);
        let halves = [libm::ldexp(1.0, shift / 2), libm::ldexp(1.0, shift - shift / 2)];
        let scaled = Matrix::from_fn(a.rows(), a.cols(), |i, j| a.row(i)[j] * halves[0] * halves[1]);
        // the pivoted QR keeps the accuracy of scaled columns: turn scaled rows into columns
        let transposed = scaled.transposed();
        let mut r = pivoted_r(if grading(&scaled) > grading(&transposed) { &transposed } else { &scaled });
        orthogonalize_rows(&mut r);
        let mut values: Vec<f64> = r.iter_rows().map(|row| lanes::norm2(row).sqrt() / halves[0] / halves[1]).collect();
        values.sort_by(|a, b| b.total_cmp(a));
        values
    }
}

/// The largest norm of a row over the smallest that is not zero.
#[inline(always)]
fn grading(a: &Matrix) -> f64 {
    let norms = a.iter_rows().map(|row| lanes::norm2(row).sqrt()).filter(|norm| *norm > 0.0);
    let (least, most) = norms.fold((f64::INFINITY, 0.0_f64), |(l, m), norm| (l.min(norm), m.max(norm)));
    most / least
}

/// Jacobi sweeps over all pairs of rows until none is rotated.
#[inline(always)]
fn orthogonalize_rows(r: &mut Matrix) {
    let rows = r.rows();
    let tolerance = f64::EPSILON * (r.cols() as f64).sqrt();
    for _ in 0..MAX_SWEEPS {
        let mut norms2: Vec<f64> = r.iter_rows().map(lanes::norm2).collect();
        let mut rotated = false;
        for p in 0..rows {
            for q in p + 1..rows {
                let (a, b) = r.two_rows_mut(p, q);
                let product = lanes::dot(a, b);
                if product.abs() <= tolerance * norms2[p].sqrt() * norms2[q].sqrt() {
                    continue;
                }
                rotated = true;
                let zeta = (norms2[q] - norms2[p]) / (2.0 * product);
                let t = zeta.signum() / (zeta.abs() + (1.0 + zeta * zeta).sqrt());
                let c = 1.0 / (1.0 + t * t).sqrt();
                let s = c * t;
                for (a, b) in a.iter_mut().zip(b) {
                    let (old_a, old_b) = (*a, *b);
                    *a = c * old_a - s * old_b;
                    *b = s * old_a + c * old_b;
                }
                // an update `-+ t product` would cancel in the smaller one
                norms2[p] = lanes::norm2(r.row(p));
                norms2[q] = lanes::norm2(r.row(q));
            }
        }
        if !rotated {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Stream};
    use proptest::prelude::*;

    fn relative_error(found: &[f64], expected: &[f64]) -> f64 {
        found.iter().zip(expected).map(|(f, e)| (f / e - 1.0).abs()).fold(0.0, f64::max)
    }

    /// Hadamard matrices have orthogonal columns: `H diag(s)` has the singular values `sqrt(n) s`, however graded.
    #[test]
    fn graded_columns_with_known_values() {
        let n = 64;
        let hadamard = |i: usize, j: usize| if (i & j).count_ones().is_multiple_of(2) { 1.0 } else { -1.0 };
        let scales: Vec<f64> = (0..n).map(|j| libm::pow(10.0, -4.5 * j as f64)).collect();
        let a = Matrix::from_fn(n, n, |i, j| hadamard(i, j) * scales[j]);
        let expected: Vec<f64> = scales.iter().map(|s| 8.0 * s).collect();
        assert!(relative_error(&singular_values(&a), &expected) < 1e-14);
        assert!(relative_error(&singular_values(&a.transposed()), &expected) < 1e-14);
    }

    /// Two columns at an angle: the values are the roots of a quadratic, here with a ratio of 1e-40.
    #[test]
    fn two_skew_columns_against_the_closed_form() {
        let (big, small) = (1.0, 1e-40);
        // columns (big, 0) and (small, small): det = big small, largest^2 = big^2 (1 + O(1e-80))
        let a = Matrix::from_rows(2, 2, &[big, small, 0.0, small]);
        assert!(relative_error(&singular_values(&a), &[1.0, 1e-40]) < 1e-15);
    }

    /// The product of the singular values is the determinant, also where it is below round-off of the largest^n.
    #[test]
    fn product_is_the_determinant_of_a_graded_triangle() {
        let n = 12;
        let mut stream = Stream::new(5, Purpose::Data);
        let diagonal: Vec<f64> = (0..n).map(|j| libm::pow(10.0, -3.0 * j as f64)).collect();
        let a = Matrix::from_fn(n, n, |i, j| match i.cmp(&j) {
            core::cmp::Ordering::Less => stream.normal() * diagonal[j],
            core::cmp::Ordering::Equal => 2.0 * diagonal[j],
            core::cmp::Ordering::Greater => 0.0,
        });
        let product: f64 = singular_values(&a).iter().map(|s| s / 2.0).zip(&diagonal).map(|(s, d)| s / d).product();
        assert!((product - 1.0).abs() < 1e-12, "{product}");
    }

    #[test]
    fn zero_and_non_finite_matrices() {
        assert_eq!(singular_values(&Matrix::zeros(3, 2)), [0.0, 0.0]);
        assert!(singular_values(&Matrix::from_rows(1, 2, &[f64::NAN, 1.0]))[0].is_nan());
    }

    proptest! {
        /// Sum of squares is the squared Frobenius norm; values do not depend on the order of rows or a transpose.
        #[test]
        fn invariants(rows in 1_usize..12, cols in 1_usize..12, seed in 0_u64..1000) {
            let mut stream = Stream::new(seed, Purpose::Data);
            let a = Matrix::from_fn(rows, cols, |_, _| stream.normal());
            let values = singular_values(&a);
            let squares: f64 = values.iter().map(|s| s * s).sum();
            prop_assert!((squares / lanes::norm2(a.as_slice()) - 1.0).abs() < 1e-13);
            for (s, t) in values.iter().zip(singular_values(&a.transposed())) {
                prop_assert!((s - t).abs() <= 1e-13 * values[0]);
            }
        }
    }
}
