//! Where the function that a model with one input has learned is looked at.

use crate::linalg::Matrix;

/// Cells of the grid.
const CELLS: usize = 400;
/// How far the grid reaches beyond the training inputs on either side, as a share of their range.
const MARGIN: f64 = 0.05;

/// An even grid of 401 points over the range of `x` (n x 1) and 5% of it beyond on either side, as a matrix (401 x 1).
pub fn predictor_grid(x: &Matrix) -> Matrix {
    let x = x.as_slice();
    let (low, high) = x.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(*x), h.max(*x)));
    let margin = MARGIN * (high - low);
    let cell = (high - low + 2.0 * margin) / CELLS as f64;
    Matrix::from_fn(CELLS + 1, 1, |k, _| low - margin + cell * k as f64)
}
