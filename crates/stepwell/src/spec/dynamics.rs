//! How parameters are changed, and where sample indices come from.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::check::{SpecError, positive, refuse, require};
use super::files::ArraySpec;
use crate::data::Samples;
use crate::dynamics::{self, BatchRule, Dynamics, Equation, Grid, IndexSource, Normalization, Sampler, Scheme};
use crate::metrics::BatchMoments;
use crate::rng::NumpyLegacy;

/// The dynamics, each with its variant in specs and how it is made for a run.
macro_rules! dynamics {
    ($start:ident => $($(#[doc = $doc:literal])* $dynamics:ident $(($spec:ident: $settings:ty))? = $made:expr,)*) => {
        /// How the parameters are changed.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(rename_all = "snake_case", deny_unknown_fields)]
        pub enum DynamicsSpec {
            $($(#[doc = $doc])* $dynamics $(($settings))?,)*
        }

        impl DynamicsSpec {
            /// Does something with the dynamics of a run, which [`DynamicsSpec::check`] has let pass.
            pub(super) fn with_dynamics<T: ForDynamics>(&self, $start: &RunStart<'_>, then: T) -> T::Output {
                match self {
                    $(Self::$dynamics $(($spec))? => then.go($made),)*
                }
            }
        }
    };
}

dynamics! { start =>
    /// The whole training set at each step.
    GradientDescent = dynamics::GradientDescent,
    /// One uniform sample at each step.
    Sgd(spec: SgdSpec) = dynamics::Sgd::new(start.sampler(&spec.indices)),
    /// Batches.
    MiniBatch(spec: MiniBatchSpec) =
        dynamics::MiniBatch::new(spec.rule, spec.size, start.n(), Sampler::own(start.seed, start.n())),
    /// The whole training set with the label noise that equals SGD.
    LabelNoise(spec: SgdSpec) = dynamics::LabelNoise::new(start.sampler(&spec.indices)),
    /// The whole training set with normal label noise of the size that SGD has at a fixed level of the loss.
    FixedLabelNoise(spec: FixedLabelNoiseSpec) = start.sde(spec.build()),
    /// A stochastic differential equation that stands for SGD; a step is the time `step_size`.
    Sde(spec: SdeSpec) = start.sde(spec.build()),
}

impl DynamicsSpec {
    /// The batches out of `n` samples whose steps have the moments of this dynamics' steps: their size, and how they are chosen.
    /// None for equations.
    fn batch(&self, n: usize) -> Option<(usize, BatchRule)> {
        match self {
            Self::GradientDescent => Some((n, BatchRule::WithoutReplacement)),
            Self::Sgd(_) | Self::LabelNoise(_) => Some((1, BatchRule::WithReplacement)),
            Self::MiniBatch(batch) => Some((batch.size, batch.rule)),
            _ => None,
        }
    }

    /// Samples of a batch whose gradient a step is. Label noise has that of the whole set.
    pub(super) fn batch_size(&self, n: usize) -> usize {
        let batch = self.batch(n).filter(|_| !matches!(self, Self::LabelNoise(_)));
        batch.map_or(n, |(size, _)| size)
    }

    /// Moments of the batches out of `n` samples; none for equations.
    pub(super) fn batch_moments(&self, n: usize) -> Option<BatchMoments> {
        self.batch(n).map(|(size, rule)| BatchMoments::of(size, rule, n))
    }

    /// Whether it has batches at all: equations have none.
    pub(super) fn has_batches(&self) -> bool {
        self.batch(1).is_some()
    }

    /// Where sample indices come from, if it can be chosen.
    pub(super) fn indices(&self) -> Option<&Indices> {
        match self {
            Self::Sgd(spec) | Self::LabelNoise(spec) => Some(&spec.indices),
            _ => None,
        }
    }

    /// The same, to be changed.
    pub(super) fn indices_mut(&mut self) -> Option<&mut Indices> {
        match self {
            Self::Sgd(spec) | Self::LabelNoise(spec) => Some(&mut spec.indices),
            _ => None,
        }
    }

    /// Whether it goes with `n` samples, and its own settings with each other.
    pub(super) fn check(&self, n: usize) -> Result<(), SpecError> {
        match self {
            Self::MiniBatch(batch) => batch.check(n),
            Self::FixedLabelNoise(spec) => spec.build().map(drop),
            Self::Sde(spec) => spec.build().map(drop),
            _ => Ok(()),
        }
    }

    /// The key that says so, if it has noise in its labels, which only a square loss has.
    pub(super) fn noisy_labels(&self) -> Option<&'static str> {
        match self {
            Self::LabelNoise(_) => Some("dynamics.label_noise"),
            Self::FixedLabelNoise(_) => Some("dynamics.fixed_label_noise"),
            Self::Sde(SdeSpec { equation: EquationSpec::LabelNoise, .. }) => Some("dynamics.sde.equation"),
            _ => None,
        }
    }
}

/// What is done with a dynamics, whichever it is.
pub(super) trait ForDynamics {
    type Output;
    fn go<D: Dynamics>(self, dynamics: D) -> Self::Output;
}

/// What a run starts with, as far as a dynamics asks.
pub(super) struct RunStart<'a> {
    pub samples: &'a Samples,
    pub seed: u64,
    /// Those that were read.
    pub indices: Option<&'a Arc<[u32]>>,
}

/// An equation, how it is integrated, and the steps within a step.
type Integration = (Equation, Scheme, Grid);

impl RunStart<'_> {
    fn n(&self) -> usize {
        self.samples.len()
    }

    fn sampler(&self, indices: &Indices) -> Sampler {
        match (indices, self.indices) {
            (Indices::File(_), Some(indices)) => {
                Sampler::new(IndexSource::Replay { indices: Arc::clone(indices), next: 0 }, self.n())
            }
            (Indices::NumpyLegacy(seed), _) => {
                Sampler::new(IndexSource::NumpyLegacy(Box::new(NumpyLegacy::new(*seed))), self.n())
            }
            _ => Sampler::own(self.seed, self.n()),
        }
    }

    fn sde(&self, built: Result<Integration, SpecError>) -> dynamics::Sde {
        let (equation, scheme, grid) = built.expect("checked when the spec was prepared");
        dynamics::Sde::new(equation, scheme, grid, self.samples, self.seed)
    }
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
    fn build(&self) -> Result<Integration, SpecError> {
        let delta = positive(self.delta, "dynamics.fixed_label_noise.delta")?;
        let equation = Equation::LabelNoise { delta, normalization: self.normalization };
        Ok((equation, Scheme::EulerMaruyama, Grid::new(1)))
    }
}

impl SdeSpec {
    fn build(&self) -> Result<Integration, SpecError> {
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

impl MiniBatchSpec {
    fn check(&self, n: usize) -> Result<(), SpecError> {
        let key = "dynamics.mini_batch.size";
        require(self.size > 0, key, 0, "at least 1")?;
        let bounded = self.rule == BatchRule::WithReplacement || self.size <= n;
        require(bounded, key, self.size, &format!("at most n = {n} without replacement"))
    }
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
