//! A run: a problem, a dynamics and a schedule, stepped by its caller.

use crate::dynamics::{Dynamics, State};
use crate::linalg::lanes;
use crate::metrics::{sharpness, sign_changes};
use crate::model::Model;
use crate::probe::{Instruments, Probe};
use crate::problem::Problem;
use crate::record::Records;
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
    /// One measurement of `theta_t`.
    fn measure(&self, instruments: &Instruments, probe: Probe) -> f64;
    /// Whether the iterates bounce: the share of sign changes among the next `steps` moves along the top eigenvector of
    /// the Hessian at `theta_t`, see [`sign_changes`]. Taken on a copy of the run.
    fn bouncing(&self, steps: u64) -> f64;
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

    fn measure(&self, instruments: &Instruments, probe: Probe) -> f64 {
        instruments.measure(&self.problem, self.theta(), self.step_size(), probe)
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

/// Runs to the end, or to divergence, and records as planned. A non-finite training loss at a recording step is a
/// divergence too. `seen` is called with each measurement; it returns false to stop early.
pub fn record(
    runner: &mut dyn Runner,
    instruments: &Instruments,
    plan: &RecordPlan,
    mut seen: impl FnMut(u64, &'static str, f64) -> bool,
) -> (Status, Records) {
    let mut records = Records::default();
    for (k, &step) in plan.grid.iter().enumerate() {
        if let Status::Diverged { step } = runner.advance(step - runner.step()) {
            return (Status::Diverged { step }, records);
        }
        let last: &[Probe] = if k + 1 == plan.grid.len() { &plan.final_probes } else { &[] };
        for &probe in plan.probes.iter().chain(last) {
            let value = runner.measure(instruments, probe);
            records.push(probe.name(), step, value);
            if probe == Probe::TrainLoss && !value.is_finite() {
                return (Status::Diverged { step }, records);
            }
            if !seen(step, probe.name(), value) {
                return (runner.status(), records);
            }
        }
    }
    (runner.advance(u64::MAX), records)
}
