//! Linear least squares: `h(b, x) = <b, x>`.

use super::Model;
use crate::linalg::lanes;
use crate::tensor::{Layout, TensorLayout};

/// The linear predictor with d coefficients. With a square loss it is the quadratic of the notes.
#[derive(Clone, Debug)]
pub struct Linear {
    d: usize,
}

impl Linear {
    /// A linear predictor of `d` inputs.
    pub fn new(d: usize) -> Self {
        Self { d }
    }
}

impl Model for Linear {
    type Tape = ();

    fn parameters(&self) -> usize {
        self.d
    }

    fn inputs(&self) -> usize {
        self.d
    }

    fn layout(&self) -> Layout {
        Layout(vec![TensorLayout::row_major("beta", vec![self.d])])
    }

    fn tape(&self) {}

    #[inline(always)]
    fn predict(&self, theta: &[f64], x: &[f64], _: &mut ()) -> f64 {
        lanes::dot(theta, x)
    }

    #[inline(always)]
    fn pullback(&self, _: &[f64], x: &[f64], _: &mut (), w: f64, out: &mut [f64]) {
        lanes::add_scaled(out, w, x);
    }

    fn curvature(&self, _: &[f64], _: &[f64], _: &mut (), _: f64, _: &[f64], _: &mut [f64]) {}

    fn coefficients(&self, theta: &[f64]) -> Option<Vec<f64>> {
        Some(theta.to_vec())
    }

    fn jacobian_scales(&self, _: &[f64]) -> Option<Vec<f64>> {
        Some(vec![1.0; self.d])
    }
}
