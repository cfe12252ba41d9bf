//! A session: one run with its records, owned and stepped by its caller.

use std::borrow::Cow;
use std::sync::Arc;

use crate::dynamics::Dynamics;
use crate::landscape::Landscape;
use crate::linalg::Matrix;
use crate::lookahead::{Exponent, bouncing, lyapunov};
use crate::metrics::Thresholds;
use crate::model::Model;
use crate::outcome::Outcome;
use crate::probe::{Instruments, Measurement, Probe};
use crate::record::{RecordPlan, Records};
use crate::run::{Checkpoint, ResumeError, Run, Runner, Status};
use crate::schedule::Schedule;
use crate::statistics::quantile;
use crate::verdict::{Stabilization, divergence};

/// Steps over which [`Probe::Lyapunov`] compares nearby runs at most.
const LYAPUNOV_STEPS: u64 = 40_000;
/// Moves that [`Probe::Bouncing`] looks at.
const BOUNCING_STEPS: u64 = 200;

/// A run with its records. [`Session::advance`] stops at the recording steps on the way and measures there, before the step
/// is taken; how a run is cut into calls changes nothing. Copies are independent runs with the same future.
///
/// ```
/// use stepwell::{run::Status, spec::{NoFiles, Spec}};
/// let spec = Spec::from_toml(
///     r#"
///     steps = 2000
///     model = "diagonal_linear"
///     loss = "half_mean_square"
///     data.sparse_regression = { n = 20, d = 40, sparsity = 3, test = 100 }
///     init.diagonal = { u = 0.1, v = 0.0 }
///     dynamics.sgd = {}
///     schedule.step_size = 0.1
///     "#,
/// )?;
/// let mut session = spec.prepare(&NoFiles)?.session(1)?;
/// while session.advance(500) == Status::Running {
///     let theta = session.theta();
///     assert!(theta.iter().all(|t| t.is_finite()));
/// }
/// let outcome = session.outcome();
/// assert!(outcome.end_value("train_loss") < outcome.records.get("train_loss").unwrap().values[0]);
/// # Ok::<(), stepwell::spec::SpecError>(())
/// ```
pub struct Session {
    seed: u64,
    runner: Box<dyn Runner>,
    instruments: Instruments,
    unit: f64,
    plan: Arc<RecordPlan>,
    /// The next recording step is this one of the plan's.
    next: usize,
    records: Records,
    end: Vec<Measurement>,
    status: Status,
    step_size: Option<f64>,
    altered: bool,
}

/// All that it takes to go on with a session, or to know how it ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Saved {
    /// How the run stands.
    pub status: Status,
    /// The run's own part: step, parameters, random streams.
    pub checkpoint: Checkpoint,
    /// What was recorded so far.
    pub records: Records,
    /// What was measured after the last step.
    pub end: Vec<Measurement>,
    /// The step size that was set in place of the schedule's.
    pub step_size: Option<f64>,
    /// Whether parameters or step size were set on the way.
    pub altered: bool,
}

/// Why something cannot be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: found {found}, expected {expected}")]
pub struct ShapeError {
    /// What was given.
    pub what: &'static str,
    /// Its length.
    pub found: usize,
    /// The length that it should have.
    pub expected: usize,
}

impl Clone for Session {
    fn clone(&self) -> Self {
        Self {
            runner: self.runner.boxed(),
            instruments: self.instruments.clone(),
            plan: Arc::clone(&self.plan),
            records: self.records.clone(),
            end: self.end.clone(),
            ..*self
        }
    }
}

impl Session {
    /// A session of a run of one's own: any model, any dynamics.
    pub fn new<M: Model, D: Dynamics>(
        seed: u64,
        run: Run<M, D>,
        instruments: Instruments,
        plan: impl Into<Arc<RecordPlan>>,
    ) -> Self {
        Self::of(seed, Box::new(run), instruments, plan.into(), 1.0)
    }

    pub(crate) fn of(
        seed: u64,
        mut runner: Box<dyn Runner>,
        instruments: Instruments,
        plan: Arc<RecordPlan>,
        unit: f64,
    ) -> Self {
        let status = runner.status();
        if plan.contains(Probe::LogFactor) {
            runner.accumulate_factors();
        }
        let (records, end) = (Records::default(), Vec::new());
        Self { seed, runner, instruments, unit, plan, next: 0, records, end, status, step_size: None, altered: false }
    }

    /// Takes up to `k` steps. A training loss that is not finite where it is recorded is an overflow too.
    pub fn advance(&mut self, k: u64) -> Status {
        let until = self.runner.step().saturating_add(k);
        while !matches!(self.status, Status::Overflowed { .. }) {
            let step = self.runner.step();
            match self.plan.steps().get(self.next) {
                Some(next) if *next <= step => self.record(step),
                _ if self.status == Status::Finished => {
                    self.record_end(step);
                    break;
                }
                _ if step >= until => break,
                next => self.status = self.runner.advance(next.map_or(until, |next| until.min(*next)) - step),
            }
        }
        self.status
    }

    fn record(&mut self, step: u64) {
        let plan = Arc::clone(&self.plan);
        let probes = plan.probes(self.next);
        self.next += 1;
        for (name, value) in self.measure(probes) {
            if name == Probe::TrainLoss.name() && !value.is_finite() {
                self.status = Status::Overflowed { step };
            }
            self.records.push(name, step, value);
        }
        for probe in probes.iter().filter(|probe| probe.is_wide()) {
            if let Some(row) = self.landscape().snapshot(self.runner.theta(), *probe) {
                self.records.push_row(probe.name(), step, &row);
            }
        }
    }

    fn record_end(&mut self, step: u64) {
        if !self.end.is_empty() || self.plan.end().is_empty() {
            return;
        }
        self.end = self.measure(Arc::clone(&self.plan).end());
        if self.end.iter().any(|(name, value)| name == Probe::TrainLoss.name() && !value.is_finite()) {
            self.status = Status::Overflowed { step };
            self.end.clear();
        }
    }

    /// Measurements of `theta_t` as the run stands: those of the parameters first, in the order of `probes`, then those that
    /// need the run. NaN where there is no such thing; rows of numbers ([`Probe::is_wide`]) are left out.
    pub fn measure(&self, probes: &[Probe]) -> Vec<Measurement> {
        let mut found = self.landscape().measure(self.runner.theta(), self.step_size(), &self.instruments, probes);
        let bounded = self.runner.theta().iter().all(|t| t.is_finite());
        for probe in probes.iter().filter(|probe| probe.is_of_run()) {
            let values: Vec<f64> = match probe {
                _ if !bounded => vec![f64::NAN; probe.series(0).len()],
                Probe::Lyapunov => {
                    let steps = LYAPUNOV_STEPS.min(self.steps_of_this_phase());
                    let Exponent { value, low, high } = lyapunov(&*self.runner, steps);
                    vec![value, low, high]
                }
                Probe::MeanSampledLoss => vec![self.runner.mean_sampled_loss()],
                Probe::LogFactor => {
                    vec![self.runner.log_factors().map_or(f64::NAN, |factors| quantile(&factors, 0.5))]
                }
                _ => vec![bouncing(&*self.runner, BOUNCING_STEPS)],
            };
            found.extend(probe.series(0).into_iter().zip(values));
        }
        found
    }

    /// Steps that are left until the step size falls for the first time; after that, until the end.
    fn steps_of_this_phase(&self) -> u64 {
        let (step, steps) = (self.runner.step(), self.runner.steps());
        let last_large = self.runner.schedule().last_step_before_decay(steps);
        if step < last_large { last_large - step } else { steps - step }
    }

    /// Records a measurement of one's own at the step at hand.
    pub fn push(&mut self, name: impl Into<Cow<'static, str>>, value: f64) {
        self.records.push(name, self.runner.step(), value);
    }

    /// Goes on with other parameters. For equations (`dynamics.sde`) the next step takes one pass over the data more.
    ///
    /// # Errors
    /// If there are not p finite ones, or the run has overflowed.
    pub fn set_theta(&mut self, theta: &[f64]) -> Result<(), ResumeError> {
        if let Status::Overflowed { step } = self.status {
            return Err(ResumeError::Overflowed { step });
        }
        self.runner.set_theta(theta)?;
        self.altered = true;
        Ok(())
    }

    /// Goes on with this step size, in place of the schedule's, until it is set again.
    ///
    /// # Errors
    /// If it is negative or not finite.
    pub fn set_step_size(&mut self, eta: f64) -> Result<(), ResumeError> {
        if !(eta >= 0.0 && eta.is_finite()) {
            return Err(ResumeError::StepSize { found: eta });
        }
        self.runner.set_schedule(Schedule::constant(eta));
        (self.step_size, self.altered) = (Some(eta), true);
        Ok(())
    }

    /// What it takes to go on from here.
    pub fn save(&self) -> Saved {
        Saved {
            status: self.status,
            checkpoint: self.runner.checkpoint(),
            records: self.records.clone(),
            end: self.end.clone(),
            step_size: self.step_size,
            altered: self.altered,
        }
    }

    /// Goes on from where a session of the same run was saved; one that has ended is at its end.
    ///
    /// # Errors
    /// If it does not fit; the session is then of no further use.
    pub fn resume(&mut self, from: Saved) -> Result<(), ResumeError> {
        let Saved { status, checkpoint, records, end, step_size, altered } = from;
        if let Some(eta) = step_size {
            self.set_step_size(eta)?;
        }
        match status {
            Status::Overflowed { step } => self.runner.resume_overflowed(&checkpoint, step)?,
            _ => self.runner.resume(&checkpoint)?,
        }
        let begun = checkpoint.step > 0 || !records.series.is_empty();
        self.next = if begun { self.plan.steps().partition_point(|step| *step <= checkpoint.step) } else { 0 };
        (self.status, self.records, self.end, self.step_size, self.altered) =
            (status, records, end, step_size, altered);
        Ok(())
    }

    /// How the run stands, as a value: of a run that goes on, up to here.
    pub fn outcome(&self) -> Outcome {
        let loss = self.runner.loss_blocks();
        let divergence = divergence(self.status, &loss);
        Outcome {
            seed: self.seed,
            status: self.status,
            divergence,
            stabilization: Stabilization::of(&loss, divergence.map(|found| found.step)),
            parameters: self.landscape().tensors(self.runner.theta()),
            records: self.records.clone(),
            end: self.end.clone(),
            unit: self.unit,
            altered: self.altered,
        }
    }

    /// Predictions `h(theta_t, x)` for the rows of `x` (m x d).
    ///
    /// # Errors
    /// If `x` has not one column per input.
    pub fn predict(&self, x: &Matrix) -> Result<Vec<f64>, ShapeError> {
        check("columns of x", x.cols(), self.landscape().inputs())?;
        Ok(self.landscape().predict(self.runner.theta(), x))
    }

    /// The gradient of the training loss at `theta_t`.
    pub fn gradient(&self) -> Vec<f64> {
        self.landscape().gradient(self.runner.theta())
    }

    /// The Hessian of the training loss at `theta_t` times `v`.
    ///
    /// # Errors
    /// If `v` has not p entries.
    pub fn hessian_vector(&self, v: &[f64]) -> Result<Vec<f64>, ShapeError> {
        check("entries of v", v.len(), self.landscape().parameters())?;
        Ok(self.landscape().hessian_vector(self.runner.theta(), v))
    }

    /// Activations (m x neurons) of hidden layer `layer` (from 0) for the rows of `x`; `None` if there is no such layer.
    ///
    /// # Errors
    /// If `x` has not one column per input.
    pub fn activations(&self, x: &Matrix, layer: usize) -> Result<Option<Matrix>, ShapeError> {
        check("columns of x", x.cols(), self.landscape().inputs())?;
        Ok(self.landscape().activations(self.runner.theta(), x, layer))
    }

    /// The step sizes up to which `theta_t`, taken for a solution, is stable.
    pub fn thresholds(&self) -> Thresholds {
        self.landscape().thresholds(self.runner.theta(), self.instruments.moments)
    }

    /// The problem, which can be asked about any parameters.
    pub fn landscape(&self) -> &dyn Landscape {
        self.runner.landscape()
    }

    /// What the probes need.
    pub fn instruments(&self) -> &Instruments {
        &self.instruments
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The parameters `theta_t`.
    pub fn theta(&self) -> &[f64] {
        self.runner.theta()
    }

    /// The number t of steps taken.
    pub fn step(&self) -> u64 {
        self.runner.step()
    }

    /// The number of steps of the whole run.
    pub fn steps(&self) -> u64 {
        self.runner.steps()
    }

    /// Where the run stands.
    pub fn status(&self) -> Status {
        self.status
    }

    /// The step size that the next step will use.
    pub fn step_size(&self) -> f64 {
        self.runner.schedule().at(self.runner.step())
    }

    /// What the step sizes of the spec's schedule are multiplied with.
    pub fn unit(&self) -> f64 {
        self.unit
    }

    /// What was recorded so far.
    pub fn records(&self) -> &Records {
        &self.records
    }
}

fn check(what: &'static str, found: usize, expected: usize) -> Result<(), ShapeError> {
    if found == expected { Ok(()) } else { Err(ShapeError { what, found, expected }) }
}
