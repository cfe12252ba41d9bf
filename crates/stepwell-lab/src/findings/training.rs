//! Findings of deep networks on images.

use serde::{Deserialize, Serialize};
use stepwell::number::Number;
use stepwell::verdict::Observation;

/// What was found in trainings beside their records.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Training {
    /// Number of parameters of the network.
    pub parameters: u64,
    /// The step sizes that are compared, of a figure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_sizes: Option<StepSizes>,
    /// The paper's observations, of a figure.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub observations: Vec<Observed>,
}

/// A small and a large step size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepSizes {
    /// The small one.
    pub small: f64,
    /// The large one, before warm-up and decay.
    pub large: f64,
    /// Where they come from.
    pub source: String,
}

/// An observation with the medians that are compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observed {
    /// The observation.
    pub observation: Observation,
    /// The medians of both settings, over the seeds that could tell; `None` if none could.
    pub medians: Option<[Number; 2]>,
}
