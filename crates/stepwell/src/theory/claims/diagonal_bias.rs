//! Diagonal linear networks: how fast noise removes a coordinate, and how much bias the whole run leaves.

use std::sync::Arc;

use super::diagonal::{NoisyFlow, lasso_solution, penalties};
use super::toy_orbits::mean_and_error;
use super::{Claim, Finding, Method, Seeds, Verdict};
use crate::data::{Dataset, Samples, SparseRegression};
use crate::dynamics::{Grid, IndexSource, Sampler, Scheme, Sgd};
use crate::linalg::{Matrix, lanes};
use crate::loss::Loss;
use crate::model::DiagonalLinear;
use crate::problem::Problem;
use crate::rng::{Purpose, Stream};
use crate::run::Run;
use crate::schedule::Schedule;

pub(super) const CLAIMS: &[Claim] = &[
    Claim {
        name: "diagonal-log-slope",
        statement: "off the Lasso's support log|beta_j| falls with the slope 2 (|g_j| - lambda_j), g the loss's gradient at the Lasso's solution",
        source: "Andriushchenko et al. 2023, section 4",
        method: Method::Statistics,
        horizon: "24 paths of time 2,000, three dimensions",
        expected: Verdict::Holds,
        correction: "",
        seeds: Some(Seeds { least: 8, usual: 24 }),
        check: log_slope,
    },
    Claim {
        name: "loss-integral",
        statement: "alpha_T^2 = alpha_0^2 exp(-2 eta diag(X^T X/n) int L): the larger the loss along the run, the smaller the bias",
        source: "Pesme, Pillaud-Vivien, Flammarion 2021",
        method: Method::Statistics,
        horizon: "6,000 steps on each of 32 data sets, 400 samples in 10 dimensions",
        expected: Verdict::HoldsCorrected,
        correction: "SGD's noise gives sample i the weight r_i^2: 1/n sum r_i^2 x_ij^2 stands where 2 L (X^T X/n)_jj does, larger by 2/d on Gaussian data",
        seeds: Some(Seeds { least: 8, usual: 32 }),
        check: loss_integral,
    },
];

const S: f64 = 0.25;
const INPUTS: usize = 10;

/// Columns of equal norm, the third 0.3 times the sum of the others and a rest: the Lasso leaves it out, with
/// `g_3 = 0.6 lambda`.
fn recoverable_problem() -> Problem<DiagonalLinear> {
    let rest = (1.0_f64 - 2.0 * 0.3 * 0.3).sqrt();
    let x = Matrix::from_rows(4, 3, &[2.0, 0.0, 0.6, 0.0, 2.0, 0.6, 0.0, 0.0, 2.0 * rest, 0.0, 0.0, 0.0]);
    let train = Samples::new(x, vec![2.0, 2.0, 0.0, 0.0], ["x", "y"]).expect("shapes agree");
    let data = Dataset::new(train, None, Some(vec![1.0, 1.0, 0.0])).expect("shapes agree");
    Problem { model: DiagonalLinear::new(3), data: Arc::new(data), loss: Loss::HalfMeanSquare }
}

fn log_slope(seeds: u64) -> Finding {
    let problem = recoverable_problem();
    let lambda = penalties(&problem, S);
    let solution = lasso_solution(&problem, &lambda);
    let train = &problem.data.train;
    let residuals: Vec<f64> = train.x.iter_rows().zip(&train.y).map(|(x, y)| lanes::dot(x, &solution) - y).collect();
    let gradient = lanes::dot(train.x.transposed().row(2), &residuals) / train.len() as f64;
    let expected = 2.0 * (gradient.abs() - lambda[2]);
    let (dt, burn_in, steps) = (0.02, 10_000, 100_000);
    let slopes: Vec<f64> = (0..seeds)
        .map(|seed| {
            let start = [0.9, 0.7, 0.8, 0.6, 0.7, 0.5];
            let (grid, scheme) = (Grid::new(1), Scheme::EulerMaruyama);
            let mut run = NoisyFlow { problem: &problem, s: S, dt, grid, scheme, start: &start }.run(seed);
            run.advance(burn_in);
            let log = |theta: &[f64]| libm::log((theta[2] * theta[5]).abs());
            let before = log(run.theta());
            run.advance(steps);
            (log(run.theta()) - before) / (dt * steps as f64)
        })
        .collect();
    let (mean, error) = mean_and_error(&slopes);
    // 3% for the inner step
    let passed = (mean - expected).abs() < 4.0 * error + 0.03 * expected.abs() && mean + 4.0 * error < 0.0;
    let detail = format!(
        "s = {S}, |g| = {:.3} lambda, Lasso solution {solution:.3?}, {seeds} paths of time {:.0}",
        gradient.abs() / lambda[2],
        dt * steps as f64
    );
    Finding::new(passed, Verdict::Holds, format!("slope {mean:.4} ± {error:.4}, expected {expected:.4}"), detail)
}

/// SGD on fresh Gaussian data: `log(alpha_T^2 / alpha_0^2)` over what the loss integral gives, as written and with each
/// sample's own weight, both the mean over coordinates.
fn shrinkage_ratios(seed: u64) -> (f64, f64) {
    let (n, d, eta, steps) = (400, INPUTS, 0.005, 6000);
    let data = SparseRegression { n, d, sparsity: 5, test: 0, noise: 0.0 }.draw_fresh(seed).expect("sizes are right");
    let problem = Problem { model: DiagonalLinear::new(d), data: Arc::new(data), loss: Loss::HalfMeanSquare };
    let train = &problem.data.train;
    let columns = train.x.transposed();
    let mut stream = Stream::new(seed, Purpose::Batch);
    let indices: Vec<u32> = (0..steps).map(|_| stream.below(n as u32)).collect();
    let source = IndexSource::Replay { indices: indices.into(), next: 0 };
    let start: Vec<f64> = (0..2 * d).map(|k| if k < d { 0.5 } else { 0.0 }).collect();
    let sgd = Sgd::new(Sampler::new(source, n));
    let mut run = Run::new(problem.clone(), sgd, Schedule::constant(eta), &start, steps);
    let (mut integral, mut weighted) = (0.0, vec![0.0; d]);
    for _ in 0..steps {
        let squares: Vec<f64> = problem.residuals(run.theta(), train).iter().map(|r| r * r).collect();
        integral += eta * 0.5 * lanes::sum(&squares) / n as f64;
        for (weighted, column) in weighted.iter_mut().zip(columns.iter_rows()) {
            *weighted += eta * eta * lanes::dot3(column, column, &squares) / n as f64;
        }
        run.advance(1);
    }
    let alpha2 = |theta: &[f64], j: usize| (theta[j] * theta[j] - theta[d + j] * theta[d + j]).abs();
    let (mut shrunk, mut as_written, mut own) = (0.0, 0.0, 0.0);
    for j in 0..d {
        shrunk -= libm::log(alpha2(run.theta(), j) / alpha2(&start, j));
        as_written += 2.0 * eta * lanes::norm2(columns.row(j)) / n as f64 * integral;
        own += weighted[j];
    }
    (shrunk / as_written, shrunk / own)
}

fn loss_integral(seeds: u64) -> Finding {
    let (as_written, own): (Vec<f64>, Vec<f64>) = (0..seeds).map(shrinkage_ratios).unzip();
    let ((ratio, error), (own, own_error)) = (mean_and_error(&as_written), mean_and_error(&own));
    // 1% for eta^4 terms
    let gaussian = 1.0 + 2.0 / INPUTS as f64;
    let passed = (own - 1.0).abs() < 4.0 * own_error + 0.01
        && (ratio - gaussian).abs() < 4.0 * error + 0.02
        && ratio - 4.0 * error > 1.0;
    let detail = format!(
        "n = 400, d = {INPUTS}, eta = 0.005, {seeds} data sets; Gaussian data {gaussian:.2}; with each sample's own weight {own:.3} ± {own_error:.3}"
    );
    Finding::new(passed, Verdict::HoldsCorrected, format!("shrinkage over formula {ratio:.3} ± {error:.3}"), detail)
}
