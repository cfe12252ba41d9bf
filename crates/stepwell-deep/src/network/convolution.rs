//! Convolution without bias, "same" padding for odd kernels.

use super::layout::{Layout, Start};
use super::pass::Pass;
use crate::engine::Tensor;
use crate::layer_ops::convolve;

/// `y[n, o, i, j] = sum_{c, a, b} w[o, c, a, b] x[n, c, s i + a - p, s j + b - p]` with zeros outside, `p = (k - 1) / 2`.
#[derive(Clone, Debug)]
pub(super) struct Convolution {
    weight: usize,
    shape: [usize; 4],
    stride: usize,
}

impl Convolution {
    pub fn new(layout: &mut Layout, name: &str, inputs: usize, outputs: usize, kernel: usize, stride: usize) -> Self {
        let shape = [outputs, inputs, kernel, kernel];
        Self { weight: layout.add(format!("{name}.weight"), &shape, Start::HeFanOut), shape, stride }
    }

    /// Channels that it reads.
    pub fn inputs(&self) -> usize {
        self.shape[1]
    }

    /// Channels that it writes.
    pub fn outputs(&self) -> usize {
        self.shape[0]
    }

    pub fn forward(&self, pass: &Pass<'_>, x: Tensor<4>) -> Tensor<4> {
        convolve(x, pass.parameter(self.weight, self.shape), self.stride)
    }
}
