//! What is recorded, and when.

use serde::{Deserialize, Serialize};

use crate::probe::Probe;

/// What is recorded, and when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct RecordSpec {
    /// How many of the first steps are recorded, each of them.
    pub first: u64,
    /// Number of points of an even grid over the whole run; the end of the run is not among them.
    pub points: u64,
    /// What is measured at each.
    pub probes: Vec<Probe>,
    /// Measured at the last point of every run, and at each point only of the first `costly_seeds` runs.
    pub costly: Vec<Probe>,
    /// How many runs have their costly probes measured at each point.
    pub costly_seeds: u64,
    /// Rank of the Jacobian: on how many inputs. These are test inputs where there are some; without a test set fresh ones
    /// from the data's distribution (1D: uniform in their range; teacher-student: on the sphere), else training inputs.
    pub rank_inputs: usize,
    /// Rank of the Jacobian: threshold relative to the largest singular value.
    pub rank_tol: f64,
    /// A coefficient counts as non-zero above this.
    pub nonzero_tol: f64,
    /// Feature sparsity: neurons whose absolute correlation exceeds this are duplicates.
    pub sparsity_threshold: f64,
    /// Feature sparsity: whether each sample's activations are first divided by their norm.
    pub sparsity_normalize: bool,
    /// Kinks nearer to each other than this share of the data's range count as one.
    pub kink_tol: f64,
}

impl Default for RecordSpec {
    fn default() -> Self {
        Self {
            first: 100,
            points: 250,
            probes: vec![Probe::TrainLoss, Probe::TestLoss, Probe::StepSize],
            costly: Vec::new(),
            costly_seeds: 8,
            rank_inputs: 400,
            rank_tol: 1e-15,
            nonzero_tol: 1e-50,
            sparsity_threshold: 0.95,
            sparsity_normalize: true,
            kink_tol: 1e-3,
        }
    }
}
