//! The published diagonal experiment: the contracting run to its digits, the chaotic ones on their first steps.

use std::sync::Arc;

use stepwell::data::{Dataset, SparseRegression};
use stepwell::dynamics::{IndexSource, Sampler, Sgd};
use stepwell::loss::Loss;
use stepwell::model::DiagonalLinear;
use stepwell::problem::Problem;
use stepwell::rng::NumpyLegacy;
use stepwell::run::Run;
use stepwell::schedule::Schedule;

const N: usize = 80;
const D: usize = 200;
const STEPS: u64 = 100_001;

fn published_data() -> Arc<Dataset> {
    Arc::new(SparseRegression { n: N, d: D, sparsity: 20, test: 1000, noise: 0.0 }.draw_numpy_legacy(0).unwrap())
}

fn start() -> Vec<f64> {
    [[0.1; D], [0.0; D]].concat()
}

fn published_run(data: &Arc<Dataset>, schedule: Schedule) -> Run<DiagonalLinear, Sgd> {
    let problem = Problem { model: DiagonalLinear::new(D), data: Arc::clone(data), loss: Loss::HalfMeanSquare };
    let indices = IndexSource::NumpyLegacy(Box::new(NumpyLegacy::new(1)));
    Run::new(problem, Sgd::new(Sampler::new(indices, N)), schedule, &start(), STEPS)
}

fn assert_relative(value: f64, expected: f64, tolerance: f64) {
    assert!((value / expected - 1.0).abs() <= tolerance, "{value:e}, expected {expected:e}");
}

#[test]
fn contracting_run_ends_at_the_published_digits() {
    let mut run = published_run(&published_data(), Schedule::constant(0.25));
    run.advance(last_recorded_step());
    assert_relative(run.problem().train_loss(run.theta()), 1.421_616_287_399_531_4e-6, 1e-11);
    assert_relative(run.problem().test_loss(run.theta()).unwrap(), 3.528_621_943_603_826e-3, 1e-11);
}

/// The last record: 250 points spaced evenly over `0..=T`, rounded, without the last one.
fn last_recorded_step() -> u64 {
    (248.0 * STEPS as f64 / 249.0).round_ties_even() as u64
}

/// SGD written from its definition, with plain sums.
fn plain_losses(data: &Dataset, eta: f64, steps: usize) -> Vec<f64> {
    let (mut u, mut v) = (vec![0.1; D], vec![0.0; D]);
    let mut stream = NumpyLegacy::new(1);
    let mut losses = Vec::new();
    for _ in 0..steps {
        let predict = |x: &[f64]| (0..D).map(|j| u[j] * v[j] * x[j]).sum::<f64>();
        let squares: f64 =
            data.train.x.iter_rows().zip(&data.train.y).map(|(x, y)| (predict(x) - y) * (predict(x) - y)).sum();
        losses.push(squares / (2.0 * N as f64));
        let i = stream.below(N as u32) as usize;
        let x = data.train.x.row(i);
        let r = predict(x) - data.train.y[i];
        for j in 0..D {
            let (old_u, old_v) = (u[j], v[j]);
            u[j] = old_u - eta * r * x[j] * old_v;
            v[j] = old_v - eta * r * x[j] * old_u;
        }
    }
    losses
}

#[test]
fn first_thousand_steps_equal_a_plain_loop() {
    let data = published_data();
    for eta in [0.25, 0.282] {
        let mut run = published_run(&data, Schedule::constant(eta));
        for expected in plain_losses(&data, eta, 1000) {
            assert_relative(run.problem().train_loss(run.theta()), expected, 1e-9);
            run.advance(1);
        }
    }
}
