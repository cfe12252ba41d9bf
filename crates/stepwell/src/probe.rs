//! Probes: named measurements of a run that leave it as it is.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::linalg::lanes;
use crate::metrics::{JacobianRank, row_norms2, sharpness};
use crate::model::Model;
use crate::problem::Problem;

/// What can be measured at a recording point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Probe {
    /// Loss of the training set.
    TrainLoss,
    /// Loss of the test set.
    TestLoss,
    /// Euclidean norm of the gradient of the training loss.
    GradientNorm,
    /// Euclidean norm of the parameters.
    ParameterNorm,
    /// Number of coefficients `|beta_j| > tol` of a predictor that is linear in its input (`beta = u * v`).
    Nonzero,
    /// Distance `|beta - beta*|` to the sparse target.
    TargetDistance,
    /// Numerical rank of the Jacobian.
    Rank,
    /// Largest eigenvalue of the Hessian of the training loss.
    Sharpness,
    /// `1/n sum |grad h(x_i)|^2` over the training set.
    GradientSquare,
    /// The step size that the next step will use.
    StepSize,
}

impl Probe {
    /// All probes.
    pub const ALL: [Self; 10] = [
        Self::TrainLoss,
        Self::TestLoss,
        Self::GradientNorm,
        Self::ParameterNorm,
        Self::Nonzero,
        Self::TargetDistance,
        Self::Rank,
        Self::Sharpness,
        Self::GradientSquare,
        Self::StepSize,
    ];

    /// The name in specs and records.
    pub fn name(self) -> &'static str {
        match self {
            Self::TrainLoss => "train_loss",
            Self::TestLoss => "test_loss",
            Self::GradientNorm => "gradient_norm",
            Self::ParameterNorm => "parameter_norm",
            Self::Nonzero => "nonzero",
            Self::TargetDistance => "target_distance",
            Self::Rank => "rank",
            Self::Sharpness => "sharpness",
            Self::GradientSquare => "gradient_square",
            Self::StepSize => "step_size",
        }
    }
}

/// What probes need beyond a problem; prepared once and shared by all runs on it.
#[derive(Clone, Debug)]
pub struct Instruments {
    /// For [`Probe::Rank`].
    pub rank: Option<Arc<JacobianRank>>,
    /// For [`Probe::Nonzero`].
    pub nonzero_tol: f64,
}

impl Default for Instruments {
    /// No rank, and the published `1e-50` for non-zero coefficients.
    fn default() -> Self {
        Self { rank: None, nonzero_tol: 1e-50 }
    }
}

impl Instruments {
    /// One measurement; NaN where the problem has no such thing (a test loss without a test set, say).
    pub fn measure<M: Model>(&self, problem: &Problem<M>, theta: &[f64], step_size: f64, probe: Probe) -> f64 {
        let beta = || problem.model.coefficients(theta);
        match probe {
            Probe::TrainLoss => problem.train_loss(theta),
            Probe::TestLoss => problem.test_loss(theta).unwrap_or(f64::NAN),
            Probe::GradientNorm => lanes::norm2(&problem.gradient(theta)).sqrt(),
            Probe::ParameterNorm => lanes::norm2(theta).sqrt(),
            Probe::Nonzero => {
                beta().map_or(f64::NAN, |b| b.iter().filter(|b| b.abs() > self.nonzero_tol).count() as f64)
            }
            Probe::TargetDistance => match (beta(), &problem.data.target) {
                (Some(beta), Some(target)) => {
                    let difference: Vec<f64> = beta.iter().zip(target).map(|(b, t)| b - t).collect();
                    lanes::norm2(&difference).sqrt()
                }
                _ => f64::NAN,
            },
            Probe::Rank => self.rank.as_ref().map_or(f64::NAN, |rank| rank.rank(&problem.model, theta) as f64),
            Probe::Sharpness => sharpness(problem, theta).value,
            Probe::GradientSquare => {
                let norms = row_norms2(&problem.model, theta, &problem.data.train.x);
                lanes::sum(&norms) / norms.len() as f64
            }
            Probe::StepSize => step_size,
        }
    }
}
