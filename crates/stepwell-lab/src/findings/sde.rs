//! Findings of SGD beside its stochastic differential equations.

use serde::{Deserialize, Serialize};
use stepwell::number::Number;

/// What is known of each path at its recording points: its loss; the median over coordinates of
/// `ln(|u^2 - v^2| / |u_0^2 - v_0^2|)`, not below round-off; the mean `|beta_j|` where `beta*` is not zero, and where it is.
pub const SERIES: [&str; 4] = ["train_loss", "log_factor", "on_support", "off_support"];

/// How far the laws of `beta = u * v` are from each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sde {
    /// The recording points that distances are known at.
    pub steps: Vec<u64>,
    /// The sliced Wasserstein distance between two halves of SGD's own paths at each of them: what sampling alone makes.
    pub floor: Vec<Number>,
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
    /// The last of them; `None` for SGD itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sliced_wasserstein: Option<Number>,
    /// The energy distance to SGD's paths at the last recording point.
    #[serde(with = "stepwell::number")]
    pub energy_distance: f64,
}

impl Sde {
    /// The floor at the last recording point; NaN if there is none.
    pub fn last_floor(&self) -> f64 {
        self.floor.last().map_or(f64::NAN, |floor| floor.0)
    }
}
