//! Specs: an experiment as data (TOML, say), checked and built into a run.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::data::{DataError, Dataset, Samples, SparseRegression};
use crate::dynamics::{BatchRule, Dynamics, GradientDescent, IndexSource, LabelNoise, MiniBatch, Sampler, Sgd};
use crate::linalg::Matrix;
use crate::loss::Loss;
use crate::metrics::JacobianRank;
use crate::model::{DiagonalLinear, Linear, Model, ScalarToy};
use crate::probe::{Instruments, Probe};
use crate::problem::Problem;
use crate::record::grid;
use crate::rng::{NumpyLegacy, Purpose, Stream};
use crate::run::{RecordPlan, Run, Runner};
use crate::schedule::Schedule;

/// An experiment: what is run, how, and what is recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// A line for people.
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
    /// The runs of a figure: the same experiment with other schedules.
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
    /// Its step sizes.
    pub schedule: ScheduleSpec,
    /// Published values at the last recording point, by probe.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub published: BTreeMap<String, f64>,
}

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

/// A data set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum DataSpec {
    /// A noiseless sparse regression problem.
    SparseRegression(SparseRegressionSpec),
    /// The scalar toy model's samples: `y = x theta_star^2`.
    Scalar(ScalarSpec),
    /// Your own arrays.
    File(FileSpec),
}

/// Normal inputs, `y = X beta*` with `sparsity` non-zero coefficients.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SparseRegressionSpec {
    /// Number of training samples.
    pub n: usize,
    /// Input dimension.
    pub d: usize,
    /// Number of non-zero coefficients.
    pub sparsity: usize,
    /// Number of test samples.
    #[serde(default)]
    pub test: usize,
    /// Where the numbers come from; by default a fresh data set for each seed.
    #[serde(default)]
    pub draw: Draw,
}

/// A source of random numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Draw {
    /// Our own stream, with the seed of the run.
    #[default]
    Seed,
    /// Our own stream, with this seed for all runs.
    Fresh(u64),
    /// NumPy's legacy stream, with this seed for all runs.
    NumpyLegacy(u32),
}

/// Scalar inputs with labels `y = x theta_star^2`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ScalarSpec {
    /// The inputs.
    pub x: Vec<f64>,
    /// The minimum.
    pub theta_star: f64,
}

/// Arrays in a file: `.npz`, or `.npy` files named apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FileSpec {
    /// A `.npz` file with arrays `x` (n x d), `y` (n) and, optionally, `x_test`, `y_test`, `target` (d); or a folder of
    /// `.npy` files with these names.
    pub path: String,
}

/// An array in a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ArraySpec {
    /// A `.npy` or `.npz` file.
    pub path: String,
    /// The array's name in a `.npz` file with several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub array: Option<String>,
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

/// A step size with optional warm-up, cosine, pieces and decays, applied in this order. Times are fractions of the run;
/// a fraction f means step `floor(f T)`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ScheduleSpec {
    /// The base step size eta.
    pub step_size: f64,
    /// Growth at the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warmup: Option<WarmupSpec>,
    /// A fall along half a cosine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cosine: Option<CosineSpec>,
    /// Piecewise constant factors.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub piecewise: Vec<PieceSpec>,
    /// Divisions of the step size.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decay: Vec<DecaySpec>,
}

/// Growth of the step size, held after `until`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum WarmupSpec {
    /// `eta (1 + gain t/T)`.
    Linear(LinearWarmup),
    /// `eta (1 + gain (t/T)^exponent)`.
    Power(PowerWarmup),
    /// `eta base^(scale t/T)`.
    Exponential(ExponentialWarmup),
}

/// `eta (1 + gain t/T)`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LinearWarmup {
    /// Growth over a whole run.
    pub gain: f64,
    /// Fraction of the run where it ends.
    pub until: f64,
}

/// `eta (1 + gain (t/T)^exponent)`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PowerWarmup {
    /// Growth over a whole run.
    pub gain: f64,
    /// The power of time.
    pub exponent: f64,
    /// Fraction of the run where it ends.
    pub until: f64,
}

/// `eta base^(scale t/T)`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ExponentialWarmup {
    /// The base, above 0.
    pub base: f64,
    /// The exponent at the end of a whole run.
    pub scale: f64,
    /// Fraction of the run where it ends.
    pub until: f64,
}

/// A fall from factor 1 to `floor` along half a cosine.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CosineSpec {
    /// Fraction of the run where it begins.
    #[serde(default)]
    pub from: f64,
    /// Fraction of the run where it ends.
    #[serde(default = "one")]
    pub to: f64,
    /// The last factor.
    #[serde(default)]
    pub floor: f64,
}

fn one() -> f64 {
    1.0
}

/// A constant factor from a time on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PieceSpec {
    /// Fraction of the run where it begins.
    pub from: f64,
    /// What the step size is multiplied with.
    pub factor: f64,
}

/// A division of the step size: either `after` or `at` says when.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DecaySpec {
    /// After step `floor(after T)`: that step is still large.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<f64>,
    /// Before step `floor(at T)`: that step is small already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<f64>,
    /// The divisor.
    pub divide_by: f64,
}

/// What is recorded, and when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct RecordSpec {
    /// Every step of the first so many.
    pub first: u64,
    /// Points of the even grid over the whole run, the last one left out.
    pub points: u64,
    /// What is measured at each.
    pub probes: Vec<Probe>,
    /// Rank of the Jacobian: on how many test inputs (training inputs where there is no test set).
    pub rank_inputs: usize,
    /// Rank of the Jacobian: threshold relative to the largest singular value.
    pub rank_tol: f64,
    /// A coefficient counts as non-zero above this.
    pub nonzero_tol: f64,
}

impl Default for RecordSpec {
    fn default() -> Self {
        Self {
            first: 100,
            points: 250,
            probes: vec![Probe::TrainLoss, Probe::TestLoss, Probe::StepSize],
            rank_inputs: 400,
            rank_tol: 1e-15,
            nonzero_tol: 1e-50,
        }
    }
}

/// Why a spec was refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SpecError {
    /// A key has a value out of range, or one that does not go with the others.
    #[error("{key}: {found}, expected {expected}")]
    Value {
        /// The key's path.
        key: String,
        /// What stands there.
        found: String,
        /// What would be right.
        expected: String,
    },
    /// The data were refused.
    #[error("{place}: {source}")]
    Data {
        /// The key or file.
        place: String,
        /// Why.
        source: DataError,
    },
    /// A file could not be read.
    #[error("{0}")]
    File(String),
}

/// An array that a file held: its shape and its values, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Length of each dimension.
    pub shape: Vec<usize>,
    /// The values, last dimension fastest.
    pub values: Vec<f64>,
}

/// Whoever can read files for a spec; the library itself has none.
pub trait ArraySource: Sync {
    /// All arrays of a `.npz` file or a folder of `.npy` files, by name.
    ///
    /// # Errors
    /// A message that names the file and what is wrong with it.
    fn arrays(&self, path: &str) -> Result<BTreeMap<String, Array>, String>;
}

/// No files: for specs that name none.
pub struct NoFiles;

impl ArraySource for NoFiles {
    fn arrays(&self, path: &str) -> Result<BTreeMap<String, Array>, String> {
        Err(format!("{path}: this program reads no files"))
    }
}

fn refuse(key: &str, found: impl ToString, expected: impl Into<String>) -> SpecError {
    SpecError::Value { key: key.into(), found: found.to_string(), expected: expected.into() }
}

fn require(good: bool, key: &str, found: impl ToString, expected: &str) -> Result<(), SpecError> {
    if good { Ok(()) } else { Err(refuse(key, found, expected)) }
}

fn fraction(value: f64, key: &str) -> Result<f64, SpecError> {
    require((0.0..=1.0).contains(&value), key, value, "a fraction of the run between 0 and 1")?;
    Ok(value)
}

fn finite(value: f64, key: &str) -> Result<f64, SpecError> {
    require(value.is_finite(), key, value, "a finite number")?;
    Ok(value)
}

fn positive(value: f64, key: &str) -> Result<f64, SpecError> {
    require(value > 0.0 && value.is_finite(), key, value, "a positive number")?;
    Ok(value)
}

impl ScheduleSpec {
    /// The schedule of a run of `steps` steps.
    ///
    /// # Errors
    /// If a number is out of range.
    pub fn build(&self, steps: u64) -> Result<Schedule, SpecError> {
        let at = |f: f64| (f * steps as f64) as u64;
        let mut schedule = Schedule::constant(positive(self.step_size, "schedule.step_size")?);
        let key = "schedule.warmup";
        schedule = match self.warmup {
            None => schedule,
            Some(WarmupSpec::Linear(w)) => {
                schedule.power_warmup(gain(w.gain, key)?, 1.0, at(fraction(w.until, key)?), steps)
            }
            Some(WarmupSpec::Power(w)) => {
                let exponent = positive(w.exponent, key)?;
                schedule.power_warmup(gain(w.gain, key)?, exponent, at(fraction(w.until, key)?), steps)
            }
            Some(WarmupSpec::Exponential(w)) => {
                let scale = finite(w.scale, key)?;
                schedule.exponential_warmup(positive(w.base, key)?, scale, at(fraction(w.until, key)?), steps)
            }
        };
        if let Some(CosineSpec { from, to, floor }) = self.cosine {
            let key = "schedule.cosine";
            require(from < to, key, format!("from {from} to {to}"), "from below to")?;
            require((0.0..=1.0).contains(&floor), key, floor, "a floor between 0 and 1")?;
            schedule = schedule.cosine(at(fraction(from, key)?), at(fraction(to, key)?), floor);
        }
        if !self.piecewise.is_empty() {
            let key = "schedule.piecewise";
            let piece = |p: &PieceSpec| Ok((at(fraction(p.from, key)?), positive(p.factor, key)?));
            schedule = schedule.piecewise(self.piecewise.iter().map(piece).collect::<Result<_, SpecError>>()?);
        }
        for decay in &self.decay {
            let key = "schedule.decay";
            let divisor = positive(decay.divide_by, "schedule.decay.divide_by")?;
            schedule = match (decay.after, decay.at) {
                (Some(after), None) => schedule.decay_after(at(fraction(after, key)?), divisor),
                (None, Some(before)) => schedule.decay_at(at(fraction(before, key)?), divisor),
                (both, _) => {
                    let found = if both.is_some() { "both `after` and `at`" } else { "neither `after` nor `at`" };
                    return Err(refuse(key, found, "one of them"));
                }
            };
        }
        Ok(schedule)
    }
}

fn gain(value: f64, key: &str) -> Result<f64, SpecError> {
    require(value > -1.0 && value.is_finite(), key, value, "a gain above -1")?;
    Ok(value)
}

/// A spec with its data and files read: ready to start runs of any seed.
#[derive(Clone, Debug)]
pub struct Prepared {
    spec: Spec,
    schedule: Schedule,
    data: Option<Arc<Dataset>>,
    theta: Option<Vec<f64>>,
    indices: Option<Arc<[u32]>>,
    instruments: Option<Instruments>,
}

impl Spec {
    /// The spec with a variant's schedule in place of its own, and without variants.
    pub fn with_variant(&self, variant: &VariantSpec) -> Self {
        let mut spec = self.clone();
        spec.variants.clear();
        spec.schedule = variant.schedule.clone();
        spec
    }

    /// The spec with data and indices that are drawn anew for each seed where the published ones were named:
    /// `fresh_data` says whether the data set is.
    pub fn seeded(&self, fresh_data: bool) -> Self {
        let mut spec = self.clone();
        if let DynamicsSpec::Sgd(s) | DynamicsSpec::LabelNoise(s) = &mut spec.dynamics {
            s.indices = Indices::Seed;
        }
        if let (DataSpec::SparseRegression(s), true) = (&mut spec.data, fresh_data) {
            s.draw = Draw::Seed;
        }
        spec
    }

    /// Checks everything that can be checked without a seed, and reads the files that it names.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn prepare(&self, files: &dyn ArraySource) -> Result<Prepared, SpecError> {
        require(self.steps > 0, "steps", self.steps, "at least 1")?;
        require(self.steps < 1 << 53, "steps", self.steps, "less than 2^53")?;
        require(self.record.first > 0 || self.record.points > 1, "record", "no points", "first or points")?;
        require(self.record.rank_inputs > 0, "record.rank_inputs", 0, "at least 1")?;
        require((0.0..1.0).contains(&self.record.rank_tol), "record.rank_tol", self.record.rank_tol, "0 <= tol < 1")?;
        require(self.record.nonzero_tol >= 0.0, "record.nonzero_tol", self.record.nonzero_tol, "at least 0")?;
        let schedule = self.schedule.build(self.steps)?;
        let data = self.data.read(files)?;
        let shape = match (&data, &self.data) {
            (Some(data), _) => (data.train.len(), data.train.x.cols()),
            (None, DataSpec::SparseRegression(s)) => {
                let place = "data.sparse_regression".to_string();
                s.shape().check().map_err(|source| SpecError::Data { place, source })?;
                (s.n, s.d)
            }
            (None, _) => unreachable!("only drawn data wait for a seed"),
        };
        self.check_sizes(shape)?;
        let theta = match &self.init {
            InitSpec::File(array) => Some(self.check_theta(array.read(files)?.values, &array.path, shape.1)?),
            InitSpec::Values(values) => Some(self.check_theta(values.clone(), "init.values", shape.1)?),
            _ => None,
        };
        let indices = match &self.dynamics {
            DynamicsSpec::Sgd(SgdSpec { indices: Indices::File(array) })
            | DynamicsSpec::LabelNoise(SgdSpec { indices: Indices::File(array) }) => {
                Some(self.check_indices(&array.read(files)?.values, &array.path, shape.0)?)
            }
            _ => None,
        };
        let instruments = data.as_ref().map(|data| self.instruments(data));
        Ok(Prepared { spec: self.clone(), schedule, data, theta, indices, instruments })
    }

    fn check_sizes(&self, (n, d): (usize, usize)) -> Result<(), SpecError> {
        if self.model == ModelSpec::ScalarToy {
            require(d == 1, "data", format!("{d} inputs"), "one input for the scalar toy model")?;
        }
        match self.init {
            InitSpec::Diagonal(init) => {
                require(self.model == ModelSpec::DiagonalLinear, "init.diagonal", "another model", "diagonal_linear")?;
                finite(init.u, "init.diagonal.u")?;
                finite(init.v, "init.diagonal.v")?;
            }
            InitSpec::Constant(value) => _ = finite(value, "init.constant")?,
            InitSpec::Normal(scale) => require(scale >= 0.0 && scale.is_finite(), "init.normal", scale, "at least 0")?,
            InitSpec::Values(_) | InitSpec::File(_) => {}
        }
        if let DynamicsSpec::MiniBatch(batch) = self.dynamics {
            let key = "dynamics.mini_batch.size";
            require(batch.size > 0, key, 0, "at least 1")?;
            let bounded = batch.rule == BatchRule::WithReplacement || batch.size <= n;
            require(bounded, key, batch.size, &format!("at most n = {n} without replacement"))?;
        }
        Ok(())
    }

    /// Number of parameters for `d` inputs.
    fn parameters(&self, d: usize) -> usize {
        match self.model {
            ModelSpec::Linear => d,
            ModelSpec::ScalarToy => 1,
            ModelSpec::DiagonalLinear => 2 * d,
        }
    }

    fn check_theta(&self, theta: Vec<f64>, place: &str, d: usize) -> Result<Vec<f64>, SpecError> {
        let p = self.parameters(d);
        require(theta.len() == p, place, format!("{} numbers", theta.len()), &format!("{p}, one a parameter"))?;
        match theta.iter().position(|t| !t.is_finite()) {
            Some(k) => Err(refuse(place, format!("{} at index {k}", theta[k]), "finite numbers")),
            None => Ok(theta),
        }
    }

    fn check_indices(&self, values: &[f64], place: &str, n: usize) -> Result<Arc<[u32]>, SpecError> {
        let count = values.len();
        require(count as u64 >= self.steps, place, format!("{count} indices"), &format!("{}, one a step", self.steps))?;
        match values.iter().position(|v| !(v.fract() == 0.0 && (0.0..n as f64).contains(v))) {
            Some(k) => Err(refuse(place, format!("{} at index {k}", values[k]), format!("integers below n = {n}"))),
            None => Ok(values.iter().map(|v| *v as u32).collect()),
        }
    }

    fn instruments(&self, data: &Dataset) -> Instruments {
        let inputs = data.test.as_ref().unwrap_or(&data.train).x.head(self.record.rank_inputs);
        Instruments {
            rank: Some(Arc::new(JacobianRank::new(inputs, self.record.rank_tol))),
            nonzero_tol: self.record.nonzero_tol,
        }
    }
}

impl SparseRegressionSpec {
    fn shape(&self) -> SparseRegression {
        SparseRegression { n: self.n, d: self.d, sparsity: self.sparsity, test: self.test }
    }
}

impl ArraySpec {
    fn read(&self, files: &dyn ArraySource) -> Result<Array, SpecError> {
        let mut arrays = files.arrays(&self.path).map_err(SpecError::File)?;
        let names = arrays.keys().cloned().collect::<Vec<_>>().join(", ");
        match &self.array {
            Some(name) => arrays
                .remove(name)
                .ok_or_else(|| refuse(&self.path, format!("no array `{name}`"), format!("one of: {names}"))),
            None if arrays.len() == 1 => Ok(arrays.pop_first().expect("there is one").1),
            None => Err(refuse(&self.path, format!("arrays {names}"), "`array = \"..\"` to say which")),
        }
    }
}

impl DataSpec {
    /// The data set, unless it is drawn afresh for each seed.
    fn read(&self, files: &dyn ArraySource) -> Result<Option<Arc<Dataset>>, SpecError> {
        let data = match self {
            Self::SparseRegression(s) => {
                let data = match s.draw {
                    Draw::Seed => return Ok(None),
                    Draw::Fresh(seed) => s.shape().draw_fresh(seed),
                    Draw::NumpyLegacy(seed) => s.shape().draw_numpy_legacy(seed),
                };
                data.map_err(|source| SpecError::Data { place: "data.sparse_regression".into(), source })?
            }
            Self::Scalar(s) => {
                let x = Matrix::from_rows(s.x.len(), 1, &s.x);
                let y = s.x.iter().map(|x| x * (s.theta_star * s.theta_star)).collect();
                let place = || "data.scalar".to_string();
                let train =
                    Samples::new(x, y, ["x", "y"]).map_err(|source| SpecError::Data { place: place(), source })?;
                let target = Some(vec![s.theta_star * s.theta_star]);
                Dataset::new(train, None, target).map_err(|source| SpecError::Data { place: place(), source })?
            }
            Self::File(file) => {
                let mut arrays = files.arrays(&file.path).map_err(SpecError::File)?;
                dataset_from(&mut arrays).map_err(|source| SpecError::Data { place: file.path.clone(), source })?
            }
        };
        Ok(Some(Arc::new(data)))
    }
}

/// A data set from named arrays: `x`, `y`, optionally `x_test` with `y_test`, and `target`.
fn dataset_from(arrays: &mut BTreeMap<String, Array>) -> Result<Dataset, DataError> {
    let names = arrays.keys().cloned().collect::<Vec<_>>().join(", ");
    let missing =
        |name| DataError::Shape { name, found: format!("nothing (arrays: {names})"), expected: "an array".into() };
    let mut take = |names: [&'static str; 2]| -> Result<Option<Samples>, DataError> {
        let (x, y) = match (arrays.remove(names[0]), arrays.remove(names[1])) {
            (Some(x), Some(y)) => (x, y),
            (None, None) => return Ok(None),
            (None, _) => return Err(missing(names[0])),
            (_, None) => return Err(missing(names[1])),
        };
        let [rows, cols] = x.shape[..] else {
            return Err(DataError::Shape { name: names[0], found: shape(&x), expected: "samples x inputs".into() });
        };
        if y.shape.iter().filter(|n| **n != 1).count() > 1 {
            return Err(DataError::Shape { name: names[1], found: shape(&y), expected: "one label a sample".into() });
        }
        Samples::new(Matrix::from_rows(rows, cols, &x.values), y.values, names).map(Some)
    };
    let train = take(["x", "y"])?.ok_or_else(|| missing("x"))?;
    let test = take(["x_test", "y_test"])?;
    let target = arrays.remove("target").map(|target| target.values);
    Dataset::new(train, test, target)
}

fn shape(array: &Array) -> String {
    array.shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(" x ")
}

impl Prepared {
    /// The spec.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// The schedule.
    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// The data set for a seed.
    ///
    /// # Errors
    /// If it cannot be drawn.
    pub fn data(&self, seed: u64) -> Result<Arc<Dataset>, SpecError> {
        match (&self.data, &self.spec.data) {
            (Some(data), _) => Ok(Arc::clone(data)),
            (None, DataSpec::SparseRegression(s)) => {
                let place = "data.sparse_regression".to_string();
                s.shape().draw_fresh(seed).map(Arc::new).map_err(|source| SpecError::Data { place, source })
            }
            (None, _) => unreachable!("only drawn data wait for a seed"),
        }
    }

    /// What the probes need on a data set of [`Prepared::data`].
    pub fn instruments(&self, data: &Dataset) -> Instruments {
        self.instruments.clone().unwrap_or_else(|| self.spec.instruments(data))
    }

    /// When and what to record, with `final_probes` at the last point only.
    pub fn record_plan(&self, final_probes: &[Probe]) -> RecordPlan {
        let record = &self.spec.record;
        RecordPlan {
            grid: grid(self.spec.steps, record.first, record.points),
            probes: record.probes.clone(),
            final_probes: final_probes.to_vec(),
        }
    }

    /// A run with the given seed, on a data set of [`Prepared::data`].
    pub fn start(&self, seed: u64, data: Arc<Dataset>) -> Box<dyn Runner> {
        let d = data.train.x.cols();
        match self.spec.model {
            ModelSpec::Linear => self.start_model(Linear::new(d), seed, data),
            ModelSpec::ScalarToy => self.start_model(ScalarToy, seed, data),
            ModelSpec::DiagonalLinear => self.start_model(DiagonalLinear::new(d), seed, data),
        }
    }

    fn start_model<M: Model>(&self, model: M, seed: u64, data: Arc<Dataset>) -> Box<dyn Runner> {
        let n = data.train.len();
        let theta = self.theta(seed, model.parameters());
        let problem = Problem { model, data, loss: self.spec.loss };
        match &self.spec.dynamics {
            DynamicsSpec::GradientDescent => self.start_dynamics(problem, GradientDescent, &theta),
            DynamicsSpec::Sgd(s) => self.start_dynamics(problem, Sgd::new(self.sampler(&s.indices, seed, n)), &theta),
            DynamicsSpec::LabelNoise(s) => {
                self.start_dynamics(problem, LabelNoise::new(self.sampler(&s.indices, seed, n)), &theta)
            }
            DynamicsSpec::MiniBatch(s) => {
                let dynamics = MiniBatch::new(s.rule, s.size, n, Sampler::own(seed, n));
                self.start_dynamics(problem, dynamics, &theta)
            }
        }
    }

    fn start_dynamics<M: Model, D: Dynamics>(
        &self,
        problem: Problem<M>,
        dynamics: D,
        theta: &[f64],
    ) -> Box<dyn Runner> {
        Box::new(Run::new(problem, dynamics, self.schedule.clone(), theta, self.spec.steps))
    }

    fn theta(&self, seed: u64, p: usize) -> Vec<f64> {
        match (&self.theta, &self.spec.init) {
            (Some(theta), _) => theta.clone(),
            (None, InitSpec::Constant(value)) => vec![*value; p],
            (None, InitSpec::Diagonal(init)) => [vec![init.u; p / 2], vec![init.v; p / 2]].concat(),
            (None, InitSpec::Normal(scale)) => {
                let mut stream = Stream::new(seed, Purpose::Init);
                (0..p).map(|_| scale * stream.normal()).collect()
            }
            (None, InitSpec::Values(_) | InitSpec::File(_)) => unreachable!("read when the spec was prepared"),
        }
    }

    fn sampler(&self, indices: &Indices, seed: u64, n: usize) -> Sampler {
        match (indices, &self.indices) {
            (Indices::File(_), Some(indices)) => {
                Sampler::new(IndexSource::Replay { indices: Arc::clone(indices), next: 0 }, n)
            }
            (Indices::NumpyLegacy(seed), _) => {
                Sampler::new(IndexSource::NumpyLegacy(Box::new(NumpyLegacy::new(*seed))), n)
            }
            _ => Sampler::own(seed, n),
        }
    }
}
