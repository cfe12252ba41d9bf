//! Dynamics: every one is `theta <- theta - sum_{i in B} w_i grad h(x_i)`; they differ in who is in the batch B and in
//! how a residual becomes the weight `w_i`.

mod gradient_descent;
mod label_noise;
mod log_factors;
mod mini_batch;
mod sampled_loss;
mod sampler;
mod sde;
mod sgd;

pub use gradient_descent::GradientDescent;
pub use label_noise::LabelNoise;
pub use log_factors::LogFactors;
pub use mini_batch::{BatchRule, MiniBatch};
pub use sampled_loss::{BLOCKS, PHASE_BLOCKS, REST_BLOCKS, SampledLoss};
pub use sampler::{IndexSource, Sampler};
pub use sde::{Equation, Grid, Normalization, Scheme, Sde};
pub use sgd::Sgd;

use crate::linalg::AlignedVec;
use crate::model::Model;
use crate::problem::Problem;

/// What a dynamics changes and works in; allocated once per run.
#[derive(Clone)]
pub struct State<M: Model> {
    /// The parameters.
    pub theta: AlignedVec,
    /// What the model's last prediction left behind.
    pub tape: M::Tape,
    /// Space for one gradient (p numbers).
    pub gradient: AlignedVec,
    /// What the steps saw of the loss.
    pub sampled: SampledLoss,
    /// What the steps multiplied `u^2 - v^2` with, of a diagonal network, where somebody asks.
    pub factors: Option<LogFactors>,
}

impl<M: Model> State<M> {
    /// The state at the given parameters.
    ///
    /// # Panics
    /// If `theta` has not as many entries as the model has parameters.
    pub fn new(problem: &Problem<M>, theta: &[f64]) -> Self {
        assert_eq!(theta.len(), problem.model.parameters());
        let (tape, gradient) = (problem.model.tape(), AlignedVec::zeros(theta.len()));
        Self {
            theta: AlignedVec::from(theta),
            tape,
            gradient,
            sampled: SampledLoss::new(u64::MAX, u64::MAX, f64::INFINITY),
            factors: None,
        }
    }
}

/// A rule that turns `theta_t` into `theta_{t+1}`.
///
/// ```
/// use std::sync::Arc;
/// use stepwell::data::{Dataset, Samples};
/// use stepwell::dynamics::{Dynamics, State, batch_step};
/// use stepwell::linalg::Matrix;
/// use stepwell::loss::Loss;
/// use stepwell::model::{Linear, Model};
/// use stepwell::problem::Problem;
/// use stepwell::run::{Run, Status};
/// use stepwell::schedule::Schedule;
///
/// /// The samples one after the other.
/// #[derive(Clone)]
/// struct InTurn {
///     next: usize,
/// }
///
/// impl Dynamics for InTurn {
///     #[inline(always)]
///     fn advance<M: Model>(&mut self, problem: &Problem<M>, state: &mut State<M>, step_sizes: &[f64]) -> usize {
///         for (t, eta) in step_sizes.iter().enumerate() {
///             if !batch_step(problem, state, self.next..self.next + 1, *eta) {
///                 return t;
///             }
///             self.next = (self.next + 1) % problem.n();
///         }
///         step_sizes.len()
///     }
///     fn position(&self) -> Vec<u64> {
///         vec![self.next as u64]
///     }
///     fn seek(&mut self, position: &[u64]) -> bool {
///         let &[next] = position else { return false };
///         self.next = next as usize;
///         true
///     }
/// }
///
/// // y = 2 x at x = 1 and x = 2
/// let samples = Samples::new(Matrix::from_fn(2, 1, |i, _| (i + 1) as f64), vec![2.0, 4.0], ["x", "y"]).unwrap();
/// let data = Arc::new(Dataset::new(samples, None, None).unwrap());
/// let problem = Problem { model: Linear::new(1), data, loss: Loss::HalfMeanSquare };
/// let mut run = Run::new(problem, InTurn { next: 0 }, Schedule::constant(0.1), &[0.0], 100);
/// assert_eq!(run.advance(100), Status::Finished);
/// assert!((run.theta()[0] - 2.0).abs() < 1e-9);
/// ```
pub trait Dynamics: Clone + Send + Sync + 'static {
    /// Takes one step for each step size and returns how many it took: fewer than asked if a residual in the batch is
    /// not finite, or its square is not. The parameters are then those whose residual overflowed.
    ///
    /// The bits do not depend on how a run is cut into calls, and nothing of theta is kept from one call to the next: the
    /// caller may change `state.theta` in between. Each step calls [`SampledLoss::add`] once. Must be `#[inline(always)]`, so
    /// that it is compiled for each instruction set.
    fn advance<M: Model>(&mut self, problem: &Problem<M>, state: &mut State<M>, step_sizes: &[f64]) -> usize;

    /// Whether it shows each of its steps to [`State::factors`] by itself, inner ones too: a run does so step by step for
    /// the others.
    fn shows_factors(&self) -> bool {
        false
    }

    /// What it carries from one step to the next beside the parameters (positions of its streams, an order of the
    /// samples), as words.
    fn position(&self) -> Vec<u64>;

    /// Goes to a [`Dynamics::position`] of the same dynamics; false if it is none.
    fn seek(&mut self, position: &[u64]) -> bool;
}

/// Whether the square of a residual is a finite number.
#[inline(always)]
pub fn is_bounded(residual: f64) -> bool {
    residual * residual < f64::INFINITY
}

/// `theta -= eta slope scale / |B| sum_{i in B} r_i grad h(x_i)`; false, with nothing changed, if a residual overflowed.
#[inline(always)]
pub fn batch_step<M: Model>(
    problem: &Problem<M>,
    state: &mut State<M>,
    batch: impl ExactSizeIterator<Item = usize>,
    eta: f64,
) -> bool {
    let samples = &problem.data.train;
    let weight = eta * problem.loss.slope() * problem.loss.batch_scale(samples.len()) / batch.len() as f64;
    state.gradient.fill(0.0);
    let (mut bounded, mut terms) = (true, 0.0);
    let count = batch.len() as f64;
    for i in batch {
        let x = samples.x.row(i);
        let prediction = problem.model.predict(&state.theta, x, &mut state.tape);
        let r = problem.loss.residual(prediction, samples.y[i]);
        bounded &= is_bounded(r);
        terms += problem.loss.term_seen(r, prediction, samples.y[i]);
        problem.model.pullback(&state.theta, x, &mut state.tape, weight * r, &mut state.gradient);
    }
    if bounded {
        subtract(&mut state.theta, &state.gradient);
        state.sampled.add(terms / count);
    }
    bounded
}

/// `theta -= gradient`.
#[inline(always)]
pub fn subtract(theta: &mut [f64], gradient: &[f64]) {
    for (theta, g) in theta.iter_mut().zip(gradient) {
        *theta -= g;
    }
}
