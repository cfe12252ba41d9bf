//! Householder QR with column pivoting.

use super::{Matrix, lanes};

/// The triangular factor R (`min(n, d)` x d) of `A P = Q R`, with the columns of `a` (n x d) taken in order of what is
/// left of their norm, so that `|R_kk|` falls and bounds its row.
///
/// Column-wise backward stable: a column scaled by any factor loses no relative accuracy. Source: Golub and Van Loan,
/// Matrix Computations, section 5.4.
#[inline(always)]
pub(super) fn pivoted_r(a: &Matrix) -> Matrix {
    let (n, d) = (a.rows(), a.cols());
    let rank_bound = n.min(d);
    // one contiguous row per column of A
    let mut columns = a.transposed();
    for k in 0..rank_bound {
        let pivot = (k..d)
            .map(|j| (j, lanes::norm2(&columns.row(j)[k..])))
            .fold((k, -1.0), |best, candidate| if candidate.1 > best.1 { candidate } else { best })
            .0;
        if pivot > k {
            let (a, b) = columns.two_rows_mut(k, pivot);
            a.swap_with_slice(b);
        }
        let norm = lanes::norm2(&columns.row(k)[k..]).sqrt();
        if norm == 0.0 {
            break;
        }
        // v = x + sign(x_0) |x| e_0, H = I - beta v v^T maps x to -sign(x_0) |x| e_0
        let head = columns.row(k)[k];
        let image = if head >= 0.0 { -norm } else { norm };
        columns.row_mut(k)[k] = head - image;
        let beta = 1.0 / (norm * (norm + head.abs()));
        for j in k + 1..d {
            let (v, x) = columns.two_rows_mut(k, j);
            let (v, x) = (&v[k..], &mut x[k..]);
            let projection = beta * lanes::dot(v, x);
            lanes::add_scaled(x, -projection, v);
        }
        columns.row_mut(k)[k] = image;
    }
    Matrix::from_fn(rank_bound, d, |k, j| if j >= k { columns.row(j)[k] } else { 0.0 })
}
