//! The function that a network with one input has learned: its values on a grid and the places of its kinks.

use std::fmt::Write as _;

use stepwell::linalg::Matrix;
use stepwell::run::Runner;

/// Cells of the grid.
const CELLS: usize = 400;
/// How far the grid reaches beyond the training inputs on either side, as a share of their range.
const MARGIN: f64 = 0.05;

/// A predictor of one input.
#[derive(Clone, Debug, PartialEq)]
pub struct Predictor {
    /// Values `(x, h(x))` on an even grid over the training inputs' range, and a little beyond.
    pub values: Vec<(f64, f64)>,
    /// Where it bends in that range, in order.
    pub kinks: Vec<f64>,
}

impl Predictor {
    /// The predictor at the run's parameters, kinks nearer than `kink_tol` times the range of the training inputs `x`
    /// (n x 1) being one; `None` unless the model is a network with one input.
    pub fn of(runner: &dyn Runner, x: &Matrix, kink_tol: f64) -> Option<Self> {
        let kinks = runner.kinks(kink_tol)?;
        let grid = grid(x);
        let values = grid.as_slice().iter().copied().zip(runner.predict(&grid)).collect();
        Some(Self { values, kinks })
    }

    /// Appends rows `PREFIXx,h`.
    pub fn append_csv(&self, out: &mut String, prefix: &str) {
        for (x, h) in &self.values {
            let _ = writeln!(out, "{prefix}{x:?},{h:?}");
        }
    }
}

/// The grid over the range of `x` (n x 1).
pub fn grid(x: &Matrix) -> Matrix {
    let x = x.as_slice();
    let (low, high) = x.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(*x), h.max(*x)));
    let margin = MARGIN * (high - low);
    let cell = (high - low + 2.0 * margin) / CELLS as f64;
    Matrix::from_fn(CELLS + 1, 1, |k, _| low - margin + cell * k as f64)
}
