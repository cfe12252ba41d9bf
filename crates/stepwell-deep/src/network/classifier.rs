//! The last layer: a linear map from pooled features to one logit a class.

use super::layout::{Layout, Start};
use super::pass::Pass;
use crate::engine::Tensor;

/// `logits = features W^T + b`, `W` (classes x features).
#[derive(Clone, Debug)]
pub(super) struct Classifier {
    weight: usize,
    bias: usize,
    shape: [usize; 2],
}

impl Classifier {
    pub fn new(layout: &mut Layout, name: &str, features: usize, classes: usize) -> Self {
        let shape = [classes, features];
        Self {
            weight: layout.add(format!("{name}.weight"), &shape, Start::Linear),
            bias: layout.add(format!("{name}.bias"), &[classes], Start::Zeros),
            shape,
        }
    }

    pub fn forward(&self, pass: &Pass<'_>, features: Tensor<2>) -> Tensor<2> {
        let weight = pass.parameter(self.weight, self.shape);
        features.matmul(weight.transpose()) + pass.parameter(self.bias, [1, self.shape[0]])
    }
}
