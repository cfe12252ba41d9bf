//! A run: a problem, a dynamics and a schedule, stepped by its caller.

use std::sync::Arc;

use crate::dynamics::{Dynamics, State};
use crate::linalg::{Matrix, lanes};
use crate::metrics::{BatchMoments, JacobianRank, Thresholds, sharpness, sign_changes, small_step_solution};
use crate::model::{Model, activations};
use crate::probe::{Instruments, Measurement, Probe, kinks_of};
use crate::problem::Problem;
use crate::record::Records;
use crate::rng::{Purpose, Stream};
use crate::schedule::Schedule;
use crate::simd::{Kernel, dispatch};

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Steps are left.
    Running,
    /// All steps are taken.
    Finished,
    /// At `theta_step` the parameters or a sample's loss were not finite. A result, not an error.
    Diverged {
        /// The step t of the first such `theta_t`.
        step: u64,
    },
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
}

/// Why a run cannot go on from a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
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
    /// Its parameters are none to go on from.
    #[error("its parameter {index} is not finite")]
    NotFinite {
        /// Which.
        index: usize,
    },
    /// It was taken of another dynamics.
    #[error("its random streams are those of another dynamics")]
    Dynamics,
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
        let state = State::new(&problem, theta);
        let status = if steps == 0 { Status::Finished } else { Status::Running };
        Self { problem, dynamics, schedule, state, step: 0, steps, status, step_sizes: vec![0.0; BLOCK] }
    }

    /// Takes up to `k` steps.
    pub fn advance(&mut self, k: u64) -> Status {
        let mut left = k.min(self.steps - self.step);
        while left > 0 && self.status == Status::Running {
            let count = left.min(BLOCK as u64) as usize;
            let step_sizes = &mut self.step_sizes[..count];
            self.schedule.fill(self.step, step_sizes);
            let taken = dispatch(Advance {
                problem: &self.problem,
                dynamics: &mut self.dynamics,
                state: &mut self.state,
                step_sizes,
            });
            self.step += taken as u64;
            left -= taken as u64;
            if taken < count || self.state.theta.iter().any(|t| !t.is_finite()) {
                self.status = Status::Diverged { step: self.step };
            } else if self.step == self.steps {
                self.status = Status::Finished;
            }
        }
        self.status
    }

    /// What it takes to go on from here, in a run made in the same way.
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint { step: self.step, theta: self.state.theta.to_vec(), dynamics: self.dynamics.position() }
    }

    /// Goes on from a checkpoint: the steps that follow have the bits of the run it was taken of.
    ///
    /// # Errors
    /// If it does not fit, or holds parameters that are not finite; the run is then of no further use.
    pub fn resume(&mut self, checkpoint: &Checkpoint) -> Result<(), Misfit> {
        let Checkpoint { step, theta, dynamics } = checkpoint;
        if *step > self.steps {
            return Err(Misfit::Steps { step: *step, steps: self.steps });
        }
        if theta.len() != self.state.theta.len() {
            return Err(Misfit::Parameters { found: theta.len(), expected: self.state.theta.len() });
        }
        if let Some(index) = theta.iter().position(|t| !t.is_finite()) {
            return Err(Misfit::NotFinite { index });
        }
        if !self.dynamics.seek(dynamics) {
            return Err(Misfit::Dynamics);
        }
        self.state.theta.copy_from_slice(theta);
        self.step = *step;
        self.status = if self.step == self.steps { Status::Finished } else { Status::Running };
        Ok(())
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

    /// The Lyapunov exponent of the training predictions, a step: how fast two copies of the run with the same samples,
    /// `1e-7 |theta|` apart in a random direction, separate over the next `steps` steps. The distance of the parameters is
    /// set back every few steps (Benettin, 1980); what is compared is that of the predictions, because parameters also
    /// differ along the solutions, where they neither part nor meet.
    ///
    /// Negative where the copies meet: then it is the rate until round-off hides their difference. NaN if one of them
    /// diverges at once, or predictions do not depend on the direction.
    pub fn lyapunov(&self, steps: u64) -> f64 {
        let apart = SEPARATION * lanes::norm2(self.theta()).sqrt().max(f64::MIN_POSITIVE.sqrt());
        let mut stream = Stream::new(0, Purpose::Probe);
        let mut direction: Vec<f64> = self.theta().iter().map(|_| stream.normal()).collect();
        let (mut one, mut other) = (self.clone(), self.clone());
        let (mut grown, mut distance) = (0.0, lanes::norm2(&direction).sqrt());
        let predictions = |run: &Self| run.problem.predictions(run.theta(), &run.problem.data.train.x);
        let mut exponent = f64::NAN;
        let mut first = f64::NAN;
        let mut taken = 0;
        loop {
            for ((other, one), d) in other.state.theta.iter_mut().zip(&*one.state.theta).zip(&direction) {
                *other = one + d * (apart / distance);
            }
            let (h, h_other) = (predictions(&one), predictions(&other));
            let difference: Vec<f64> = h.iter().zip(&h_other).map(|(h, other)| other - h).collect();
            let (between, size) = (lanes::norm2(&difference).sqrt(), lanes::norm2(&h).sqrt());
            if taken == 0 {
                first = between;
            } else if between > 0.0 {
                exponent = (grown + libm::log(between / first)) / taken as f64;
            }
            let hidden = between <= 1e-12 * size;
            let count = SET_BACK.min(steps - taken);
            if hidden || count == 0 || one.advance(count) != Status::Running || other.advance(count) != Status::Running
            {
                return exponent;
            }
            taken += count;
            for ((d, other), one) in direction.iter_mut().zip(&*other.state.theta).zip(&*one.state.theta) {
                *d = other - one;
            }
            distance = lanes::norm2(&direction).sqrt();
            grown += libm::log(distance / apart);
        }
    }
}

/// Relative distance of the two copies in [`Run::lyapunov`].
const SEPARATION: f64 = 1e-7;
/// Steps after which it is set back: few, so that it stays small where it grows threefold a step.
const SET_BACK: u64 = 4;

/// A run behind one face, whatever its model and dynamics.
pub trait Runner: Send {
    /// Takes up to `k` steps.
    fn advance(&mut self, k: u64) -> Status;
    /// The parameters `theta_t`.
    fn theta(&self) -> &[f64];
    /// The number t of steps taken.
    fn step(&self) -> u64;
    /// The number of steps of the whole run.
    fn steps(&self) -> u64;
    /// The step size that the next step will use.
    fn step_size(&self) -> f64;
    /// Where the run stands.
    fn status(&self) -> Status;
    /// What it takes to go on from here, see [`Run::checkpoint`].
    fn checkpoint(&self) -> Checkpoint;
    /// Goes on from a checkpoint, see [`Run::resume`].
    ///
    /// # Errors
    /// If it does not fit.
    fn resume(&mut self, checkpoint: &Checkpoint) -> Result<(), Misfit>;
    /// Measurements of `theta_t`, see [`Instruments::measure`].
    fn measure(&self, instruments: &Instruments, probes: &[Probe]) -> Vec<Measurement>;
    /// Predictions `h(theta_t, x)` for the rows of `x`.
    ///
    /// # Panics
    /// If `x` has not as many columns as the model has inputs.
    fn predict(&self, x: &Matrix) -> Vec<f64>;
    /// Number of neurons of each hidden layer; empty for models without.
    fn layers(&self) -> Vec<usize>;
    /// Activations (n x m) of hidden layer `layer` (from 0) for the rows of `x`; `None` if there is no such layer.
    fn activations(&self, x: &Matrix, layer: usize) -> Option<Matrix>;
    /// The first layer's neurons as points `w_j |a_j|` (m x d), see [`FullyConnected::neurons`]; `None` for models that
    /// are no networks.
    ///
    /// [`FullyConnected::neurons`]: crate::model::FullyConnected::neurons
    fn neurons(&self) -> Option<Matrix>;
    /// Places of the predictor's kinks in the range of the training inputs, kinks nearer than `tolerance` times the range
    /// being one; `None` unless the model is a network with one input.
    fn kinks(&self, tolerance: f64) -> Option<Vec<f64>>;
    /// Singular values of the Jacobian, largest first; empty if the instruments have none.
    fn singular_values(&self, instruments: &Instruments) -> Vec<f64>;
    /// Whether the iterates bounce: the share of sign changes among the next `steps` moves along the top eigenvector of
    /// the Hessian at `theta_t`, see [`sign_changes`]. Taken on a copy of the run.
    fn bouncing(&self, steps: u64) -> f64;
    /// The step sizes up to which `theta_t`, taken for a solution, is stable.
    fn thresholds(&self, moments: Option<BatchMoments>) -> Thresholds;
    /// The same at the solution that small steps lead to from `theta_t`, see [`small_step_solution`].
    fn small_step_thresholds(&self, moments: Option<BatchMoments>) -> Thresholds;
    /// The Lyapunov exponent of the training predictions, see [`Run::lyapunov`].
    fn lyapunov(&self, steps: u64) -> f64;
}

impl<M: Model, D: Dynamics> Runner for Run<M, D> {
    fn advance(&mut self, k: u64) -> Status {
        self.advance(k)
    }

    fn theta(&self) -> &[f64] {
        self.theta()
    }

    fn step(&self) -> u64 {
        self.step
    }

    fn steps(&self) -> u64 {
        self.steps
    }

    fn step_size(&self) -> f64 {
        self.step_size()
    }

    fn status(&self) -> Status {
        self.status
    }

    fn checkpoint(&self) -> Checkpoint {
        self.checkpoint()
    }

    fn resume(&mut self, checkpoint: &Checkpoint) -> Result<(), Misfit> {
        self.resume(checkpoint)
    }

    fn measure(&self, instruments: &Instruments, probes: &[Probe]) -> Vec<Measurement> {
        instruments.measure(&self.problem, self.theta(), self.step_size(), probes)
    }

    fn predict(&self, x: &Matrix) -> Vec<f64> {
        assert_eq!(x.cols(), self.problem.model.inputs(), "one column an input");
        self.problem.predictions(self.theta(), x)
    }

    fn layers(&self) -> Vec<usize> {
        self.problem.model.features().map_or(Vec::new(), |features| features.layers())
    }

    fn activations(&self, x: &Matrix, layer: usize) -> Option<Matrix> {
        let features = self.problem.model.features().filter(|features| layer < features.layers().len())?;
        Some(activations(features, self.theta(), x, layer))
    }

    fn neurons(&self) -> Option<Matrix> {
        self.problem.model.network()?.neurons(self.theta())
    }

    fn kinks(&self, tolerance: f64) -> Option<Vec<f64>> {
        kinks_of(&self.problem, self.theta(), tolerance)
    }

    fn singular_values(&self, instruments: &Instruments) -> Vec<f64> {
        let values = |rank: &Arc<JacobianRank>| rank.singular_values(&self.problem.model, self.theta());
        instruments.rank.as_ref().map_or(Vec::new(), values)
    }

    fn bouncing(&self, steps: u64) -> f64 {
        let direction = sharpness(&self.problem, self.theta()).vector;
        let mut copy = self.clone();
        let mut positions = vec![lanes::dot(copy.theta(), &direction)];
        for _ in 0..steps {
            if copy.advance(1) != Status::Running {
                break;
            }
            positions.push(lanes::dot(copy.theta(), &direction));
        }
        let moves: Vec<f64> = positions.windows(2).map(|pair| pair[1] - pair[0]).collect();
        sign_changes(&moves)
    }

    fn thresholds(&self, moments: Option<BatchMoments>) -> Thresholds {
        Thresholds::of(&self.problem, self.theta(), moments)
    }

    fn small_step_thresholds(&self, moments: Option<BatchMoments>) -> Thresholds {
        Thresholds::of(&self.problem, &small_step_solution(&self.problem, self.theta()), moments)
    }

    fn lyapunov(&self, steps: u64) -> f64 {
        self.lyapunov(steps)
    }
}

/// What to record of a run, and when.
#[derive(Clone, Debug)]
pub struct RecordPlan {
    /// The recording steps, increasing.
    pub grid: Vec<u64>,
    /// Probes at every recording step.
    pub probes: Vec<Probe>,
    /// Further probes at the last recording step only.
    pub final_probes: Vec<Probe>,
}

/// A run with its records, stepped by its caller: `advance(k)` stops at recording steps on the way, and measures there
/// before the step is taken. How it is cut into calls changes nothing.
pub struct Recording<'a> {
    runner: Box<dyn Runner>,
    instruments: &'a Instruments,
    plan: &'a RecordPlan,
    last_probes: Vec<Probe>,
    records: Records,
    /// The next recording step is this one of the plan's.
    next: usize,
    status: Status,
}

impl<'a> Recording<'a> {
    /// Of a run that starts.
    pub fn new(runner: Box<dyn Runner>, instruments: &'a Instruments, plan: &'a RecordPlan) -> Self {
        let further = plan.final_probes.iter().filter(|probe| !plan.probes.contains(probe));
        let last_probes = plan.probes.iter().chain(further).copied().collect();
        let status = runner.status();
        Self { runner, instruments, plan, last_probes, records: Records::default(), next: 0, status }
    }

    /// Goes on from a checkpoint and what was recorded up to it.
    ///
    /// # Errors
    /// If the checkpoint does not fit.
    pub fn resume(&mut self, checkpoint: &Checkpoint, records: Records) -> Result<(), Misfit> {
        self.runner.resume(checkpoint)?;
        self.next = self.plan.grid.partition_point(|step| *step <= checkpoint.step);
        (self.records, self.status) = (records, self.runner.status());
        Ok(())
    }

    /// Takes up to `k` steps. A non-finite training loss at a recording step is a divergence too.
    pub fn advance(&mut self, k: u64) -> Status {
        let end = self.runner.step().saturating_add(k);
        while !matches!(self.status, Status::Diverged { .. }) {
            let step = self.runner.step();
            match self.plan.grid.get(self.next) {
                Some(next) if *next <= step => self.measure(step),
                _ if step >= end || self.status == Status::Finished => break,
                next => self.status = self.runner.advance(next.map_or(end, |next| end.min(*next)) - step),
            }
        }
        self.status
    }

    fn measure(&mut self, step: u64) {
        self.next += 1;
        let probes = if self.next == self.plan.grid.len() { &self.last_probes } else { &self.plan.probes };
        for (name, value) in self.runner.measure(self.instruments, probes) {
            if name == Probe::TrainLoss.name() && !value.is_finite() {
                self.status = Status::Diverged { step };
            }
            self.records.push(name, step, value);
        }
    }

    /// What was recorded so far.
    pub fn records(&self) -> &Records {
        &self.records
    }

    /// Where the run stands.
    pub fn status(&self) -> Status {
        self.status
    }

    /// What it takes to go on from here, beside the records.
    pub fn checkpoint(&self) -> Checkpoint {
        self.runner.checkpoint()
    }

    /// Status, parameters and records.
    pub fn finish(self) -> (Status, Vec<f64>, Records) {
        (self.status, self.runner.theta().to_vec(), self.records)
    }
}

/// Runs to the end, or to divergence, and records as planned.
pub fn record(runner: Box<dyn Runner>, instruments: &Instruments, plan: &RecordPlan) -> (Status, Records) {
    let mut recording = Recording::new(runner, instruments, plan);
    recording.advance(u64::MAX);
    let (status, _, records) = recording.finish();
    (status, records)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Dataset, Samples};
    use crate::dynamics::GradientDescent;
    use crate::loss::Loss;
    use crate::model::{Linear, ScalarToy};

    fn run<M: Model>(model: M, loss: Loss, y: f64, step_size: f64, start: f64) -> Run<M, GradientDescent> {
        let train = Samples::new(Matrix::from_rows(1, 1, &[1.0]), vec![y], ["x", "y"]).unwrap();
        let data = Arc::new(Dataset::new(train, None, None).unwrap());
        Run::new(Problem { model, data, loss }, GradientDescent, Schedule::constant(step_size), &[start], u64::MAX)
    }

    /// One sample of a linear model: `r' = (1 - eta) r`, so the exponent is `ln|1 - eta|`.
    #[test]
    fn lyapunov_exponent_of_a_linear_model() {
        for eta in [0.01, 0.3, 1.9, 2.1] {
            let found = run(Linear::new(1), Loss::HalfMeanSquare, 1.0, eta, 0.5).lyapunov(400);
            let expected = libm::log((1.0_f64 - eta).abs());
            assert!((found - expected).abs() < 1e-4, "{eta}: {found} {expected}");
        }
    }

    /// The toy model at gamma = 2 is a Chebyshev map of degree 3: its exponent is `ln 3`. At gamma = 1.1 its 2-cycle has the
    /// multiplier `9 - 2 (1 + gamma)^2` over two steps.
    #[test]
    fn lyapunov_exponents_of_the_toy_model() {
        let of = |gamma, steps| {
            let mut run = run(ScalarToy, Loss::QuarterMeanSquare, 1.0, gamma, 0.37);
            run.advance(500);
            run.lyapunov(steps)
        };
        let chaos = of(2.0, 50_000);
        assert!((chaos / libm::log(3.0) - 1.0).abs() < 0.03, "{chaos}");
        let cycle = of(1.1, 16);
        let expected = 0.5 * libm::log((9.0 - 2.0 * 2.1_f64 * 2.1).abs());
        assert!((cycle - expected).abs() < 0.02, "{cycle} {expected}");
    }
}
