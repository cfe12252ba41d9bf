//! Predictors and their initial parameters.

use serde::{Deserialize, Serialize};

use super::files::ArraySpec;

/// A predictor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ModelSpec {
    /// `h = <b, x>`; with a square loss, the quadratic.
    Linear,
    /// `h = x theta^2`, one parameter.
    ScalarToy,
    /// `h = <u * v, x>`, parameters `[u, v]`.
    DiagonalLinear,
}

/// Initial parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum InitSpec {
    /// All parameters alike.
    Constant(f64),
    /// A diagonal network's layers, each constant.
    Diagonal(DiagonalInit),
    /// Independent normal parameters of this standard deviation, from the seed of the run.
    Normal(f64),
    /// Exactly these.
    Values(Vec<f64>),
    /// From a file.
    File(ArraySpec),
}

/// Constant layers of a diagonal network.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DiagonalInit {
    /// Every `u_j`.
    pub u: f64,
    /// Every `v_j`.
    pub v: f64,
}
