//! How parameters are changed, and where sample indices come from.

use serde::{Deserialize, Serialize};

use super::files::ArraySpec;
use crate::dynamics::BatchRule;

/// How the parameters are changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum DynamicsSpec {
    /// The whole training set at each step.
    GradientDescent,
    /// One uniform sample at each step.
    Sgd(SgdSpec),
    /// Batches.
    MiniBatch(MiniBatchSpec),
    /// The whole training set with the label noise that equals SGD.
    LabelNoise(SgdSpec),
}

/// SGD's choice of samples.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SgdSpec {
    /// Where sample indices come from.
    #[serde(default)]
    pub indices: Indices,
}

/// A source of sample indices.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Indices {
    /// Our own stream, with the seed of the run.
    #[default]
    Seed,
    /// `numpy.random.randint` of the legacy stream, with this seed for all runs.
    NumpyLegacy(u32),
    /// A recorded sequence of integers.
    File(ArraySpec),
}

/// Batches of samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MiniBatchSpec {
    /// Samples in a batch.
    pub size: usize,
    /// How they are chosen.
    pub rule: BatchRule,
}
