//! Scaling laws of label noise at a fixed level on a diagonal network: how near to beta*, and how soon.

use std::sync::Arc;

use super::{Claim, Finding, Method, Seeds, Verdict};
use crate::data::SparseRegression;
use crate::dynamics::{Equation, Grid, Normalization, Scheme, Sde};
use crate::loss::Loss;
use crate::model::DiagonalLinear;
use crate::problem::Problem;
use crate::run::Run;
use crate::schedule::Schedule;
use crate::statistics::Slope;

const PAPER: &str = "Andriushchenko et al. 2023, Proposition 3";

pub(super) const CLAIMS: &[Claim] = &[
    Claim {
        name: "diagonal-neighborhood",
        statement: "label noise at level delta stays within O(sqrt(eta delta)) of beta*",
        source: PAPER,
        method: Method::Statistics,
        horizon: "4 seeds at each level and step size, some times as long as the slowest coordinate takes",
        expected: Verdict::Holds,
        correction: "",
        seeds: Some(Seeds { least: 4, usual: 4 }),
        check: neighborhood,
    },
    Claim {
        name: "diagonal-time",
        statement: "coordinates outside of the support vanish after a time O(1/(eta delta)), that is O(1/(eta^2 delta)) iterations",
        source: PAPER,
        method: Method::Statistics,
        horizon: "4 seeds at each level and step size, until the other coordinates are gone",
        expected: Verdict::HoldsCorrected,
        correction: "the time is that of the equation; in iterations it is divided by eta once more",
        seeds: Some(Seeds { least: 4, usual: 4 }),
        check: time,
    },
];

const D: usize = 6;
const SUPPORT: usize = 2;

/// Many samples: the Lasso recovers the support.
fn problem() -> Problem<DiagonalLinear> {
    let data = SparseRegression { n: 20, d: D, sparsity: SUPPORT, test: 0, noise: 0.0 }
        .draw_fresh(8)
        .expect("sizes are right");
    Problem { model: DiagonalLinear::new(D), data: Arc::new(data), loss: Loss::HalfMeanSquare }
}

/// Label noise at level delta, one Euler step of time eta each.
fn noisy_descent(problem: &Problem<DiagonalLinear>, eta: f64, delta: f64, seed: u64) -> Run<DiagonalLinear, Sde> {
    let equation = Equation::LabelNoise { delta, normalization: Normalization::Calibrated };
    let sde = Sde::new(equation, Scheme::EulerMaruyama, Grid::new(1), &problem.data.train, seed);
    let start = [[0.5; D], [0.4; D]].concat();
    Run::new(problem.clone(), sde, Schedule::constant(eta), &start, u64::MAX)
}

fn distance2(problem: &Problem<DiagonalLinear>, theta: &[f64]) -> f64 {
    let target = problem.data.target.as_deref().unwrap_or(&[]);
    (0..D).map(|j| theta[j] * theta[D + j] - target[j]).map(|gap| gap * gap).sum()
}

/// The root mean square distance to beta* in the stationary state, over a grid of eta and delta.
fn neighborhood(seeds: u64) -> Finding {
    let problem = problem();
    let (mut products, mut distances) = (Vec::new(), Vec::new());
    for eta in [0.03, 0.06, 0.12] {
        for delta in [0.02, 0.04, 0.08] {
            // several times as long as the slowest coordinate takes
            let settle = (20.0 / (eta * eta * delta)) as u64;
            let mut total = 0.0;
            for seed in 0..seeds {
                let mut run = noisy_descent(&problem, eta, delta, seed);
                run.advance(settle / 8);
                let sum: f64 = (0..200)
                    .map(|_| {
                        run.advance((2.0 / eta) as u64);
                        distance2(&problem, run.theta())
                    })
                    .sum();
                total += sum / 200.0;
            }
            products.push(eta * delta);
            distances.push((total / seeds as f64).sqrt());
        }
    }
    let slope = Slope::of_power(&products, &distances);
    let detail =
        format!("9 pairs of eta and delta, {seeds} seeds; distances {:.3} to {:.3}", distances[0], distances[8]);
    Finding::new(slope.is_within(0.5, 0.1), Verdict::Holds, format!("exponent of eta delta {slope}"), detail)
}

/// Iterations until all coordinates outside of the support have fallen to 1% of their `u^2 + v^2`.
fn time(seeds: u64) -> Finding {
    let problem = problem();
    let iterations = |eta: f64, delta: f64| {
        let total: u64 = (0..seeds)
            .map(|seed| {
                let mut run = noisy_descent(&problem, eta, delta, seed);
                let stride = (0.05 / (eta * eta * delta)) as u64;
                let size = |theta: &[f64], j: usize| theta[j] * theta[j] + theta[D + j] * theta[D + j];
                let outside = |theta: &[f64]| (SUPPORT..D).map(|j| size(theta, j)).fold(0.0, f64::max);
                let goal = 0.01 * outside(run.theta());
                while outside(run.theta()) > goal && run.step() < 4_000 * stride {
                    run.advance(stride);
                }
                run.step()
            })
            .sum();
        total as f64 / seeds as f64
    };
    let etas = [0.01, 0.02, 0.04, 0.08];
    let deltas = [0.02, 0.04, 0.08, 0.16];
    let over_eta = Slope::of_power(&etas, &etas.map(|eta| iterations(eta, 0.08)));
    let over_delta = Slope::of_power(&deltas, &deltas.map(|delta| iterations(0.04, delta)));
    let passed = over_eta.is_within(-2.0, 0.35) && over_delta.is_within(-1.0, 0.35);
    let measured = format!("exponents of eta {over_eta}, of delta {over_delta}");
    Finding::new(
        passed,
        Verdict::HoldsCorrected,
        measured,
        format!("iterations to 1% outside of the support, {seeds} seeds"),
    )
}
