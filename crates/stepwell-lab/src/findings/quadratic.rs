//! Findings of gradient descent on a quadratic, beside its closed form.

use serde::{Deserialize, Serialize};
use stepwell::number::Number;
use stepwell::statistics::Band;
use stepwell::verdict::Finding;

/// What round-off leaves of the agreement after some thousand steps.
pub const SAME: f64 = 1e-9;

/// What was found in the regimes, in the order of their settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quadratic {
    /// Below, at and above the threshold.
    pub regimes: Vec<Regime>,
}

/// A regime over seeds, each with a data set and a start of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Regime {
    /// What it is called, as its setting.
    pub label: String,
    /// Its step size, in units of each data set's `2/lambda_max`.
    pub step_size: f64,
    /// The last recorded loss of a run, or the step of overflow of one that diverged.
    pub end: Band,
    /// The same of the closed form: the loss at the last recorded step, or the first step whose loss is beyond double
    /// precision.
    pub expected_end: Band,
    /// The largest `|F_t / closed form - 1|` over seeds and recorded steps.
    #[serde(with = "stepwell::number")]
    pub largest_error: f64,
    /// Whether that is below [`SAME`].
    pub finding: Finding,
    /// Step, and the median over seeds of the loss there by the closed form: the first steps, as they are drawn.
    pub expected_losses: Vec<(u64, Number)>,
    /// Recorded step, and the largest `|F_t / closed form - 1|` over seeds there, which may be 0.
    pub errors: Vec<(u64, Number)>,
    /// The first steps of the first seed along the top eigenvector.
    pub coordinates: Vec<Coordinate>,
}

/// The coordinate `<q_top, b_t - b*>` in units of where it starts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Coordinate {
    /// The step t.
    pub step: u64,
    /// Of the run; NaN once it has diverged.
    #[serde(with = "stepwell::number")]
    pub measured: f64,
    /// Of the closed form.
    #[serde(with = "stepwell::number")]
    pub expected: f64,
}
