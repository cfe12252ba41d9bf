//! How parameters are changed, and where sample indices come from.

use serde::{Deserialize, Serialize};

use super::check::{SpecError, positive, refuse, require};
use super::files::ArraySpec;
use crate::dynamics::{BatchRule, Equation, Grid, Normalization, Scheme};

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
    /// The whole training set with normal label noise of the size that SGD has at a fixed level of the loss.
    FixedLabelNoise(FixedLabelNoiseSpec),
    /// A stochastic differential equation that stands for SGD; a step is the time `step_size`.
    Sde(SdeSpec),
}

/// Label noise at a fixed level: one Euler step of the label-noise equation over the time `step_size`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FixedLabelNoiseSpec {
    /// The level of the loss.
    pub delta: f64,
    /// The size of the noise at this level.
    #[serde(default)]
    pub normalization: Normalization,
}

/// An equation and its integration.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SdeSpec {
    /// Which equation.
    pub equation: EquationSpec,
    /// The level of the loss, for the label-noise equation only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delta: Option<f64>,
    /// The size of the noise, for the label-noise equation only; `calibrated` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normalization: Option<Normalization>,
    /// How it is integrated.
    #[serde(default)]
    pub scheme: Scheme,
    /// Inner steps in one step of the run.
    #[serde(default = "one")]
    pub substeps: usize,
    /// Increments of the Brownian path in one step of the run, a multiple of `substeps` (its default): runs of one seed with
    /// the same `path` follow the same Brownian path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<usize>,
}

fn one() -> usize {
    1
}

/// The name of an equation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum EquationSpec {
    /// Gradient flow, without noise.
    GradientFlow,
    /// The first-order stochastic modified equation.
    FirstOrder,
    /// The second-order stochastic modified equation.
    SecondOrder,
    /// Label noise at a constant level.
    LabelNoise,
}

/// Most inner steps and increments in one step.
const MOST_SUBSTEPS: usize = 1 << 20;

impl FixedLabelNoiseSpec {
    pub(super) fn build(&self) -> Result<(Equation, Scheme, Grid), SpecError> {
        let delta = positive(self.delta, "dynamics.fixed_label_noise.delta")?;
        let equation = Equation::LabelNoise { delta, normalization: self.normalization };
        Ok((equation, Scheme::EulerMaruyama, Grid::new(1)))
    }
}

impl SdeSpec {
    pub(super) fn build(&self) -> Result<(Equation, Scheme, Grid), SpecError> {
        let (substeps, path) = (self.substeps, self.path.unwrap_or(self.substeps));
        let key = "dynamics.sde.substeps";
        require((1..=MOST_SUBSTEPS).contains(&substeps), key, substeps, &format!("between 1 and {MOST_SUBSTEPS}"))?;
        let good = (1..=MOST_SUBSTEPS).contains(&path) && path.is_multiple_of(substeps);
        require(
            good,
            "dynamics.sde.path",
            path,
            &format!("a multiple of substeps = {substeps}, at most {MOST_SUBSTEPS}"),
        )?;
        Ok((self.equation()?, self.scheme, Grid { substeps, path }))
    }

    fn equation(&self) -> Result<Equation, SpecError> {
        let level = self.delta.map(|delta| positive(delta, "dynamics.sde.delta")).transpose()?;
        let only = "nothing: only the equation label_noise has it";
        match self.equation {
            EquationSpec::LabelNoise => {
                let delta = level.ok_or_else(|| refuse("dynamics.sde.delta", "nothing", "the level of the loss"))?;
                Ok(Equation::LabelNoise { delta, normalization: self.normalization.unwrap_or_default() })
            }
            _ if level.is_some() => Err(refuse("dynamics.sde.delta", "a level", only)),
            _ if self.normalization.is_some() => Err(refuse("dynamics.sde.normalization", "a name", only)),
            EquationSpec::GradientFlow => Ok(Equation::GradientFlow),
            EquationSpec::FirstOrder => Ok(Equation::FirstOrder),
            EquationSpec::SecondOrder => Ok(Equation::SecondOrder),
        }
    }
}

impl DynamicsSpec {
    /// The equation that is integrated, if it is one.
    pub(super) fn sde(&self) -> Result<Option<(Equation, Scheme, Grid)>, SpecError> {
        match self {
            Self::FixedLabelNoise(s) => s.build().map(Some),
            Self::Sde(s) => s.build().map(Some),
            _ => Ok(None),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn sde(equation: EquationSpec, delta: Option<f64>) -> SdeSpec {
        SdeSpec { equation, delta, normalization: None, scheme: Scheme::default(), substeps: 2, path: Some(8) }
    }

    #[test]
    fn equations_are_built_and_what_does_not_go_together_is_named() {
        let (equation, _, grid) = sde(EquationSpec::LabelNoise, Some(0.1)).build().unwrap();
        assert_eq!(equation, Equation::LabelNoise { delta: 0.1, normalization: Normalization::Calibrated });
        assert_eq!(grid, Grid { substeps: 2, path: 8 });
        let message = |spec: SdeSpec| spec.build().unwrap_err().to_string();
        let missing = message(sde(EquationSpec::LabelNoise, None));
        assert_eq!(missing, "dynamics.sde.delta: nothing, expected the level of the loss");
        assert!(message(sde(EquationSpec::LabelNoise, Some(-1.0))).starts_with("dynamics.sde.delta: -1"));
        assert!(message(sde(EquationSpec::FirstOrder, Some(1.0))).contains("only the equation label_noise"));
        let uneven = SdeSpec { path: Some(3), ..sde(EquationSpec::FirstOrder, None) };
        assert!(message(uneven).starts_with("dynamics.sde.path: 3, expected a multiple of substeps = 2"));
        let none = SdeSpec { substeps: 0, path: None, ..sde(EquationSpec::FirstOrder, None) };
        assert!(message(none).starts_with("dynamics.sde.substeps: 0"));
        assert!(FixedLabelNoiseSpec { delta: 0.0, normalization: Normalization::AsWritten }.build().is_err());
    }
}
