//! Findings of SGD beside its stochastic differential equations.

use serde::{Deserialize, Serialize};
use stepwell::number::Number;

/// What is known of each path at its recording points: its loss; the mean of the sampled loss so far; the median over
/// coordinates of the accumulated `ln(|u^2 - v^2| / |u_0^2 - v_0^2|)`; the mean `|beta_j|` where `beta*` is not zero, and where it is.
pub const SERIES: [&str; 5] = ["train_loss", "mean_sampled_loss", "log_factor", "on_support", "off_support"];

/// How far the laws of `beta = u * v` are from each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sde {
    /// The recording points that distances are known at.
    pub steps: Vec<u64>,
    /// The level of the loss that the noise of all laws but SGD has: the mean of SGD's sampled loss over the steps up to the
    /// last recording point, the median over its paths that did not diverge. NaN if all did: the level is the spec's then.
    #[serde(with = "stepwell::number")]
    pub delta: f64,
    /// The laws, in the order of their settings, SGD first.
    pub laws: Vec<Law>,
}

/// One description of the dynamics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Law {
    /// What it is called, as its setting.
    pub label: String,
    /// Its step size.
    pub step_size: f64,
    /// The sliced Wasserstein distance to SGD's paths at each recording point, over the paths that did not diverge; NaN where
    /// fewer than two are left. Empty for SGD itself.
    pub to_sgd: Vec<Number>,
    /// What sampling alone makes of that distance, at each recording point: between paths of SGD in the same numbers. Empty
    /// for SGD itself, and where there are not enough paths.
    pub floor: Vec<Floor>,
    /// How many paths are compared: of SGD, and of this law.
    pub sizes: [usize; 2],
    /// The last distance; `None` for SGD itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sliced_wasserstein: Option<Number>,
    /// The energy distance to SGD's paths at the last recording point.
    #[serde(with = "stepwell::number")]
    pub energy_distance: f64,
}

/// Distances between random disjoint groups of SGD's paths.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Floor {
    /// Their median.
    pub median: f64,
    /// The least value of the middle 95%.
    pub low: f64,
    /// The largest.
    pub high: f64,
}
