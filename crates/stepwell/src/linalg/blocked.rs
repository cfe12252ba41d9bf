//! A matrix in blocks of eight columns, for passes that need `X^T w` and then `X b` of the same columns.

use super::{AlignedVec, Matrix};

/// Columns in a block.
pub const BLOCK: usize = 8;
/// Rows that are taken together.
pub const ROWS: usize = 4;
/// Blocks that stay in the first-level cache from `X^T w` to `X b`.
const GROUP: usize = 5;

/// What becomes of a block's `g = X_block^T w` before the block is used again. A trait and not a closure, because a
/// closure that is used twice is not inlined, and would then be compiled for the baseline alone.
pub trait BlockUpdate {
    /// `b` of a block from its `g`; to be `#[inline(always)]`.
    fn update(&mut self, block: usize, g: &[f64; BLOCK]) -> [f64; BLOCK];
}

/// A matrix (n x d) as blocks of eight columns, each row by row; padded with zeros to a multiple of eight in
/// both.
#[derive(Clone, Debug)]
pub struct Blocked {
    rows: usize,
    data: AlignedVec,
}

impl Blocked {
    /// The blocks of a matrix.
    pub fn new(x: &Matrix) -> Self {
        let (rows, blocks) = (x.rows().next_multiple_of(BLOCK), x.cols().div_ceil(BLOCK));
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

    /// For each block in turn: `g = X_block^T w`, `b = update(block, g)`; and `out = X b` over all blocks, where `out` holds
    /// eight lanes for each row, to be added by [`Blocked::combine`].
    ///
    /// Order of sums: `g` over rows k, k + 4, k + 8.. for each of four k, then these; lane l of a row over the columns l,
    /// l + 8.. of a group of 40 columns, then over groups.
    #[inline(always)]
    pub fn pass(&self, w: &[f64], out: &mut [f64], update: &mut impl BlockUpdate) {
        let size = self.rows * BLOCK;
        for (group, x) in self.data.chunks(GROUP * size).enumerate() {
            let mut b = [[0.0; BLOCK]; GROUP];
            let blocks = x.len() / size;
            for (k, (x, b)) in x.chunks_exact(size).zip(&mut b).enumerate() {
                *b = update.update(group * GROUP + k, &transposed_product(x, w));
            }
            // groups of full size apart: the compiler keeps their b in registers
            match x.len() == GROUP * size {
                true => add_products(x, &b, size, group == 0, out),
                false => add_products(x, &b[..blocks], size, group == 0, out),
            }
        }
    }

    /// `out_i` is the sum of the eight lanes of row i, in order: of eight rows at a time, turned into columns, since compilers
    /// left alone gather numbers one by one.
    #[inline(always)]
    pub fn combine(lanes: &[f64], out: &mut [f64]) {
        for (rows, out) in lanes.as_chunks::<{ BLOCK * BLOCK }>().0.iter().zip(out.chunks_mut(BLOCK)) {
            let lanes = transposed(rows);
            let mut sums = lanes[0];
            for lane in &lanes[1..] {
                for i in 0..BLOCK {
                    sums[i] += lane[i];
                }
            }
            let n = out.len();
            out.copy_from_slice(&sums[..n]);
        }
    }
}

/// Eight rows of eight as eight columns.
#[inline(always)]
fn transposed(rows: &[f64; BLOCK * BLOCK]) -> [[f64; BLOCK]; BLOCK] {
    let (rows, _) = rows.as_chunks::<BLOCK>();
    let ((a, b), (c, d)) = (exchange::<1>(&rows[0], &rows[1]), exchange::<1>(&rows[2], &rows[3]));
    let ((e, f), (g, h)) = (exchange::<1>(&rows[4], &rows[5]), exchange::<1>(&rows[6], &rows[7]));
    let ((a, c), (b, d)) = (exchange::<2>(&a, &c), exchange::<2>(&b, &d));
    let ((e, g), (f, h)) = (exchange::<2>(&e, &g), exchange::<2>(&f, &h));
    let ((a, e), (b, f)) = (exchange::<4>(&a, &e), exchange::<4>(&b, &f));
    let ((c, g), (d, h)) = (exchange::<4>(&c, &g), exchange::<4>(&d, &h));
    [a, b, c, d, e, f, g, h]
}

/// The numbers of `a` at places with bit `K` change places with those of `b` without it.
#[inline(always)]
fn exchange<const K: usize>(a: &[f64; BLOCK], b: &[f64; BLOCK]) -> ([f64; BLOCK], [f64; BLOCK]) {
    let (mut first, mut second) = ([0.0; BLOCK], [0.0; BLOCK]);
    for l in 0..BLOCK {
        first[l] = if l & K == 0 { a[l] } else { b[l & !K] };
        second[l] = if l & K == 0 { a[l | K] } else { b[l] };
    }
    (first, second)
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

/// Adds `X b` of some blocks of `size` numbers to the lanes of all rows, or sets these.
#[inline(always)]
fn add_products(x: &[f64], b: &[[f64; BLOCK]], size: usize, set: bool, out: &mut [f64]) {
    for (i, out) in out.as_chunks_mut::<{ ROWS * BLOCK }>().0.iter_mut().enumerate() {
        let mut sums = [[0.0; BLOCK]; ROWS];
        for (k, b) in b.iter().enumerate() {
            let x = &x[k * size + i * ROWS * BLOCK..][..ROWS * BLOCK];
            for row in 0..ROWS {
                for l in 0..BLOCK {
                    sums[row][l] += b[l] * x[BLOCK * row + l];
                }
            }
        }
        for row in 0..ROWS {
            for l in 0..BLOCK {
                let lane = &mut out[BLOCK * row + l];
                *lane = if set { sums[row][l] } else { *lane + sums[row][l] };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::lanes;
    use crate::rng::{Purpose, Stream};

    /// Keeps g; `b = 2 g`.
    struct Twice<'a>(&'a mut [f64]);

    impl BlockUpdate for Twice<'_> {
        fn update(&mut self, block: usize, g: &[f64; BLOCK]) -> [f64; BLOCK] {
            self.0[block * BLOCK..][..BLOCK].copy_from_slice(g);
            g.map(|g| 2.0 * g)
        }
    }

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
            blocked.pass(&w, &mut lane_sums, &mut Twice(&mut g));
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
