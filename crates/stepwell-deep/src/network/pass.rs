//! One forward pass: where layers find their parameters, and what it leaves behind.

use super::weights::{BatchStatistics, Running};
use crate::engine::Tensor;

/// What batch normalization normalizes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The statistics of the batch at hand, which are also returned.
    Train,
    /// The running statistics: each sample is treated by itself.
    Evaluate,
}

/// Parameters on their way through a network.
pub struct Pass<'a> {
    pub(super) mode: Mode,
    pub(super) parameters: &'a [Tensor<1>],
    pub(super) running: &'a [Running],
    pub(super) statistics: Vec<BatchStatistics>,
    features: Option<Vec<Features>>,
}

/// Activations at a named place: samples x channels x height x width (height and width 1 after pooling).
#[derive(Clone, Debug)]
pub struct Features {
    /// One of the network's places.
    pub place: String,
    /// The activations.
    pub values: Tensor<4>,
}

impl<'a> Pass<'a> {
    pub(super) fn new(mode: Mode, parameters: &'a [Tensor<1>], running: &'a [Running], record: bool) -> Self {
        Self { mode, parameters, running, statistics: Vec::new(), features: record.then(Vec::new) }
    }

    /// Parameter `index` in the given shape.
    pub(super) fn parameter<const D: usize>(&self, index: usize, shape: [usize; D]) -> Tensor<D> {
        self.parameters[index].clone().reshape(shape)
    }

    /// Keeps `values` if features were asked for.
    pub(super) fn record(&mut self, place: &str, values: &Tensor<4>) {
        if let Some(features) = &mut self.features {
            features.push(Features { place: place.to_owned(), values: values.clone() });
        }
    }

    pub(super) fn into_features(self) -> Vec<Features> {
        self.features.unwrap_or_default()
    }
}
