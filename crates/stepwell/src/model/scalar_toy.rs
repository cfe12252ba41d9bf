//! The scalar toy model: `h(theta, x) = x theta^2`, one parameter.

use super::Model;

/// `h(theta, x) = x theta^2`. With the loss `1/4 E (y - x theta^2)^2` and `y = x theta_*^2`, an SGD step is
/// `theta + eta theta x (y - x theta^2)`; in `phi = theta / theta_*` and `gamma = eta theta_*^2 x^2` it reads
/// `phi + gamma phi (1 - phi^2)`.
#[derive(Clone, Debug, Default)]
pub struct ScalarToy;

impl Model for ScalarToy {
    type Tape = ();

    fn parameters(&self) -> usize {
        1
    }

    fn inputs(&self) -> usize {
        1
    }

    fn tape(&self) {}

    #[inline(always)]
    fn predict(&self, theta: &[f64], x: &[f64], _: &mut ()) -> f64 {
        x[0] * (theta[0] * theta[0])
    }

    #[inline(always)]
    fn pullback(&self, theta: &[f64], x: &[f64], _: &mut (), w: f64, out: &mut [f64]) {
        out[0] += w * (2.0 * x[0] * theta[0]);
    }

    fn curvature(&self, _: &[f64], x: &[f64], _: &mut (), w: f64, v: &[f64], out: &mut [f64]) {
        out[0] += w * (2.0 * x[0]) * v[0];
    }

    fn coefficients(&self, theta: &[f64]) -> Option<Vec<f64>> {
        Some(vec![theta[0] * theta[0]])
    }

    fn jacobian_scales(&self, theta: &[f64]) -> Option<Vec<f64>> {
        Some(vec![(2.0 * theta[0]).abs()])
    }
}
