//! What was found in an experiment: plain values, from which alone a figure is drawn and a table is printed.

pub mod advice;
pub mod phase;
pub mod published;
pub mod quadratic;
pub mod sde;
pub mod toy;
pub mod training;

use serde::{Deserialize, Serialize};

/// What was found, by the kind of the experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Findings {
    /// Nothing beyond the runs themselves.
    Runs,
    /// A figure of the paper.
    Published(published::Published),
    /// Gradient descent on a quadratic.
    Quadratic(quadratic::Quadratic),
    /// SGD beside its stochastic differential equations.
    Sde(sde::Sde),
    /// The scalar toy model.
    Toy(toy::Toy),
    /// A deep network on images.
    Training(training::Training),
    /// What runs do as a function of the step size.
    Phase(phase::Phase),
    /// A step size and a schedule, with the evidence.
    Advice(Box<advice::Advice>),
}
