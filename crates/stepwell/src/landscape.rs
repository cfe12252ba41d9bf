//! A problem at any parameters, behind one face: what can be asked of it without a run.

use std::sync::Arc;

use crate::data::Dataset;
use crate::linalg::Matrix;
use crate::metrics::{BatchMoments, Thresholds, hessian_vector, sharpness, small_step_solution};
use crate::model::{Model, activations};
use crate::probe::{Instruments, Measurement, Probe, kinks_of};
use crate::problem::Problem;
use crate::tensor::Tensor;

/// What depends on model, data and loss, not on how the parameters are changed.
pub trait Landscape: Send + Sync {
    /// The data set.
    fn data(&self) -> &Arc<Dataset>;
    /// Number of parameters p.
    fn parameters(&self) -> usize;
    /// Number of inputs d.
    fn inputs(&self) -> usize;
    /// Predictions `h(theta, x)` for the rows of `x` (m x d).
    ///
    /// # Panics
    /// If `x` has not d columns, or `theta` not p entries.
    fn predict(&self, theta: &[f64], x: &Matrix) -> Vec<f64>;
    /// The loss of the training set.
    fn train_loss(&self, theta: &[f64]) -> f64;
    /// The gradient of the training loss (p numbers).
    fn gradient(&self, theta: &[f64]) -> Vec<f64>;
    /// The Hessian of the training loss times `v` (p numbers).
    fn hessian_vector(&self, theta: &[f64], v: &[f64]) -> Vec<f64>;
    /// The eigenvector of the largest eigenvalue of that Hessian, of length 1.
    fn top_eigenvector(&self, theta: &[f64]) -> Vec<f64>;
    /// Measurements in the order of `probes`, see [`Instruments::measure`].
    fn measure(&self, theta: &[f64], step_size: f64, instruments: &Instruments, probes: &[Probe]) -> Vec<Measurement>;
    /// The row of numbers of a probe that [is wide](Probe::is_wide); `None` where the model has no such thing.
    fn snapshot(&self, theta: &[f64], probe: Probe) -> Option<Vec<f64>>;
    /// Number of neurons of each hidden layer; empty for models without.
    fn layers(&self) -> Vec<usize>;
    /// Activations (n x m) of hidden layer `layer` (from 0) for the rows of `x`; `None` if there is no such layer.
    fn activations(&self, theta: &[f64], x: &Matrix, layer: usize) -> Option<Matrix>;
    /// The first layer's neurons as points `w_j |a_j|` (m x d), see [`FullyConnected::neurons`]; `None` for models that
    /// are no networks.
    ///
    /// [`FullyConnected::neurons`]: crate::model::FullyConnected::neurons
    fn neurons(&self, theta: &[f64]) -> Option<Matrix>;
    /// Places of the predictor's kinks in the range of the training inputs, kinks nearer than `tolerance` times the range
    /// being one; `None` unless the model is a network with one input.
    fn kinks(&self, theta: &[f64], tolerance: f64) -> Option<Vec<f64>>;
    /// Singular values of the Jacobian, largest first; empty if the instruments have none.
    fn singular_values(&self, theta: &[f64], instruments: &Instruments) -> Vec<f64>;
    /// The step sizes up to which `theta`, taken for a solution, is stable.
    fn thresholds(&self, theta: &[f64], moments: Option<BatchMoments>) -> Thresholds;
    /// The same at the solution that small steps lead to from `theta`, see [`small_step_solution`].
    fn small_step_thresholds(&self, theta: &[f64], moments: Option<BatchMoments>) -> Thresholds;
    /// The parameters by name, see [`Model::layout`].
    fn tensors(&self, theta: &[f64]) -> Vec<Tensor>;
    /// The flat parameters that named ones stand for.
    ///
    /// # Errors
    /// Which tensor is missing, too many, or of another shape.
    fn theta_of(&self, tensors: &[Tensor]) -> Result<Vec<f64>, String>;
}

impl<M: Model> Landscape for Problem<M> {
    fn data(&self) -> &Arc<Dataset> {
        &self.data
    }

    fn parameters(&self) -> usize {
        self.model.parameters()
    }

    fn inputs(&self) -> usize {
        self.model.inputs()
    }

    fn predict(&self, theta: &[f64], x: &Matrix) -> Vec<f64> {
        assert_eq!(x.cols(), self.model.inputs(), "one column per input");
        self.predictions(theta, x)
    }

    fn train_loss(&self, theta: &[f64]) -> f64 {
        self.train_loss(theta)
    }

    fn gradient(&self, theta: &[f64]) -> Vec<f64> {
        self.gradient(theta)
    }

    fn hessian_vector(&self, theta: &[f64], v: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; v.len()];
        hessian_vector(self, theta, v, &mut out);
        out
    }

    fn top_eigenvector(&self, theta: &[f64]) -> Vec<f64> {
        sharpness(self, theta).vector
    }

    fn measure(&self, theta: &[f64], step_size: f64, instruments: &Instruments, probes: &[Probe]) -> Vec<Measurement> {
        instruments.measure(self, theta, step_size, probes)
    }

    fn snapshot(&self, theta: &[f64], probe: Probe) -> Option<Vec<f64>> {
        probe.row(self, theta)
    }

    fn layers(&self) -> Vec<usize> {
        self.model.features().map_or(Vec::new(), |features| features.layers())
    }

    fn activations(&self, theta: &[f64], x: &Matrix, layer: usize) -> Option<Matrix> {
        let features = self.model.features().filter(|features| layer < features.layers().len())?;
        Some(activations(features, theta, x, layer))
    }

    fn neurons(&self, theta: &[f64]) -> Option<Matrix> {
        self.model.network()?.neurons(theta)
    }

    fn kinks(&self, theta: &[f64], tolerance: f64) -> Option<Vec<f64>> {
        kinks_of(self, theta, tolerance)
    }

    fn singular_values(&self, theta: &[f64], instruments: &Instruments) -> Vec<f64> {
        instruments.rank.as_ref().map_or(Vec::new(), |rank| rank.singular_values(&self.model, theta))
    }

    fn thresholds(&self, theta: &[f64], moments: Option<BatchMoments>) -> Thresholds {
        Thresholds::of(self, theta, moments)
    }

    fn small_step_thresholds(&self, theta: &[f64], moments: Option<BatchMoments>) -> Thresholds {
        Thresholds::of(self, &small_step_solution(self, theta), moments)
    }

    fn tensors(&self, theta: &[f64]) -> Vec<Tensor> {
        self.model.layout().tensors(theta)
    }

    fn theta_of(&self, tensors: &[Tensor]) -> Result<Vec<f64>, String> {
        self.model.layout().theta(tensors).map_err(|error| error.to_string())
    }
}
