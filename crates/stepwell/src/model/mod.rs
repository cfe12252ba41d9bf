//! Models: parameters in one flat slice, a prediction, and the pullback of its gradient.

mod diagonal_linear;
mod fully_connected;
mod layer_init;
mod linear;
mod scalar_toy;

pub use diagonal_linear::DiagonalLinear;
pub use fully_connected::{FullyConnected, NetworkTape};
pub use layer_init::LayerInit;
pub use linear::Linear;
pub use scalar_toy::ScalarToy;

use crate::data::Samples;
use crate::linalg::{Blocked, Matrix};
use crate::loss::Loss;
use crate::tensor::{Layout, TensorLayout};

/// A parametric predictor `h(theta, x)` with one output.
///
/// Every dynamics needs only these: a new model is one file. The tape carries what `predict` computed and `pullback`
/// needs again (activations, say), and the room they work in.
///
/// ```
/// use stepwell::model::Model;
///
/// /// `h(theta, x) = theta^3 x`.
/// #[derive(Clone)]
/// struct Cubic;
///
/// impl Model for Cubic {
///     type Tape = ();
///     fn parameters(&self) -> usize { 1 }
///     fn inputs(&self) -> usize { 1 }
///     fn tape(&self) {}
///     #[inline(always)]
///     fn predict(&self, theta: &[f64], x: &[f64], _: &mut ()) -> f64 {
///         theta[0] * theta[0] * theta[0] * x[0]
///     }
///     #[inline(always)]
///     fn pullback(&self, theta: &[f64], x: &[f64], _: &mut (), w: f64, out: &mut [f64]) {
///         out[0] += w * (3.0 * theta[0] * theta[0] * x[0]);
///     }
///     fn curvature(&self, theta: &[f64], x: &[f64], _: &mut (), w: f64, v: &[f64], out: &mut [f64]) {
///         out[0] += w * (6.0 * theta[0] * x[0]) * v[0];
///     }
/// }
///
/// let mut gradient = [0.0];
/// assert_eq!(Cubic.predict(&[2.0], &[0.5], &mut ()), 4.0);
/// Cubic.pullback(&[2.0], &[0.5], &mut (), 1.0, &mut gradient);
/// assert_eq!(gradient, [6.0]);
/// ```
pub trait Model: Clone + Send + Sync + 'static {
    /// What a prediction leaves behind for its pullback; allocated once.
    type Tape: Clone + Send + Sync;

    /// Number of parameters p.
    fn parameters(&self) -> usize;

    /// Input dimension d.
    fn inputs(&self) -> usize;

    /// The named tensors that `theta` is made of; by default one, called `theta`.
    fn layout(&self) -> Layout {
        Layout(vec![TensorLayout::row_major("theta", vec![self.parameters()])])
    }

    /// A tape of the right size.
    fn tape(&self) -> Self::Tape;

    /// `h(theta, x)`.
    fn predict(&self, theta: &[f64], x: &[f64], tape: &mut Self::Tape) -> f64;

    /// `out += w grad_theta h(theta, x)`, for the `theta`, `x` of the last prediction on `tape`.
    fn pullback(&self, theta: &[f64], x: &[f64], tape: &mut Self::Tape, w: f64, out: &mut [f64]);

    /// `out += w (grad^2_theta h(theta, x)) v`, for the `theta`, `x` of the last prediction on `tape`.
    fn curvature(&self, theta: &[f64], x: &[f64], tape: &mut Self::Tape, w: f64, v: &[f64], out: &mut [f64]);

    /// One SGD step `theta -= w grad h(theta, x)`, then the prediction at `next_x`.
    ///
    /// A model may fuse the two into one pass over its parameters; the bits must be those of this default.
    #[inline(always)]
    fn step_and_predict(
        &self,
        theta: &mut [f64],
        x: &[f64],
        tape: &mut Self::Tape,
        w: f64,
        next_x: &[f64],
        gradient: &mut [f64],
    ) -> f64 {
        gradient.fill(0.0);
        self.pullback(theta, x, tape, w, gradient);
        for (theta, g) in theta.iter_mut().zip(&*gradient) {
            *theta -= g;
        }
        self.predict(theta, next_x, tape)
    }

    /// `theta -= sum_i w_i grad h(theta, x_i)` over all samples, then the residuals of the loss there.
    ///
    /// A model may fuse the two into one pass over the inputs. Its sums may then have another order than this default's,
    /// the same at every SIMD level.
    #[inline(always)]
    fn full_step(&self, theta: &mut [f64], tape: &mut Self::Tape, step: FullStep) {
        let FullStep { samples, loss, weights, residuals, gradient, .. } = step;
        gradient.fill(0.0);
        for (x, &w) in samples.x.iter_rows().zip(weights) {
            self.predict(theta, x, tape);
            self.pullback(theta, x, tape, w, gradient);
        }
        for (theta, g) in theta.iter_mut().zip(&*gradient) {
            *theta -= g;
        }
        for ((x, y), r) in samples.x.iter_rows().zip(&samples.y).zip(residuals) {
            *r = loss.residual(self.predict(theta, x, tape), *y);
        }
    }

    /// The coefficients `beta` with `h(theta, x) = <beta, x>`, for models that are linear in their input.
    fn coefficients(&self, theta: &[f64]) -> Option<Vec<f64>> {
        let _ = theta;
        None
    }

    /// Whether `theta = [u, v]` and the predictor is linear in its input with the coefficients `u * v`.
    fn is_product(&self) -> bool {
        false
    }

    /// Scales `s` with `J J^T = X diag(s^2) X^T` for the Jacobian J on any inputs X, for models that have them.
    fn jacobian_scales(&self, theta: &[f64]) -> Option<Vec<f64>> {
        let _ = theta;
        None
    }

    /// The hidden layers, for models that have them.
    fn features(&self) -> Option<&dyn Features> {
        None
    }

    /// The model as a fully connected network, if it is one: for metrics of its neurons.
    fn network(&self) -> Option<&FullyConnected> {
        None
    }
}

/// What [`Model::full_step`] reads and writes.
#[derive(Debug)]
pub struct FullStep<'a> {
    /// All samples.
    pub samples: &'a Samples,
    /// The loss, whose residuals are asked for.
    pub loss: Loss,
    /// Their inputs in blocks of columns.
    pub columns: &'a Blocked,
    /// One weight per sample, padded with zeros like `columns`.
    pub weights: &'a [f64],
    /// Receives one residual per sample.
    pub residuals: &'a mut [f64],
    /// Space for p numbers.
    pub gradient: &'a mut [f64],
    /// Space for eight numbers per row of `columns`.
    pub lane_sums: &'a mut [f64],
}

/// The hidden layers of a model, whose activations are its features.
pub trait Features {
    /// Number of neurons of each hidden layer.
    fn layers(&self) -> Vec<usize>;

    /// The activations of hidden layer `layer` (from 0) at `x`; `out` has one entry per neuron.
    fn activations(&self, theta: &[f64], x: &[f64], layer: usize, out: &mut [f64]);
}

/// The activations (n x m) of hidden layer `layer` (from 0): row i belongs to row i of `inputs`.
pub fn activations(features: &dyn Features, theta: &[f64], inputs: &Matrix, layer: usize) -> Matrix {
    let mut out = Matrix::zeros(inputs.rows(), features.layers()[layer]);
    for i in 0..inputs.rows() {
        features.activations(theta, inputs.row(i), layer, out.row_mut(i));
    }
    out
}
