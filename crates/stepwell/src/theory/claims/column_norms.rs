//! The conjecture that large steps shrink the columns of the Jacobian, against small steps and against label noise.

use super::stability::regression;
use super::{Claim, Finding, Method, Verdict};
use crate::dynamics::{Dynamics, Equation, GradientDescent, Grid, Normalization, Sampler, Scheme, Sde, Sgd};
use crate::linalg::lanes;
use crate::metrics::jacobian;
use crate::model::DiagonalLinear;
use crate::problem::Problem;
use crate::run::{Run, Status};
use crate::schedule::Schedule;
use crate::statistics::quantile;

pub(super) const CLAIMS: &[Claim] = &[Claim {
    name: "column-norms",
    statement: "conjecture: the noise of large steps shrinks the sum of squared column norms of the Jacobian, in the directions orthogonal to what the fit needs",
    source: "Andriushchenko et al. 2023, section 3",
    method: Method::Experiment,
    horizon: "time 3,000 (steps x eta), 4 seeds on each of 3 data sets, 30 samples in 60 dimensions",
    expected: Verdict::Undecided,
    correction: "",
    seeds: None,
    check: |_| column_norms(),
}];

/// Samples, dimensions, data sets, seeds on each.
const N: usize = 30;
const D: usize = 60;
const DATA_SETS: u64 = 3;
const SEEDS: u64 = 4;
/// The small and the large step size.
const SMALL: f64 = 0.02;
const LARGE: f64 = 0.2;
/// The time that runs take, steps times step size.
const TIME: f64 = 3_000.0;

/// Sums of squared column norms, relative to the start: of all columns, and of those that belong to coordinates outside the
/// support of the target, orthogonal to what the fit needs.
#[derive(Clone, Copy)]
struct Sums {
    all: f64,
    outside: f64,
}

fn sums(problem: &Problem<DiagonalLinear>, theta: &[f64]) -> Sums {
    let columns = jacobian(&problem.model, theta, &problem.data.train.x).transposed();
    let target = problem.data.target.as_deref().unwrap_or(&[]);
    let norms: Vec<f64> = columns.iter_rows().map(lanes::norm2).collect();
    let of_no_use = |k: usize| target.get(k % D).is_some_and(|t| *t == 0.0);
    let outside: Vec<f64> = norms.iter().enumerate().filter(|(k, _)| of_no_use(*k)).map(|(_, norm)| *norm).collect();
    Sums { all: lanes::sum(&norms), outside: lanes::sum(&outside) }
}

/// Medians over data sets and seeds, and how many runs ended, of a dynamics that is made for a problem and a seed.
fn over_all<M: Dynamics>(eta: f64, make: impl Fn(&Problem<DiagonalLinear>, u64) -> M) -> String {
    let (mut all, mut outside) = (Vec::new(), Vec::new());
    for data in 1..=DATA_SETS {
        let problem = regression(N, D, data);
        let start = [[0.1; D], [0.0; D]].concat();
        let before = sums(&problem, &start);
        let steps = (TIME / eta) as u64;
        for seed in 1..=SEEDS {
            let mut large = Run::new(problem.clone(), make(&problem, seed), Schedule::constant(eta), &start, steps);
            if large.advance(steps) == Status::Finished {
                // the fit is finished without noise, alike for all
                let schedule = Schedule::constant(SMALL);
                let steps = (TIME / SMALL / 20.0) as u64;
                let mut rest = Run::new(problem.clone(), GradientDescent, schedule, large.theta(), steps);
                rest.advance(steps);
                let after = sums(&problem, rest.theta());
                all.push(after.all / before.all);
                outside.push(after.outside / before.outside);
            }
        }
    }
    let runs = DATA_SETS * SEEDS;
    let ended = if all.len() as u64 == runs { String::new() } else { format!(", {} of {runs} ended", all.len()) };
    format!("{:.2} ({:.2}{ended})", quantile(&all, 0.5), quantile(&outside, 0.5))
}

fn column_norms() -> Finding {
    let sgd = |_: &Problem<DiagonalLinear>, seed| Sgd::new(Sampler::own(seed, N));
    let noise = |delta: f64| {
        move |problem: &Problem<DiagonalLinear>, seed| {
            let equation = Equation::LabelNoise { delta, normalization: Normalization::Calibrated };
            Sde::new(equation, Scheme::EulerMaruyama, Grid::new(1), &problem.data.train, seed)
        }
    };
    let measured = format!(
        "small steps {}; large steps {}; label noise at 0.001 {}, at 0.01 {}",
        over_all(SMALL, sgd),
        over_all(LARGE, sgd),
        over_all(LARGE, noise(0.001)),
        over_all(LARGE, noise(0.01))
    );
    let detail = format!(
        "sums of squared column norms over those at the start (in brackets: of the columns of coordinates outside the target's \
         support, orthogonal to what the fit needs), once the fit is finished by small noiseless steps; eta = {SMALL} and \
         {LARGE}, label noise at a fixed level of the loss with eta = {LARGE}, each for {} steps x eta; medians over {SEEDS} seeds \
         on each of {DATA_SETS} data sets, {N} samples in {D} dimensions: an observation, no verdict",
        TIME
    );
    Finding { verdict: Verdict::Undecided, measured, detail }
}
