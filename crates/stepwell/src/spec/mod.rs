//! Specs: an experiment as data (TOML, say), checked and built into a run.

mod check;
mod data;
mod dynamics;
mod files;
mod init_file;
mod model;
mod place;
mod prepare;
mod record;
mod schedule;
mod seeds;
mod set;
mod text;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use check::SpecError;
pub use data::{
    DataSpec, Draw, FileSpec, GivenLayer, GridSpec, ScalarSpec, SparseRegressionSpec, TeacherSpec, TeacherStudentSpec,
};
pub use dynamics::{DynamicsSpec, EquationSpec, FixedLabelNoiseSpec, Indices, MiniBatchSpec, SdeSpec, SgdSpec};
pub use files::{Array, ArraySource, ArraySpec, NoFiles};
pub use init_file::{FlatOrder, InitFileSpec};
pub use model::{DiagonalInit, FullyConnectedSpec, InitSpec, LayersInit, ModelSpec, PerLayer};
pub use prepare::Prepared;
pub use record::RecordSpec;
pub use schedule::{
    CosineSpec, DecaySpec, ExponentialWarmup, LinearWarmup, PieceSpec, PowerWarmup, RelativeTo, ScheduleSpec,
    WarmupSpec,
};
pub use set::put_key;
pub use text::{from_table, nearest, parse_as};

use crate::loss::Loss;

/// An experiment: what is run, how, and what is recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// A title, in one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Number T of steps.
    pub steps: u64,
    /// The predictor.
    pub model: ModelSpec,
    /// The loss and its convention.
    pub loss: Loss,
    /// The data set.
    pub data: DataSpec,
    /// Initial parameters.
    pub init: InitSpec,
    /// How the parameters are changed.
    pub dynamics: DynamicsSpec,
    /// Step sizes.
    pub schedule: ScheduleSpec,
    /// What is recorded, and when.
    #[serde(default)]
    pub record: RecordSpec,
    /// The runs of a figure: the same experiment with another schedule or dynamics.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variants: Vec<VariantSpec>,
}

/// One run of a figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct VariantSpec {
    /// What the run is called.
    pub label: String,
    /// Its step sizes, where they are its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<ScheduleSpec>,
    /// Its dynamics, where it is its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dynamics: Option<DynamicsSpec>,
    /// Published values at the last recording point, by probe.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub published: BTreeMap<String, f64>,
}

impl Spec {
    /// A spec from its text.
    ///
    /// ```
    /// use stepwell::spec::{Spec, SpecError};
    ///
    /// let text = r#"
    ///     steps = 1000
    ///     model = "diagonal_linear"
    ///     loss = "half_mean_square"
    ///     data.sparse_regression = { n = 10, d = 20, sparsity = 2 }
    ///     init.diagonal = { u = 0.1, v = 0.0 }
    ///     dynamics.sgd = {}
    ///     schedule.step_size = 0.1
    /// "#;
    /// let spec = Spec::from_toml(text)?;
    /// assert_eq!(spec.steps, 1000);
    /// assert_eq!(Spec::from_toml(&spec.to_toml())?, spec);
    ///
    /// // what is wrong is taken apart, for programs
    /// let wrong = text.replace("step_size", "stepsize");
    /// let Err(SpecError::Text { key, found, nearest, span, .. }) = Spec::from_toml(&wrong) else { panic!() };
    /// assert_eq!((key.as_str(), found.as_str()), ("schedule.stepsize", "unknown key `stepsize`"));
    /// assert_eq!((nearest.as_deref(), &wrong[span.unwrap()]), (Some("step_size"), "stepsize"));
    /// # Ok::<(), SpecError>(())
    /// ```
    ///
    /// # Errors
    /// [`SpecError::Text`]: the key, what stands there, what was expected, and where. Values out of range are left to
    /// [`prepare`](Self::prepare).
    pub fn from_toml(text: &str) -> Result<Self, SpecError> {
        parse_as(text, &[])
    }

    /// A spec from its text with changes, one `key=value` each: `schedule.step_size=0.2`, `variants.0.label=first`. What is
    /// no TOML value is a string.
    ///
    /// # Errors
    /// [`SpecError::Set`] if a change is to blame, else as [`from_toml`](Self::from_toml).
    pub fn from_toml_with(text: &str, sets: &[String]) -> Result<Self, SpecError> {
        parse_as(text, sets)
    }

    /// The spec as text with all defaults.
    ///
    /// # Panics
    /// If a number is above 2^63 - 1, the largest whole number of TOML: not if the spec was read from text.
    pub fn to_toml(&self) -> String {
        toml::to_string_pretty(self).expect("whole numbers are at most 2^63 - 1")
    }

    /// The spec with a variant's schedule and dynamics in place of its own, and without variants.
    pub fn with_variant(&self, variant: &VariantSpec) -> Self {
        let mut spec = self.clone();
        spec.variants.clear();
        spec.schedule = variant.schedule.clone().unwrap_or(spec.schedule);
        spec.dynamics = variant.dynamics.clone().unwrap_or(spec.dynamics);
        spec
    }

    /// Title and labels name tensors and folders: they stand in one line.
    ///
    /// # Errors
    /// The one that does not.
    pub fn check_names(&self) -> Result<(), SpecError> {
        let one_line = |text: &str| !text.contains(['\n', '\r']);
        let title = self.title.as_deref().unwrap_or_default();
        check::require(one_line(title), "title", "several lines", "one line")?;
        let label = self.variants.iter().position(|variant| !one_line(&variant.label));
        label.map_or(Ok(()), |k| Err(check::refuse(&format!("variants.{k}.label"), "several lines", "one line")))
    }

    /// The spec with data and indices that are drawn anew for each seed where the published ones were named:
    /// `fresh_data` says whether the data set is.
    pub fn seeded(&self, fresh_data: bool) -> Self {
        let mut spec = self.clone();
        if let Some(indices) = spec.dynamics.indices_mut() {
            *indices = Indices::Seed;
        }
        match &mut spec.data {
            DataSpec::SparseRegression(s) if fresh_data => s.draw = Draw::Seed,
            DataSpec::TeacherStudent(s) if fresh_data => s.draw = Draw::Seed,
            _ => {}
        }
        spec
    }

    /// Calls `change` on every path that the spec names, so that it can be made relative to another folder.
    pub fn for_each_path(&mut self, mut change: impl FnMut(&mut String)) {
        if let DataSpec::File(file) = &mut self.data {
            change(&mut file.path);
        }
        if let InitSpec::File(file) = &mut self.init {
            change(&mut file.path);
        }
        if let Some(Indices::File(array)) = self.dynamics.indices_mut() {
            change(&mut array.path);
        }
    }
}
