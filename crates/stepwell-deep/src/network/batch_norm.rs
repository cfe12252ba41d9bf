//! Batch normalization with PyTorch's conventions.

use burn::tensor::activation::relu;

use super::layout::{Layout, Start};
use super::pass::{Mode, Pass};
use super::weights::BatchStatistics;
use crate::engine::Tensor;
use crate::layer_ops::normalize;

/// Added to the variance under the root.
const EPSILON: f64 = 1e-5;

/// `y = gamma (x - mean) / sqrt(variance + 1e-5) + beta` a channel. In training, mean and *biased* variance are the
/// batch's; the *unbiased* variance is what enters the running one. In evaluation both are the running ones.
/// Source: Ioffe and Szegedy, ICML 2015.
#[derive(Clone, Debug)]
pub(super) struct BatchNorm {
    weight: usize,
    bias: usize,
    running: usize,
    pub channels: usize,
}

impl BatchNorm {
    pub fn new(layout: &mut Layout, name: &str, channels: usize) -> Self {
        Self {
            weight: layout.add(format!("{name}.weight"), &[channels], Start::Ones),
            bias: layout.add(format!("{name}.bias"), &[channels], Start::Zeros),
            running: layout.add_normalization(name, channels),
            channels,
        }
    }

    pub fn forward(&self, pass: &mut Pass<'_>, x: Tensor<4>) -> Tensor<4> {
        self.apply(pass, x, false)
    }

    /// The usual pair: batch normalization, then the positive part.
    pub fn forward_relu(&self, pass: &mut Pass<'_>, x: Tensor<4>) -> Tensor<4> {
        self.apply(pass, x, true)
    }

    fn apply(&self, pass: &mut Pass<'_>, x: Tensor<4>, then_relu: bool) -> Tensor<4> {
        let gamma = pass.parameter(self.weight, [self.channels]);
        let beta = pass.parameter(self.bias, [self.channels]);
        if pass.mode == Mode::Evaluate {
            let y = self.with_running_statistics(pass, x, gamma, beta);
            return if then_relu { relu(y) } else { y };
        }
        let [n, _, height, width] = x.dims();
        let count = (n * height * width) as f64;
        let normalized = normalize(x, gamma, beta, EPSILON, then_relu);
        let unbiased = normalized.variance * (count / (count - 1.0).max(1.0));
        debug_assert_eq!(pass.statistics.len(), self.running, "layers run in the layout's order");
        pass.statistics.push(BatchStatistics { mean: normalized.mean, variance: unbiased });
        normalized.output
    }

    fn with_running_statistics(&self, pass: &Pass<'_>, x: Tensor<4>, gamma: Tensor<1>, beta: Tensor<1>) -> Tensor<4> {
        let running = &pass.running[self.running];
        let like = |tensor: Tensor<1>| if x.is_autodiff() { tensor.autodiff() } else { tensor };
        let scale = gamma / like((running.variance.clone() + EPSILON).sqrt());
        let shift = beta - scale.clone() * like(running.mean.clone());
        let shape = [1, self.channels, 1, 1];
        x * scale.reshape(shape) + shift.reshape(shape)
    }
}
