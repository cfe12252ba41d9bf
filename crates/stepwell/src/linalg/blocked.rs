//! A matrix in blocks of eight columns, for passes that need `X^T w` and then `X b` of the same columns.

use super::{AlignedVec, Matrix};

/// Columns in a block.
pub const BLOCK: usize = 8;
/// Rows that are taken together.
pub const ROWS: usize = 4;
/// Blocks that stay in the first-level cache from `X^T w` to `X b`.
const GROUP: usize = 5;

/// A matrix (n x d) as blocks of eight columns, each row by row; padded with zeros to a multiple of eight columns and
/// four rows.
#[derive(Clone, Debug)]
pub struct Blocked {
    rows: usize,
    data: AlignedVec,
}

impl Blocked {
    /// The blocks of a matrix.
    pub fn new(x: &Matrix) -> Self {
        let (rows, blocks) = (x.rows().next_multiple_of(ROWS), x.cols().div_ceil(BLOCK));
        let mut data = AlignedVec::zeros(blocks * rows * BLOCK);
        for (i, row) in x.iter_rows().enumerate() {
            for (j, x) in row.iter().enumerate() {
                data[(j / BLOCK * rows + i) * BLOCK + j % BLOCK] = *x;
            }
        }
        Self { rows, data }
    }

    /// Number of rows with those that pad.
    #[inline(always)]
    pub fn padded_rows(&self) -> usize {
        self.rows
    }

    /// For each block in turn: `g = X_block^T w`, `b = update(block, g)`; and `out += X b` over all blocks, where `out` holds
    /// eight lanes for each row, to be added by [`Blocked::combine`].
    ///
    /// Order of sums: `g` over rows k, k + 4, k + 8.. for each of four k, then these; lane l of a row over the columns l,
    /// l + 8.. of a group of 40 columns, then over groups.
    #[inline(always)]
    pub fn pass(&self, w: &[f64], out: &mut [f64], mut update: impl FnMut(usize, &[f64; BLOCK]) -> [f64; BLOCK]) {
        let size = self.rows * BLOCK;
        let mut b = [0.0; GROUP * BLOCK];
        for (group, x) in self.data.chunks(GROUP * size).enumerate() {
            let b = &mut b[..x.len() / self.rows];
            for (k, (x, b)) in x.chunks_exact(size).zip(b.chunks_exact_mut(BLOCK)).enumerate() {
                b.copy_from_slice(&update(group * GROUP + k, &transposed_product(x, w)));
            }
            for (i, out) in out.chunks_exact_mut(ROWS * BLOCK).enumerate() {
                add_rows(x, b, size, i * ROWS * BLOCK, out);
            }
        }
    }

    /// `out_i` is the sum of the eight lanes of row i, in order.
    #[inline(always)]
    pub fn combine(lanes: &[f64], out: &mut [f64]) {
        for (lanes, out) in lanes.chunks(BLOCK).zip(out) {
            *out = lanes.iter().fold(0.0, |sum, lane| sum + lane);
        }
    }
}

/// `X_block^T w`. The sums over rows keep compilers from vectorizing over rows, which would take gathers.
#[inline(always)]
fn transposed_product(x: &[f64], w: &[f64]) -> [f64; BLOCK] {
    let mut sums = [[0.0; BLOCK]; ROWS];
    for (x, w) in x.chunks_exact(ROWS * BLOCK).zip(w.chunks_exact(ROWS)) {
        for k in 0..ROWS {
            for l in 0..BLOCK {
                sums[k][l] += w[k] * x[BLOCK * k + l];
            }
        }
    }
    core::array::from_fn(|l| (sums[0][l] + sums[2][l]) + (sums[1][l] + sums[3][l]))
}

/// Adds `X b` of some blocks to the lanes of four rows, which begin at `at` in each block of `size` numbers.
#[inline(always)]
fn add_rows(x: &[f64], b: &[f64], size: usize, at: usize, out: &mut [f64]) {
    let mut sums = [[0.0; BLOCK]; ROWS];
    for (x, b) in x.chunks_exact(size).zip(b.chunks_exact(BLOCK)) {
        let x = &x[at..at + ROWS * BLOCK];
        for k in 0..ROWS {
            for l in 0..BLOCK {
                sums[k][l] += b[l] * x[BLOCK * k + l];
            }
        }
    }
    for k in 0..ROWS {
        for l in 0..BLOCK {
            out[BLOCK * k + l] += sums[k][l];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::lanes;
    use crate::rng::{Purpose, Stream};

    /// Sizes that do and do not fill blocks, rows of four and groups of blocks.
    #[test]
    fn a_pass_is_two_products() {
        let mut stream = Stream::new(8, Purpose::Data);
        for (n, d) in [(80, 200), (7, 13), (1, 1), (4, 8), (9, 85), (33, 41)] {
            let x = Matrix::from_fn(n, d, |_, _| stream.normal());
            let blocked = Blocked::new(&x);
            let mut w = vec![0.0; blocked.padded_rows()];
            w[..n].iter_mut().for_each(|w| *w = stream.normal());
            let mut lane_sums = vec![0.0; BLOCK * blocked.padded_rows()];
            let mut g = vec![0.0; d.next_multiple_of(BLOCK)];
            blocked.pass(&w, &mut lane_sums, |block, product| {
                g[block * BLOCK..][..BLOCK].copy_from_slice(product);
                product.map(|g| 2.0 * g)
            });
            let mut out = vec![0.0; n];
            Blocked::combine(&lane_sums, &mut out);
            let columns = x.transposed();
            for j in 0..d {
                assert!((g[j] - lanes::dot(columns.row(j), &w[..n])).abs() < 1e-12);
            }
            for i in 0..n {
                assert!((out[i] - 2.0 * lanes::dot(x.row(i), &g[..d])).abs() < 1e-11);
            }
        }
    }
}
