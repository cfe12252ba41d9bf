//! A dense row-major matrix and a vector, both starting at a cache line so that wide loads do not straddle two.

use core::ops::{Deref, DerefMut};

/// A vector of `f64` that starts at a multiple of 64 bytes.
#[derive(Debug)]
pub struct AlignedVec {
    buffer: Vec<f64>,
    start: usize,
    len: usize,
}

impl AlignedVec {
    /// `len` zeros.
    pub fn zeros(len: usize) -> Self {
        let buffer = vec![0.0; len + 7];
        let start = buffer.as_ptr().align_offset(64).min(7);
        Self { buffer, start, len }
    }
}

impl Clone for AlignedVec {
    fn clone(&self) -> Self {
        Self::from(&**self)
    }
}

impl From<&[f64]> for AlignedVec {
    fn from(values: &[f64]) -> Self {
        let mut out = Self::zeros(values.len());
        out.copy_from_slice(values);
        out
    }
}

impl Deref for AlignedVec {
    type Target = [f64];
    #[inline(always)]
    fn deref(&self) -> &[f64] {
        &self.buffer[self.start..self.start + self.len]
    }
}

impl DerefMut for AlignedVec {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [f64] {
        &mut self.buffer[self.start..self.start + self.len]
    }
}

/// A dense `rows x cols` matrix, row by row.
#[derive(Clone, Debug)]
pub struct Matrix {
    rows: usize,
    cols: usize,
    data: AlignedVec,
}

impl Matrix {
    /// The zero matrix.
    pub fn zeros(rows: usize, cols: usize) -> Self {
        Self { rows, cols, data: AlignedVec::zeros(rows * cols) }
    }

    /// A matrix from its entries, row by row.
    ///
    /// # Panics
    /// If there are not `rows * cols` values.
    pub fn from_rows(rows: usize, cols: usize, values: &[f64]) -> Self {
        assert_eq!(values.len(), rows * cols, "a {rows} x {cols} matrix has {} entries", rows * cols);
        Self { rows, cols, data: AlignedVec::from(values) }
    }

    /// A matrix from a function of row and column, called row by row.
    pub fn from_fn(rows: usize, cols: usize, mut entry: impl FnMut(usize, usize) -> f64) -> Self {
        let mut out = Self::zeros(rows, cols);
        for i in 0..rows {
            for (j, value) in out.row_mut(i).iter_mut().enumerate() {
                *value = entry(i, j);
            }
        }
        out
    }

    /// Number of rows.
    #[inline(always)]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    #[inline(always)]
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// All entries, row by row.
    #[inline(always)]
    pub fn as_slice(&self) -> &[f64] {
        &self.data
    }

    /// Row `i`.
    #[inline(always)]
    pub fn row(&self, i: usize) -> &[f64] {
        &self.data[i * self.cols..(i + 1) * self.cols]
    }

    /// Row `i`, to be changed.
    #[inline(always)]
    pub fn row_mut(&mut self, i: usize) -> &mut [f64] {
        &mut self.data[i * self.cols..(i + 1) * self.cols]
    }

    /// The rows in order.
    pub fn iter_rows(&self) -> impl Iterator<Item = &[f64]> {
        (0..self.rows).map(|i| self.row(i))
    }

    /// The first `rows` rows.
    pub fn head(&self, rows: usize) -> Self {
        let rows = rows.min(self.rows);
        Self::from_rows(rows, self.cols, &self.data[..rows * self.cols])
    }

    /// The transpose.
    pub fn transposed(&self) -> Self {
        Self::from_fn(self.cols, self.rows, |i, j| self.row(j)[i])
    }

    /// Two rows at once, to be changed.
    ///
    /// # Panics
    /// If `a >= b`.
    #[inline(always)]
    pub(crate) fn two_rows_mut(&mut self, a: usize, b: usize) -> (&mut [f64], &mut [f64]) {
        assert!(a < b);
        let cols = self.cols;
        let (upper, lower) = self.data.split_at_mut(b * cols);
        (&mut upper[a * cols..(a + 1) * cols], &mut lower[..cols])
    }
}
