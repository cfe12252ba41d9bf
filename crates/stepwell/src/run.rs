//! A run: a problem, a dynamics and a schedule, stepped by its caller.

use crate::dynamics::{Dynamics, LogFactors, SampledLoss, State};
use crate::landscape::Landscape;
use crate::loss_blocks::LossBlocks;
use crate::model::Model;
use crate::problem::Problem;
use crate::schedule::Schedule;
use crate::simd::{Kernel, dispatch};

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Steps are left.
    Running,
    /// All steps are taken.
    Finished,
    /// At `theta_step` the parameters or a sample's loss were not finite. A result, not an error; whether a run that goes on
    /// diverges nevertheless is a verdict, see [`divergence`](crate::verdict::divergence()).
    Overflowed {
        /// The step t of the first such `theta_t`.
        step: u64,
    },
}

impl Status {
    /// The status as a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Overflowed { .. } => "overflowed",
        }
    }
}

/// Where a run that has not diverged stands: with the same problem, dynamics and schedule it goes on from here.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// The number t of steps taken.
    pub step: u64,
    /// The parameters `theta_t`.
    pub theta: Vec<f64>,
    /// What the dynamics carries, see [`Dynamics::position`].
    pub dynamics: Vec<u64>,
    /// The [state](SampledLoss::state) of the sampled loss.
    pub sampled: Vec<f64>,
    /// The [state](LogFactors::state) of the factors; empty where they are not accumulated.
    pub factors: Vec<f64>,
}

/// Why a run cannot go on from a checkpoint, or with other parameters.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ResumeError {
    /// It lies beyond the last step.
    #[error("it was taken at step {step}, expected one of a run of {steps} steps")]
    Steps {
        /// Its step.
        step: u64,
        /// The run's steps.
        steps: u64,
    },
    /// The model has another number of parameters.
    #[error("it has {found} parameters, expected {expected}")]
    Parameters {
        /// In the checkpoint.
        found: usize,
        /// Of the model.
        expected: usize,
    },
    /// A parameter is NaN or infinite.
    #[error("its parameter {index} is not finite, expected finite parameters")]
    NotFinite {
        /// Which.
        index: usize,
    },
    /// It was taken of another dynamics.
    #[error("its random streams are those of another dynamics")]
    Dynamics,
    /// It was taken of a run that does not accumulate its factors.
    #[error("it has no factors of u^2 - v^2; record `log_factor` from the start")]
    Factors,
    /// The run has overflowed: its random streams are ahead of its step, so it has no parameters to go on with.
    #[error("the run overflowed at step {step}; start a new one")]
    Overflowed {
        /// The step.
        step: u64,
    },
    /// A step size below zero, NaN or infinite.
    #[error("step size {found}, expected a finite number of 0 or more")]
    StepSize {
        /// What was given.
        found: f64,
    },
}

/// Step sizes are computed this many at a time, outside of the hot loop.
const BLOCK: usize = 256;

/// A run. Its bits depend on problem, dynamics, schedule and start, not on how it is cut into calls of `advance`.
#[derive(Clone)]
pub struct Run<M: Model, D: Dynamics> {
    problem: Problem<M>,
    dynamics: D,
    schedule: Schedule,
    state: State<M>,
    step: u64,
    steps: u64,
    status: Status,
    scale: f64,
    step_sizes: Vec<f64>,
}

struct Advance<'a, M: Model, D> {
    problem: &'a Problem<M>,
    dynamics: &'a mut D,
    state: &'a mut State<M>,
    step_sizes: &'a [f64],
}

impl<M: Model, D: Dynamics> Kernel for Advance<'_, M, D> {
    type Output = usize;
    #[inline(always)]
    fn run(self) -> usize {
        self.dynamics.advance(self.problem, self.state, self.step_sizes)
    }
}

impl<M: Model, D: Dynamics> Run<M, D> {
    /// A run of `steps` steps from `theta`.
    ///
    /// # Panics
    /// If `theta` has not as many entries as the model has parameters.
    pub fn new(problem: Problem<M>, dynamics: D, schedule: Schedule, theta: &[f64], steps: u64) -> Self {
        let scale = scale(&problem, theta);
        let mut state = State::new(&problem, theta);
        state.sampled = sampled(&problem, &schedule, steps, scale);
        let status = if steps == 0 { Status::Finished } else { Status::Running };
        Self { problem, dynamics, schedule, state, step: 0, steps, status, scale, step_sizes: vec![0.0; BLOCK] }
    }

    /// Takes up to `k` steps.
    pub fn advance(&mut self, k: u64) -> Status {
        let mut left = k.min(self.steps - self.step);
        while left > 0 && self.status == Status::Running {
            let one_by_one = self.state.factors.is_some() && !self.dynamics.shows_factors();
            let together = if one_by_one { 1 } else { BLOCK as u64 };
            let count = left.min(together) as usize;
            let step_sizes = &mut self.step_sizes[..count];
            self.schedule.fill(self.step, step_sizes);
            let taken = dispatch(Advance {
                problem: &self.problem,
                dynamics: &mut self.dynamics,
                state: &mut self.state,
                step_sizes,
            });
            if let Some(factors) = self.state.factors.as_mut().filter(|_| one_by_one) {
                factors.see(&self.state.theta);
            }
            self.step += taken as u64;
            left -= taken as u64;
            if taken < count || self.state.theta.iter().any(|t| !t.is_finite()) {
                self.status = Status::Overflowed { step: self.step };
            } else if self.step == self.steps {
                self.status = Status::Finished;
            }
        }
        self.status
    }

    /// What it takes to go on from here, in a run made in the same way.
    pub fn checkpoint(&self) -> Checkpoint {
        let State { theta, sampled, factors, .. } = &self.state;
        Checkpoint {
            step: self.step,
            theta: theta.to_vec(),
            dynamics: self.dynamics.position(),
            sampled: sampled.state(),
            factors: factors.as_ref().map_or(Vec::new(), LogFactors::state),
        }
    }

    /// Goes on from a checkpoint: the steps that follow have the bits of the run it was taken of.
    ///
    /// # Errors
    /// If it does not fit, or holds parameters that are not finite; the run is then of no further use.
    pub fn resume(&mut self, checkpoint: &Checkpoint) -> Result<(), ResumeError> {
        let Checkpoint { step, theta, dynamics, sampled, .. } = checkpoint;
        if *step > self.steps {
            return Err(ResumeError::Steps { step: *step, steps: self.steps });
        }
        self.check(theta)?;
        let sampled = self.state.sampled.clone().resumed(sampled, *step).ok_or(ResumeError::Dynamics)?;
        if !self.dynamics.seek(dynamics) {
            return Err(ResumeError::Dynamics);
        }
        self.state.theta.copy_from_slice(theta);
        self.state.sampled = sampled;
        self.resume_factors(checkpoint)?;
        self.step = *step;
        self.status = if self.step == self.steps { Status::Finished } else { Status::Running };
        Ok(())
    }

    fn resume_factors(&mut self, checkpoint: &Checkpoint) -> Result<(), ResumeError> {
        if self.state.factors.is_some() {
            let factors = LogFactors::resumed(&checkpoint.factors, &checkpoint.theta);
            self.state.factors = Some(factors.ok_or(ResumeError::Factors)?);
        }
        Ok(())
    }

    fn check_length(&self, theta: &[f64]) -> Result<(), ResumeError> {
        let (found, expected) = (theta.len(), self.state.theta.len());
        if found == expected { Ok(()) } else { Err(ResumeError::Parameters { found, expected }) }
    }

    fn check(&self, theta: &[f64]) -> Result<(), ResumeError> {
        self.check_length(theta)?;
        match theta.iter().position(|t| !t.is_finite()) {
            Some(index) => Err(ResumeError::NotFinite { index }),
            None => Ok(()),
        }
    }

    /// Goes on with other parameters `theta_t`; steps, step sizes and random streams stay as they are.
    ///
    /// # Errors
    /// If there are not p finite ones, or the run has overflowed.
    pub fn set_theta(&mut self, theta: &[f64]) -> Result<(), ResumeError> {
        if let Status::Overflowed { step } = self.status {
            return Err(ResumeError::Overflowed { step });
        }
        self.check(theta)?;
        self.state.theta.copy_from_slice(theta);
        if let Some(factors) = &mut self.state.factors {
            factors.go_on_from(theta);
        }
        Ok(())
    }

    /// Accumulates from here on what the steps multiply `|u_j^2 - v_j^2|` with, if the model is a diagonal network: see
    /// [`LogFactors`]. Steps are then taken one by one, but those of equations.
    pub fn accumulate_factors(&mut self) {
        if self.problem.model.is_product() && self.state.factors.is_none() {
            self.state.factors = Some(LogFactors::new(&self.state.theta));
        }
    }

    /// The logarithms of these factors, one per coordinate; `None` where they are not accumulated.
    pub fn log_factors(&self) -> Option<Vec<f64>> {
        self.state.factors.as_ref().map(LogFactors::values)
    }

    /// The mean of the sampled loss over the steps so far; NaN before the first.
    pub fn mean_sampled_loss(&self) -> f64 {
        one_term(&self.problem) * self.state.sampled.mean(self.step)
    }

    /// What verdicts on the loss rest on: of a run that goes on, up to here.
    pub fn loss_blocks(&self) -> LossBlocks {
        let last_large = self.state.sampled.last_large();
        let factor = one_term(&self.problem);
        let [large, rest] =
            self.state.sampled.means(self.step).map(|means| means.iter().map(|m| factor * m).collect::<Vec<_>>());
        let taken = self.state.sampled.steps_per_block().into_iter().filter(|steps| *steps > 0).take(large.len());
        let ends = taken.scan(0, |end, steps| {
            *end += steps;
            Some(*end)
        });
        LossBlocks {
            ends: ends.collect(),
            large,
            rest,
            last_large,
            complete: self.step > last_large,
            scale: self.scale,
            of_constant: self.problem.loss.of_best_constant(&self.problem.data.train.y),
            exceeded: self.state.sampled.exceeded(),
            branch: self.branch(last_large),
        }
    }

    /// The mean loss over the second half of a branch at a tenth of the step size, for a 32nd of the run: of a finished run
    /// without a decay. NaN of others, and where it overflows.
    fn branch(&self, last_large: u64) -> f64 {
        let steps = self.steps / BRANCH;
        if self.status != Status::Finished || last_large + 1 < self.steps || steps < 2 {
            return f64::NAN;
        }
        let mut branch = self.clone();
        branch.schedule = Schedule::constant(0.1 * self.schedule.at(last_large));
        branch.state.factors = None;
        (branch.step, branch.steps, branch.status) = (0, steps, Status::Running);
        branch.state.sampled = SampledLoss::new(steps / 2, steps, f64::INFINITY);
        if branch.advance(steps) != Status::Finished {
            return f64::NAN;
        }
        let [_, late] = branch.state.sampled.means(steps);
        one_term(&self.problem) * late.iter().sum::<f64>() / late.len() as f64
    }

    /// The problem that is run on.
    pub fn problem(&self) -> &Problem<M> {
        &self.problem
    }

    /// The parameters `theta_t`.
    pub fn theta(&self) -> &[f64] {
        &self.state.theta
    }

    /// The number t of steps taken.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// The number of steps of the whole run.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The step size that the next step will use.
    pub fn step_size(&self) -> f64 {
        self.schedule.at(self.step)
    }

    /// Where the run stands.
    pub fn status(&self) -> Status {
        self.status
    }
}

/// A branch has this part of the steps of its run.
const BRANCH: u64 = 32;

/// What one term of a mean is multiplied with to be the loss.
fn one_term<M: Model>(problem: &Problem<M>) -> f64 {
    problem.loss.value(problem.n() as f64, problem.n())
}

/// The scale that divergence is measured by, see [`LossBlocks::scale`].
fn scale<M: Model>(problem: &Problem<M>, theta: &[f64]) -> f64 {
    let labels = &problem.data.train.y;
    let zero = problem.loss.value(labels.iter().map(|y| problem.loss.term(0.0, *y)).sum(), labels.len());
    let known = problem.train_loss(theta).max(problem.loss.of_best_constant(labels));
    [known, zero].into_iter().find(|scale| *scale > 0.0).unwrap_or(f64::INFINITY)
}

fn sampled<M: Model>(problem: &Problem<M>, schedule: &Schedule, steps: u64, scale: f64) -> SampledLoss {
    let phase = schedule.last_step_before_decay(steps).saturating_add(1);
    SampledLoss::new(phase, steps, LossBlocks::TOO_LARGE * scale / one_term(problem))
}

/// A run behind one face, whatever its model and dynamics: what depends on both. What depends on the model alone is
/// its [`Landscape`].
pub trait Runner: Send + Sync {
    /// Takes up to `k` steps.
    fn advance(&mut self, k: u64) -> Status;
    /// The parameters `theta_t`.
    fn theta(&self) -> &[f64];
    /// Goes on with other parameters, see [`Run::set_theta`].
    ///
    /// # Errors
    /// If there are not p finite ones, or the run has overflowed.
    fn set_theta(&mut self, theta: &[f64]) -> Result<(), ResumeError>;
    /// The number t of steps taken.
    fn step(&self) -> u64;
    /// The number of steps of the whole run.
    fn steps(&self) -> u64;
    /// Where the run stands.
    fn status(&self) -> Status;
    /// The step sizes.
    fn schedule(&self) -> &Schedule;
    /// Goes on with other step sizes; the next step asks for `schedule.at(t)`.
    fn set_schedule(&mut self, schedule: Schedule);
    /// What verdicts on the loss rest on, see [`Run::loss_blocks`].
    fn loss_blocks(&self) -> LossBlocks;
    /// Accumulates factors from here on, see [`Run::accumulate_factors`].
    fn accumulate_factors(&mut self);
    /// Their logarithms, see [`Run::log_factors`].
    fn log_factors(&self) -> Option<Vec<f64>>;
    /// The mean of the sampled loss so far, see [`Run::mean_sampled_loss`].
    fn mean_sampled_loss(&self) -> f64;
    /// What it takes to go on from here, see [`Run::checkpoint`].
    fn checkpoint(&self) -> Checkpoint;
    /// Goes on from a checkpoint, see [`Run::resume`].
    ///
    /// # Errors
    /// If it does not fit.
    fn resume(&mut self, checkpoint: &Checkpoint) -> Result<(), ResumeError>;
    /// Is at its end, where it overflowed at step `step`: with the parameters of the checkpoint, which need not be finite.
    ///
    /// # Errors
    /// If there are not p parameters.
    fn resume_overflowed(&mut self, checkpoint: &Checkpoint, step: u64) -> Result<(), ResumeError>;
    /// The problem, which can be asked about any parameters.
    fn landscape(&self) -> &dyn Landscape;
    /// A copy.
    fn boxed(&self) -> Box<dyn Runner>;
}

impl<M: Model, D: Dynamics> Runner for Run<M, D> {
    fn advance(&mut self, k: u64) -> Status {
        self.advance(k)
    }

    fn theta(&self) -> &[f64] {
        self.theta()
    }

    fn set_theta(&mut self, theta: &[f64]) -> Result<(), ResumeError> {
        self.set_theta(theta)
    }

    fn step(&self) -> u64 {
        self.step
    }

    fn steps(&self) -> u64 {
        self.steps
    }

    fn status(&self) -> Status {
        self.status
    }

    fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    fn set_schedule(&mut self, schedule: Schedule) {
        self.schedule = schedule;
    }

    fn loss_blocks(&self) -> LossBlocks {
        self.loss_blocks()
    }

    fn accumulate_factors(&mut self) {
        self.accumulate_factors();
    }

    fn log_factors(&self) -> Option<Vec<f64>> {
        self.log_factors()
    }

    fn mean_sampled_loss(&self) -> f64 {
        self.mean_sampled_loss()
    }

    fn checkpoint(&self) -> Checkpoint {
        self.checkpoint()
    }

    fn resume(&mut self, checkpoint: &Checkpoint) -> Result<(), ResumeError> {
        self.resume(checkpoint)
    }

    fn resume_overflowed(&mut self, checkpoint: &Checkpoint, step: u64) -> Result<(), ResumeError> {
        self.check_length(&checkpoint.theta)?;
        self.state.theta.copy_from_slice(&checkpoint.theta);
        let sampled = self.state.sampled.clone().resumed(&checkpoint.sampled, checkpoint.step);
        self.state.sampled = sampled.ok_or(ResumeError::Dynamics)?;
        self.resume_factors(checkpoint)?;
        (self.step, self.status) = (checkpoint.step, Status::Overflowed { step });
        Ok(())
    }

    fn landscape(&self) -> &dyn Landscape {
        &self.problem
    }

    fn boxed(&self) -> Box<dyn Runner> {
        Box::new(self.clone())
    }
}
