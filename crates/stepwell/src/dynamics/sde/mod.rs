//! Stochastic differential equations that stand for SGD, integrated by Euler and Maruyama's or a stochastic Heun scheme.

mod equation;
mod increment;

use serde::{Deserialize, Serialize};

pub use equation::{Equation, Normalization};

use self::equation::Corrections;
use self::increment::{Weights, Workspace, add_corrections, weighted_gradients};
use super::{Dynamics, State, is_bounded, subtract};
use crate::data::Samples;
use crate::linalg::{AlignedVec, BLOCK, Blocked, lanes};
use crate::loss::Loss;
use crate::model::{FullStep, Model};
use crate::problem::Problem;
use crate::rng::Normals;

/// How an equation is integrated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// `theta' = theta + a dt + b dB`: weak order 1 in dt. Source: Maruyama (1955).
    #[default]
    EulerMaruyama,
    /// Trapezoidal rule for drift and noise of the Stratonovich form, after a predictor by Euler's rule. For noise of size
    /// epsilon its weak error is `O(dt^2 + epsilon^4 dt)`, Euler's `O(dt)`; here `epsilon^2 = eta`. With noise that does
    /// not depend on theta, or a single one, weak order 2. Source: Milstein, Tretyakov, SIAM Journal on Scientific
    /// Computing 18 (1997).
    StochasticHeun,
}

/// How finely a path is integrated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Inner steps in one step of the run, of time `dt = eta / substeps`.
    pub substeps: usize,
    /// Increments of the Brownian path in one step of the run, a multiple of `substeps`. Grids with the same `path` follow
    /// the same Brownian path, whatever their `substeps`.
    pub path: usize,
}

impl Grid {
    /// One increment of the Brownian path for each inner step.
    pub fn new(substeps: usize) -> Self {
        Self { substeps, path: substeps }
    }
}

/// An equation, integrated over the time eta in each step: `theta <- theta - sum_i w_i grad h(x_i)` over all samples, with
/// `w_i` from residual and noise, plus terms with second derivatives where equation and scheme have them.
///
/// One normal for each sample and increment of the path, in this order, from the seed's noise stream: step t begins at
/// normal `t n path`.
#[derive(Clone, Debug)]
pub struct Sde {
    equation: Equation,
    scheme: Scheme,
    grid: Grid,
    normals: Normals,
    columns: Blocked,
    normal: Vec<f64>,
    brownian: Vec<f64>,
    residuals: Vec<f64>,
    weights: AlignedVec,
    lane_sums: AlignedVec,
    space: Workspace,
}

impl Sde {
    /// The equation on the training samples, with a seed for its noise.
    ///
    /// # Panics
    /// If `grid.path` is not a positive multiple of `grid.substeps`.
    pub fn new(equation: Equation, scheme: Scheme, grid: Grid, samples: &Samples, seed: u64) -> Self {
        assert!(grid.substeps > 0 && grid.path > 0 && grid.path.is_multiple_of(grid.substeps));
        let zeros = vec![0.0; samples.len()];
        let columns = Blocked::new(&samples.x);
        Self {
            equation,
            scheme,
            grid,
            normals: Normals::new(seed),
            normal: zeros.clone(),
            brownian: zeros.clone(),
            residuals: zeros,
            weights: AlignedVec::zeros(columns.padded_rows()),
            lane_sums: AlignedVec::zeros(BLOCK * columns.padded_rows()),
            columns,
            space: Workspace::default(),
        }
    }

    /// The Brownian increments of the next inner step: normals of the path's grid, summed.
    #[inline(always)]
    fn draw(&mut self, dt: f64) {
        if self.equation == Equation::GradientFlow {
            return;
        }
        let finer = self.grid.path / self.grid.substeps;
        let scale = (dt / finer as f64).sqrt();
        self.normals.fill(&mut self.brownian);
        for _ in 1..finer {
            self.normals.fill(&mut self.normal);
            for (sum, z) in self.brownian.iter_mut().zip(&self.normal) {
                *sum += z;
            }
        }
        for b in &mut self.brownian {
            *b *= scale;
        }
    }

    #[inline(always)]
    fn weights_of<M: Model>(&self, problem: &Problem<M>, eta: f64, dt: f64) -> Weights {
        let (loss, n) = (problem.loss, problem.n());
        Weights {
            drift: dt * loss.slope() * loss.batch_scale(n) / n as f64,
            gradient_noise: self.equation.gradient_noise(loss, n, eta),
            label_noise: self.equation.label_noise(loss, n, eta),
        }
    }

    /// The residuals at theta, in the order of summation of [`Model::full_step`]: that of a step without weights.
    #[inline(always)]
    fn begin<M: Model>(&mut self, problem: &Problem<M>, state: &mut State<M>) {
        self.space.resize(state.theta.len());
        self.refresh(problem, state);
    }

    #[inline(always)]
    fn full_step<M: Model>(&mut self, problem: &Problem<M>, state: &mut State<M>) {
        let State { theta, tape, gradient, .. } = state;
        let step = FullStep {
            samples: &problem.data.train,
            loss: problem.loss,
            columns: &self.columns,
            weights: &self.weights,
            residuals: &mut self.residuals,
            gradient,
            lane_sums: &mut self.lane_sums,
        };
        problem.model.full_step(theta, tape, step);
    }

    /// One inner step with the increments in `brownian`, from the residuals at theta to those after it; false, with
    /// nothing changed, if one of them overflowed.
    #[inline(always)]
    fn substep<M: Model>(&mut self, problem: &Problem<M>, state: &mut State<M>, eta: f64, dt: f64) -> bool {
        let weights = self.weights_of(problem, eta, dt);
        if !weights.of(&self.residuals, &self.brownian, &mut self.weights) {
            return false;
        }
        let corrections = match self.scheme {
            Scheme::EulerMaruyama => self.equation.ito(eta),
            Scheme::StochasticHeun => self.equation.stratonovich(problem.loss, problem.n(), eta),
        };
        match self.scheme {
            Scheme::EulerMaruyama if corrections == Corrections::default() => self.full_step(problem, state),
            Scheme::EulerMaruyama => {
                self.first_increment(problem, state, corrections, dt);
                subtract(&mut state.theta, &self.space.first);
                self.refresh(problem, state);
            }
            Scheme::StochasticHeun => return self.heun(problem, state, weights, corrections, dt),
        }
        true
    }

    /// Euler's increment, from the weights.
    #[inline(always)]
    fn first_increment<M: Model>(&mut self, problem: &Problem<M>, state: &mut State<M>, c: Corrections, dt: f64) {
        let Workspace { sample, direction, first, .. } = &mut self.space;
        let space = (&mut **sample, &mut **direction);
        weighted_gradients(problem, &state.theta, &mut state.tape, &self.weights, first);
        if c != Corrections::default() {
            add_corrections(problem, (&state.theta, &self.residuals), &mut state.tape, c, dt, space, first);
        }
    }

    #[inline(always)]
    fn heun<M: Model>(
        &mut self,
        problem: &Problem<M>,
        state: &mut State<M>,
        w: Weights,
        c: Corrections,
        dt: f64,
    ) -> bool {
        self.first_increment(problem, state, c, dt);
        let State { theta, tape, .. } = state;
        let Workspace { sample, direction, first, second, predictor } = &mut self.space;
        let space = (&mut **sample, &mut **direction);
        predictor.copy_from_slice(theta);
        subtract(predictor, first);
        predict_all(problem, predictor, tape, &mut self.residuals);
        let bounded = w.of(&self.residuals, &self.brownian, &mut self.weights);
        if bounded {
            weighted_gradients(problem, predictor, tape, &self.weights, second);
            if c != Corrections::default() {
                add_corrections(problem, (predictor, &self.residuals), tape, c, dt, space, second);
            }
            for ((theta, first), second) in theta.iter_mut().zip(first).zip(second) {
                *theta -= 0.5 * (*first + *second);
            }
        }
        self.refresh(problem, state);
        bounded
    }

    /// One inner step of time `dt` with given Brownian increments: for exact moments, where normals are nodes of a quadrature.
    pub(crate) fn inner_step<M: Model>(
        &mut self,
        problem: &Problem<M>,
        state: &mut State<M>,
        (eta, dt): (f64, f64),
        brownian: &[f64],
    ) -> bool {
        self.begin(problem, state);
        self.brownian.copy_from_slice(brownian);
        self.substep(problem, state, eta, dt)
    }

    #[inline(always)]
    fn refresh<M: Model>(&mut self, problem: &Problem<M>, state: &mut State<M>) {
        self.weights.fill(0.0);
        self.full_step(problem, state);
    }
}

/// The residuals of the loss, of all samples.
#[inline(always)]
fn predict_all<M: Model>(problem: &Problem<M>, theta: &[f64], tape: &mut M::Tape, residuals: &mut [f64]) {
    let samples = &problem.data.train;
    for ((x, y), r) in samples.x.iter_rows().zip(&samples.y).zip(residuals) {
        *r = problem.loss.residual(problem.model.predict(theta, x, tape), *y);
    }
}

/// The mean term of the loss, from its residuals.
#[inline(always)]
fn mean_term(loss: Loss, residuals: &[f64]) -> f64 {
    let sum = match loss.is_square() {
        true => lanes::norm2(residuals),
        false => residuals.iter().map(|r| loss.term_of_residual(*r)).sum(),
    };
    sum / residuals.len() as f64
}

impl Dynamics for Sde {
    #[inline(always)]
    fn advance<M: Model>(&mut self, problem: &Problem<M>, state: &mut State<M>, step_sizes: &[f64]) -> usize {
        self.begin(problem, state);
        for (t, &eta) in step_sizes.iter().enumerate() {
            let dt = eta / self.grid.substeps as f64;
            let seen = mean_term(problem.loss, &self.residuals);
            for _ in 0..self.grid.substeps {
                self.draw(dt);
                if !self.substep(problem, state, eta, dt) {
                    return t;
                }
                if let Some(factors) = &mut state.factors {
                    factors.see(&state.theta);
                }
            }
            if !self.residuals.iter().all(|r| is_bounded(*r)) {
                return t;
            }
            state.sampled.add(seen);
        }
        step_sizes.len()
    }

    fn shows_factors(&self) -> bool {
        true
    }

    fn position(&self) -> Vec<u64> {
        vec![self.normals.position()]
    }

    fn seek(&mut self, position: &[u64]) -> bool {
        let [normal] = position else { return false };
        self.normals.seek(*normal);
        true
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::data::SparseRegression;
    use crate::loss::Loss;
    use crate::model::DiagonalLinear;
    use crate::run::{Run, Status};
    use crate::schedule::Schedule;
    use crate::simd::{self, Level};

    const LABEL_NOISE: Equation = Equation::LabelNoise { delta: 0.02, normalization: Normalization::Calibrated };
    const ALL: [Equation; 4] = [Equation::GradientFlow, Equation::FirstOrder, Equation::SecondOrder, LABEL_NOISE];

    fn problem(n: usize, d: usize) -> Problem<DiagonalLinear> {
        let data = SparseRegression { n, d, sparsity: 2, test: 0, noise: 0.0 }.draw_fresh(1).unwrap();
        Problem { model: DiagonalLinear::new(d), data: Arc::new(data), loss: Loss::HalfMeanSquare }
    }

    fn start(d: usize) -> Vec<f64> {
        (0..2 * d).map(|k| 0.3 + 0.04 * (k % 7) as f64).collect()
    }

    fn path(equation: Equation, scheme: Scheme, grid: Grid, seed: u64, eta: f64, calls: &[u64]) -> Vec<f64> {
        let problem = problem(9, 13);
        let sde = Sde::new(equation, scheme, grid, &problem.data.train, seed);
        let mut run = Run::new(problem, sde, Schedule::constant(eta), &start(13), calls.iter().sum());
        for k in calls {
            run.advance(*k);
        }
        assert_eq!(run.status(), Status::Finished);
        run.theta().to_vec()
    }

    fn gap(a: &[f64], b: &[f64]) -> f64 {
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    }

    /// The same bits however a run is cut into calls, for each equation and scheme.
    #[test]
    fn bits_do_not_depend_on_the_calls() {
        for equation in ALL {
            for scheme in [Scheme::EulerMaruyama, Scheme::StochasticHeun] {
                let grid = Grid { substeps: 2, path: 6 };
                let whole = path(equation, scheme, grid, 3, 0.05, &[40]);
                assert_eq!(whole, path(equation, scheme, grid, 3, 0.05, &[1, 7, 32]), "{equation:?} {scheme:?}");
            }
        }
    }

    /// FNV-1a over the bits of the end of each equation, by each scheme. A change here changes every result with noise.
    const HASH: u64 = 16_669_923_012_046_996_773;

    #[test]
    fn bits_are_those_committed_at_every_instruction_set() {
        let widest = simd::level();
        for level in Level::ALL.into_iter().filter(|level| simd::force(*level)) {
            let mut hash = 0xcbf2_9ce4_8422_2325_u64;
            for scheme in [Scheme::EulerMaruyama, Scheme::StochasticHeun] {
                let ends = ALL.into_iter().flat_map(|equation| path(equation, scheme, Grid::new(1), 1, 0.05, &[300]));
                hash = ends.fold(hash, |hash, t| (hash ^ t.to_bits()).wrapping_mul(0x0100_0000_01b3));
            }
            assert_eq!(hash, HASH, "at {level:?}");
        }
        simd::force(widest);
    }

    /// The diagonal network's fused pass against the definition: weights by hand, sums in the order of samples.
    #[test]
    fn fused_pass_equals_the_definition() {
        for (n, d) in [(80, 200), (5, 3), (33, 41)] {
            let problem = problem(n, d);
            let (eta, delta) = (0.01, 0.02);
            let mut run = Run::new(
                problem.clone(),
                Sde::new(LABEL_NOISE, Scheme::EulerMaruyama, Grid::new(1), &problem.data.train, 4),
                Schedule::constant(eta),
                &start(d),
                10,
            );
            let mut theta = start(d);
            let mut normals = Normals::new(4);
            let c = (2.0 * (n - 1) as f64 * eta * delta).sqrt() / n as f64;
            for _ in 0..10 {
                let residuals = problem.residuals(&theta, &problem.data.train);
                let mut g = vec![0.0; d];
                for (x, r) in problem.data.train.x.iter_rows().zip(residuals) {
                    let w = eta / n as f64 * r + c * eta.sqrt() * normals.draw();
                    for j in 0..d {
                        g[j] += w * x[j];
                    }
                }
                for j in 0..d {
                    let (u, v) = (theta[j], theta[d + j]);
                    (theta[j], theta[d + j]) = (u - g[j] * v, v - g[j] * u);
                }
                run.advance(1);
                assert!(gap(run.theta(), &theta) < 1e-12, "{}", gap(run.theta(), &theta));
            }
        }
    }

    /// Grids on one Brownian path converge to each other; with paths of their own they would not. Euler's strong order is
    /// 1/2 here: a quarter of the inner step gives half of the error.
    #[test]
    fn refined_grids_follow_the_same_path() {
        let on = |substeps| path(LABEL_NOISE, Scheme::EulerMaruyama, Grid { substeps, path: 64 }, 5, 0.2, &[10]);
        let finest = on(64);
        let (coarse, finer) = (gap(&on(1), &finest), gap(&on(16), &finest));
        assert!(finer < 0.5 * coarse, "{finer} {coarse}");
        let another = path(LABEL_NOISE, Scheme::EulerMaruyama, Grid::new(64), 6, 0.2, &[10]);
        assert!(gap(&another, &finest) > 3.0 * coarse, "{coarse}");
    }

    /// For gradient flow both schemes are known: Euler and Heun, of orders 1 and 2.
    #[test]
    fn gradient_flow_converges_with_the_orders_of_euler_and_heun() {
        let on = |scheme, substeps| path(Equation::GradientFlow, scheme, Grid::new(substeps), 0, 0.2, &[5]);
        for (scheme, order) in [(Scheme::EulerMaruyama, 2.0), (Scheme::StochasticHeun, 4.0)] {
            let exact = on(Scheme::StochasticHeun, 4096);
            let ratio = gap(&on(scheme, 4), &exact) / gap(&on(scheme, 8), &exact);
            assert!((ratio / order - 1.0).abs() < 0.15, "{scheme:?}: {ratio}");
        }
    }

    #[test]
    fn an_overflow_is_a_divergence() {
        let problem = problem(9, 13);
        let sde = Sde::new(Equation::FirstOrder, Scheme::StochasticHeun, Grid::new(1), &problem.data.train, 1);
        let mut run = Run::new(problem, sde, Schedule::constant(50.0), &start(13), 100);
        assert!(matches!(run.advance(100), Status::Overflowed { step } if step < 30));
    }
}
