//! One step of SGD with momentum and weight decay.

use crate::engine::Tensor;
use crate::network::Weights;
use crate::network::weights::{values, vector};

/// The momentum buffers, one per parameter, and the numbers of the method.
///
/// A step is PyTorch's `SGD` without dampening: `d = g + lambda theta`, `buf <- mu buf + d` (from 0), `theta <- theta - eta
/// buf`. So the decay enters as `lambda/2 |theta|^2` in the loss would.
#[derive(Clone, Debug)]
pub struct Sgd {
    momentum: f64,
    weight_decay: f64,
    /// Empty without momentum.
    buffers: Vec<Tensor<1>>,
}

impl Sgd {
    /// At rest.
    pub fn new(weights: &Weights, momentum: f64, weight_decay: f64) -> Self {
        let buffers = if momentum == 0.0 { Vec::new() } else { weights.parameters.iter().map(zeros_like).collect() };
        Self { momentum, weight_decay, buffers }
    }

    /// Moves `weights` along `gradient` (one per parameter) with the step size `eta`.
    ///
    /// # Panics
    /// If there is not one gradient per parameter.
    pub fn step(&mut self, weights: &mut Weights, gradient: Vec<Tensor<1>>, eta: f64) {
        assert_eq!(gradient.len(), weights.parameters.len(), "one gradient per parameter");
        for (k, (theta, mut direction)) in weights.parameters.iter_mut().zip(gradient).enumerate() {
            if self.weight_decay != 0.0 {
                direction = direction + theta.clone() * self.weight_decay;
            }
            if let Some(buffer) = self.buffers.get_mut(k) {
                direction = buffer.clone() * self.momentum + direction;
                *buffer = direction.clone();
            }
            *theta = theta.clone() - direction * eta;
        }
    }

    /// The momentum buffers, one per parameter; empty without momentum.
    pub fn buffers(&self) -> &[Tensor<1>] {
        &self.buffers
    }

    /// Puts the momentum buffers of a checkpoint in place.
    pub(crate) fn set_buffers(&mut self, buffers: Vec<Tensor<1>>) {
        debug_assert_eq!(buffers.len(), self.buffers.len());
        self.buffers = buffers;
    }
}

fn zeros_like(tensor: &Tensor<1>) -> Tensor<1> {
    vector(vec![0.0; tensor.dims()[0]], &tensor.device())
}

/// Whether all parameters are finite numbers.
pub(crate) fn all_finite(weights: &Weights) -> bool {
    // 0 times a finite number is 0, else NaN: one number per parameter comes back from the device
    let sums = weights.parameters.iter().map(|tensor| (tensor.clone() * 0.0).sum()).collect();
    values(Tensor::cat(sums, 0)).iter().all(|sum| *sum == 0.0)
}

/// `average <- keep average + (1 - keep) weights`, running statistics included.
pub(crate) fn average_in(average: &mut Weights, weights: &Weights, keep: f64) {
    let mix = |old: &Tensor<1>, new: &Tensor<1>| old.clone() * keep + new.clone() * (1.0 - keep);
    for (old, new) in average.parameters.iter_mut().zip(&weights.parameters) {
        *old = mix(old, new);
    }
    for (old, new) in average.running.iter_mut().zip(&weights.running) {
        (old.mean, old.variance) = (mix(&old.mean, &new.mean), mix(&old.variance, &new.variance));
        old.batches = new.batches;
    }
}
