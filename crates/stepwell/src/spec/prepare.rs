//! From a spec to runs: what does not depend on a seed is checked and read once.

use std::sync::Arc;

use super::check::{SpecError, finite, fraction, refuse, require};
use super::dynamics::{ForDynamics, RunStart};
use super::model::ForModel;
use super::*;
use crate::data::{Dataset, on_sphere, uniform_in_range};
use crate::dynamics::Dynamics;
use crate::landscape::Landscape;
use crate::linalg::Matrix;
use crate::metrics::{BatchMoments, JacobianRank, SparsityOptions, Thresholds, sharpness, small_step_solution};
use crate::model::Model;
use crate::probe::Instruments;
use crate::problem::Problem;
use crate::record::grid;
use crate::record::{Entry, RecordPlan};
use crate::rng::{Purpose, Stream};
use crate::run::{Run, Runner};
use crate::schedule::{Schedule, Timetable};
use crate::session::Session;

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
    /// Checks everything that can be checked without a seed, and reads the files that it names.
    ///
    /// ```
    /// use stepwell::spec::{NoFiles, Spec};
    ///
    /// let mut spec = Spec::from_toml(
    ///     r#"
    ///     steps = 1000
    ///     model = "diagonal_linear"
    ///     loss = "half_mean_square"
    ///     data.sparse_regression = { n = 10, d = 20, sparsity = 2 }
    ///     init.diagonal = { u = 0.1, v = 0.0 }
    ///     dynamics.sgd = {}
    ///     schedule.step_size = 0.1
    ///     "#,
    /// )?;
    /// spec.schedule.step_size = -1.0;
    /// let refused = spec.prepare(&NoFiles).unwrap_err();
    /// assert!(refused.to_string().starts_with("schedule.step_size: -1"));
    /// # Ok::<(), stepwell::spec::SpecError>(())
    /// ```
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn prepare(&self, files: &dyn ArraySource) -> Result<Prepared, SpecError> {
        self.prepare_like(None, files)
    }

    /// The same where a similar spec is prepared already: a data set that both have in common is neither drawn nor read
    /// again.
    ///
    /// # Errors
    /// As of [`Spec::prepare`].
    pub fn prepare_like(&self, other: Option<&Prepared>, files: &dyn ArraySource) -> Result<Prepared, SpecError> {
        self.check_names()?;
        require(self.steps > 0, "steps", self.steps, "at least 1")?;
        require(self.steps < 1 << 53, "steps", self.steps, "less than 2^53")?;
        require(self.record.first > 0 || self.record.points > 1, "record", "no points", "first or points")?;
        require(self.record.rank_inputs > 0, "record.rank_inputs", 0, "at least 1")?;
        require((0.0..1.0).contains(&self.record.rank_tol), "record.rank_tol", self.record.rank_tol, "0 <= tol < 1")?;
        require(self.record.nonzero_tol >= 0.0, "record.nonzero_tol", self.record.nonzero_tol, "at least 0")?;
        if let DataSpec::SparseRegression(s) = &self.data {
            let good = s.noise >= 0.0 && s.noise.is_finite();
            require(good, "data.sparse_regression.noise", s.noise, "a standard deviation of 0 or more")?;
        }
        let threshold = self.record.sparsity_threshold;
        require((0.0..=1.0).contains(&threshold), "record.sparsity_threshold", threshold, "a correlation from 0 to 1")?;
        fraction(self.record.kink_tol, "record.kink_tol")?;
        let schedule = self.schedule.build(self.steps)?;
        let unit = self.dynamics.has_batches() || self.schedule.relative_to != RelativeTo::Solution;
        require(unit, "schedule.relative_to", "solution", "start: equations have no batches")?;
        let used = self.schedule.relative || self.schedule.relative_to == RelativeTo::default();
        require(used, "schedule.relative_to", "no relative step sizes", "relative = true to go with it")?;
        let data = match other {
            Some(other) if other.spec.data == self.data => other.data.clone(),
            _ => self.data.read(files)?,
        };
        let shape = match (&data, &self.data) {
            (Some(data), _) => (data.train.len(), data.train.x.cols()),
            (None, drawn) => drawn.drawn_shape()?,
        };
        self.check_sizes(shape)?;
        self.check_loss(data.as_deref())?;
        let theta = match &self.init {
            InitSpec::File(file) => Some(file.theta(&self.model.layout(shape.1)?, files)?),
            InitSpec::Values(values) => Some(self.check_values(values, shape.1)?),
            _ => None,
        };
        let indices = match self.dynamics.indices() {
            Some(Indices::File(array)) => Some(self.check_indices(&array.read(files)?.values, &array.path, shape.0)?),
            _ => None,
        };
        let instruments = data.as_ref().map(|data| self.instruments(data));
        Ok(Prepared { spec: self.clone(), schedule, data, theta, indices, instruments })
    }

    fn check_sizes(&self, (n, d): (usize, usize)) -> Result<(), SpecError> {
        if self.model == ModelSpec::ScalarToy {
            require(d == 1, "data", format!("{d} inputs"), "one input for the scalar toy model")?;
        }
        if let ModelSpec::FullyConnected(spec) = &self.model {
            spec.network(d, "model.fully_connected")?;
        }
        if let Some(init) = self.init.layers() {
            let ModelSpec::FullyConnected(spec) = &self.model else {
                return Err(refuse("init", "an initialization of layers", "model.fully_connected to go with it"));
            };
            init.of(spec.hidden.len() + 1, "init.layers")?;
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
            InitSpec::He | InitSpec::FrameworkDefault | InitSpec::Layers(_) => {}
        }
        self.dynamics.check(n)
    }

    /// The logistic loss goes with labels +-1; label noise with a square loss.
    fn check_loss(&self, data: Option<&Dataset>) -> Result<(), SpecError> {
        if self.loss.is_square() {
            return Ok(());
        }
        if let Some(key) = self.dynamics.noisy_labels() {
            return Err(refuse(key, "the logistic loss", "a square loss"));
        }
        let expected = "labels +1 and -1 for the logistic loss";
        let Some(data) = data else {
            return Err(refuse("data", "labels of a regression", expected));
        };
        for (name, samples) in [("y", Some(&data.train)), ("y_test", data.test.as_ref())] {
            let Some(samples) = samples else { continue };
            samples
                .check_signs()
                .map_err(|index| refuse("data", format!("{name} = {} at index {index}", samples.y[index]), expected))?;
        }
        Ok(())
    }

    /// The parameters of `init.values`, for `d` inputs.
    fn check_values(&self, theta: &[f64], d: usize) -> Result<Vec<f64>, SpecError> {
        let (key, p) = ("init.values", self.model.layout(d)?.parameters());
        require(theta.len() == p, key, format!("{} numbers", theta.len()), &format!("{p}, one per parameter"))?;
        match theta.iter().position(|t| !t.is_finite()) {
            Some(k) => Err(refuse(key, format!("{} at index {k}", theta[k]), "finite numbers")),
            None => Ok(theta.to_vec()),
        }
    }

    fn check_indices(&self, values: &[f64], place: &str, n: usize) -> Result<Arc<[u32]>, SpecError> {
        let count = values.len();
        require(
            count as u64 >= self.steps,
            place,
            format!("{count} indices"),
            &format!("{}, one per step", self.steps),
        )?;
        match values.iter().position(|v| !(v.fract() == 0.0 && (0.0..n as f64).contains(v))) {
            Some(k) => Err(refuse(place, format!("{} at index {k}", values[k]), format!("integers below n = {n}"))),
            None => Ok(values.iter().map(|v| *v as u32).collect()),
        }
    }

    fn instruments(&self, data: &Dataset) -> Instruments {
        let record = &self.record;
        let sparsity = SparsityOptions {
            normalize_rows: record.sparsity_normalize,
            threshold: record.sparsity_threshold,
            ..SparsityOptions::default()
        };
        let n = data.train.len();
        Instruments {
            rank: Some(Arc::new(JacobianRank::new(self.rank_inputs(data), record.rank_tol))),
            nonzero_tol: record.nonzero_tol,
            sparsity,
            kink_tol: record.kink_tol,
            batch_size: self.dynamics.batch_size(n),
            moments: self.dynamics.batch_moments(n),
        }
    }

    /// Test inputs; without a test set fresh ones from the data's distribution where it is known, or training inputs.
    fn rank_inputs(&self, data: &Dataset) -> Matrix {
        let (count, x) = (self.record.rank_inputs, &data.train.x);
        match (&data.test, &self.data) {
            (Some(test), _) => test.x.head(count),
            (None, DataSpec::TeacherStudent(_)) => {
                let mut stream = Stream::new(RANK_SEED, Purpose::Probe);
                on_sphere(count, x.cols(), || stream.normal())
            }
            (None, DataSpec::Grid(_) | DataSpec::File(_)) if x.cols() == 1 => uniform_in_range(x, count, RANK_SEED),
            (None, _) => x.head(count),
        }
    }
}

/// Fresh inputs for ranks are the same in every run.
const RANK_SEED: u64 = 1;

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
        match &self.data {
            Some(data) => Ok(Arc::clone(data)),
            None => self.spec.data.draw(seed).map(Arc::new),
        }
    }

    /// What the probes need on a data set of [`Prepared::data`].
    pub fn instruments(&self, data: &Dataset) -> Instruments {
        self.instruments.clone().unwrap_or_else(|| self.spec.instruments(data))
    }

    /// When and what to record: the costly probes at every point, or at the last one only; after the last step all of them.
    pub fn record_plan(&self, costly_everywhere: bool) -> RecordPlan {
        let record = &self.spec.record;
        let grid = self.grid();
        let last = grid.last().copied().into_iter().collect();
        let costly_at = if costly_everywhere { grid.clone() } else { last };
        let entries = [
            Entry { steps: grid, probes: record.probes.clone() },
            Entry { steps: costly_at, probes: record.costly.clone() },
        ];
        let whole = record.probes.iter().chain(&record.costly).copied().filter(|probe| !probe.is_wide());
        RecordPlan::new(&entries, whole.collect())
    }

    /// The recording grid of the spec, see [`grid`].
    pub fn grid(&self) -> Vec<u64> {
        grid(self.spec.steps, self.spec.record.first, self.spec.record.points)
    }

    /// The step sizes, as they are drawn.
    pub fn timetable(&self) -> Timetable {
        Timetable::new(&self.schedule, self.spec.steps, self.grid())
    }

    /// The run of a seed, ready to be stepped, recorded as the spec says: the costly probes at every point.
    ///
    /// # Errors
    /// If its data cannot be drawn.
    pub fn session(&self, seed: u64) -> Result<Session, SpecError> {
        Ok(self.session_on(seed, self.data(seed)?, self.record_plan(true)))
    }

    /// The same on a data set of one's own (of the spec's number of inputs), or with another plan of what to record.
    pub fn session_on(&self, seed: u64, data: Arc<Dataset>, plan: impl Into<Arc<RecordPlan>>) -> Session {
        self.started(seed, data, plan.into())
    }

    // generic functions are compiled where they are used: the models and dynamics are to be compiled here, once
    fn started(&self, seed: u64, data: Arc<Dataset>, plan: Arc<RecordPlan>) -> Session {
        let (d, instruments) = (data.train.x.cols(), self.instruments(&data));
        let start = Start { prepared: self, seed, data, instruments, plan };
        self.spec.model.with_model(d, start).expect("checked when the spec was prepared")
    }

    /// The problem of a seed, which can be asked about any parameters.
    ///
    /// # Errors
    /// If its data cannot be drawn.
    pub fn landscape(&self, seed: u64) -> Result<Box<dyn Landscape>, SpecError> {
        let data = self.data(seed)?;
        self.spec.model.with_model(data.train.x.cols(), ProblemOf { data, loss: self.spec.loss })
    }

    /// The unit of relative step sizes.
    fn unit<M: Model>(&self, problem: &Problem<M>, theta: &[f64]) -> f64 {
        match self.spec.schedule.relative_to {
            RelativeTo::Start => 2.0 / sharpness(problem, theta).value,
            RelativeTo::Solution => {
                let moments = self.batch_moments(problem.n());
                Thresholds::of(problem, &small_step_solution(problem, theta), moments).mean_square
            }
        }
    }

    /// Moments of the batches out of `n` samples; none for equations. Label noise is the step of one sample.
    pub fn batch_moments(&self, n: usize) -> Option<BatchMoments> {
        self.spec.dynamics.batch_moments(n)
    }

    fn theta<M: Model>(&self, seed: u64, model: &M) -> Vec<f64> {
        let p = model.parameters();
        if let (Some(network), Some(init)) = (model.network(), self.spec.init.layers()) {
            let inits = init.of(network.shapes().len(), "init.layers").expect("checked when the spec was prepared");
            return network.draw(&inits[0], &inits[1], &mut Stream::new(seed, Purpose::Init));
        }
        match (&self.theta, &self.spec.init) {
            (Some(theta), _) => theta.clone(),
            (None, InitSpec::Constant(value)) => vec![*value; p],
            (None, InitSpec::Diagonal(init)) => [vec![init.u; p / 2], vec![init.v; p / 2]].concat(),
            (None, InitSpec::Normal(scale)) => {
                let mut stream = Stream::new(seed, Purpose::Init);
                (0..p).map(|_| scale * stream.normal()).collect()
            }
            (None, _) => unreachable!("read, or matched with its model, when the spec was prepared"),
        }
    }
}

/// A problem of a model is put behind its face.
struct ProblemOf {
    data: Arc<Dataset>,
    loss: Loss,
}

impl ForModel for ProblemOf {
    type Output = Box<dyn Landscape>;
    fn go<M: Model>(self, model: M) -> Self::Output {
        Box::new(Problem { model, data: self.data, loss: self.loss })
    }
}

/// A session of a model is started.
struct Start<'a> {
    prepared: &'a Prepared,
    seed: u64,
    data: Arc<Dataset>,
    instruments: Instruments,
    plan: Arc<RecordPlan>,
}

impl ForModel for Start<'_> {
    type Output = Session;
    fn go<M: Model>(self, model: M) -> Session {
        let Self { prepared, seed, data, instruments, plan } = self;
        let theta = prepared.theta(seed, &model);
        let spec = &prepared.spec;
        let problem = Problem { model, data, loss: spec.loss };
        let unit = if spec.schedule.relative { prepared.unit(&problem, &theta) } else { 1.0 };
        let schedule = &prepared.schedule;
        let schedule = if spec.schedule.relative { schedule.clone().scaled(unit) } else { schedule.clone() };
        let data = Arc::clone(&problem.data);
        let start = RunStart { samples: &data.train, seed, indices: prepared.indices.as_ref() };
        let runner = spec.dynamics.with_dynamics(&start, RunOf { problem, schedule, theta, steps: spec.steps });
        Session::of(seed, runner, instruments, plan, unit)
    }
}

/// A run of a model is made of a dynamics.
struct RunOf<M: Model> {
    problem: Problem<M>,
    schedule: Schedule,
    theta: Vec<f64>,
    steps: u64,
}

impl<M: Model> ForDynamics for RunOf<M> {
    type Output = Box<dyn Runner>;
    fn go<D: Dynamics>(self, dynamics: D) -> Self::Output {
        let Self { problem, schedule, theta, steps } = self;
        Box::new(Run::new(problem, dynamics, schedule, &theta, steps))
    }
}
