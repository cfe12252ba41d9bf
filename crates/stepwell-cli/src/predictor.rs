//! The function that a network with one input has learned: its values on a grid and the places of its kinks.

use std::fmt::Write as _;

use stepwell::landscape::Landscape;
use stepwell::metrics::predictor_grid;

/// A predictor of one input.
#[derive(Clone, Debug, PartialEq)]
pub struct Predictor {
    /// Values `(x, h(x))` on an even grid over the training inputs' range, and a little beyond.
    pub values: Vec<(f64, f64)>,
    /// Where it bends in that range, in order.
    pub kinks: Vec<f64>,
}

impl Predictor {
    /// The predictor at `theta`, kinks nearer than `kink_tol` times the range of the training inputs being one; `None` unless
    /// the model is a network with one input.
    pub fn of(landscape: &dyn Landscape, theta: &[f64], kink_tol: f64) -> Option<Self> {
        let kinks = landscape.kinks(theta, kink_tol)?;
        let grid = predictor_grid(&landscape.data().train.x);
        let values = grid.as_slice().iter().copied().zip(landscape.predict(theta, &grid)).collect();
        Some(Self { values, kinks })
    }

    /// Appends rows `PREFIXx,h`.
    pub fn append_csv(&self, out: &mut String, prefix: &str) {
        for (x, h) in &self.values {
            let _ = writeln!(out, "{prefix}{x:?},{h:?}");
        }
    }
}
