//! SGD is gradient descent with label noise: step by step, and in mean and covariance by summing over the drawn sample.

use std::sync::Arc;

use stepwell::data::{Dataset, SparseRegression};
use stepwell::dynamics::{BatchRule, GradientDescent, LabelNoise, MiniBatch, Sampler, Sgd};
use stepwell::loss::Loss;
use stepwell::metrics::jacobian;
use stepwell::model::DiagonalLinear;
use stepwell::problem::Problem;
use stepwell::rng::{Purpose, Stream};
use stepwell::run::Run;
use stepwell::schedule::Schedule;

const D: usize = 13;

fn data(seed: u64) -> Arc<Dataset> {
    Arc::new(SparseRegression { n: 9, d: D, sparsity: 3, test: 0, noise: 0.3 }.draw_fresh(seed).unwrap())
}

fn problem(seed: u64, loss: Loss) -> (Problem<DiagonalLinear>, Vec<f64>) {
    let mut stream = Stream::new(seed, Purpose::Init);
    let theta = (0..2 * D).map(|_| 0.5 * stream.normal()).collect();
    (Problem { model: DiagonalLinear::new(D), data: data(seed), loss }, theta)
}

#[test]
fn label_noise_descent_takes_the_steps_of_sgd() {
    for (seed, loss) in [(1, Loss::HalfMeanSquare), (2, Loss::MeanSquare), (3, Loss::QuarterMeanSquare)] {
        let (problem, theta) = problem(seed, loss);
        let n = problem.n();
        let schedule = Schedule::constant(0.02);
        let mut sgd = Run::new(problem.clone(), Sgd::new(Sampler::own(seed, n)), schedule.clone(), &theta, 300);
        let mut noisy = Run::new(problem, LabelNoise::new(Sampler::own(seed, n)), schedule, &theta, 300);
        for t in 0..300 {
            sgd.advance(1);
            noisy.advance(1);
            for (a, b) in sgd.theta().iter().zip(noisy.theta()) {
                assert!((a - b).abs() < 1e-12, "step {t}: {a} {b}");
            }
        }
    }
}

#[test]
fn noise_has_mean_zero_and_its_covariance() {
    for seed in 0..20 {
        let (problem, theta) = problem(seed, Loss::HalfMeanSquare);
        let r = problem.residuals(&theta, &problem.data.train);
        let n = r.len();
        let noises: Vec<Vec<f64>> = (0..n).map(|i| LabelNoise::noise(&r, i)).collect();
        let mean = |f: &dyn Fn(&[f64]) -> f64| noises.iter().map(|xi| f(xi)).sum::<f64>() / n as f64;
        let scale = r.iter().fold(0.0_f64, |m, r| m.max(r.abs()));
        for i in 0..n {
            assert!(mean(&|xi| xi[i]).abs() < 1e-13 * scale * n as f64);
            for j in 0..n {
                let expected = if i == j { n as f64 * r[i] * r[i] } else { 0.0 } - r[i] * r[j];
                assert!((mean(&|xi| xi[i] * xi[j]) - expected).abs() < 1e-12 * scale * scale * n as f64);
            }
        }
        let loss = problem.train_loss(&theta);
        let square = mean(&|xi| xi.iter().map(|v| v * v).sum());
        assert!((square / (n as f64 * (n - 1) as f64) / (2.0 * loss) - 1.0).abs() < 1e-13);
    }
}

/// The mean of one step over every batch is the step of gradient descent, and without replacement its label noise has
/// `E |xi|^2 = 2 n L (n - B) / B`: both by going through all batches.
#[test]
fn batches_without_replacement_have_their_variance() {
    let (problem, theta) = problem(5, Loss::HalfMeanSquare);
    let r = problem.residuals(&theta, &problem.data.train);
    let n = r.len();
    for size in 1..=n {
        let (mut count, mut square) = (0_u32, 0.0);
        let mut mean = vec![0.0; n];
        for batch in 0_u32..1 << n {
            if batch.count_ones() as usize != size {
                continue;
            }
            count += 1;
            // xi_i = r_i (1 - (n/B) 1[i in B])
            for i in 0..n {
                let chosen = if batch >> i & 1 == 1 { n as f64 / size as f64 } else { 0.0 };
                let xi = r[i] * (1.0 - chosen);
                mean[i] += xi;
                square += xi * xi;
            }
        }
        let expected = 2.0 * n as f64 * problem.train_loss(&theta) * (n - size) as f64 / size as f64;
        assert!((square / f64::from(count) - expected).abs() < 1e-12 * (1.0 + expected));
        assert!(mean.iter().all(|m| m.abs() / f64::from(count) < 1e-13));
    }
}

/// One step from a fixed start, averaged over many seeds, moves like gradient descent, for each way to choose a batch;
/// its spread is that of the label noise.
#[test]
fn every_batch_rule_is_unbiased() {
    let (problem, theta) = problem(7, Loss::HalfMeanSquare);
    let n = problem.n();
    let (eta, seeds) = (0.1, 4000);
    let mut descent = Run::new(problem.clone(), GradientDescent, Schedule::constant(eta), &theta, 1);
    descent.advance(1);
    let phi = jacobian(&problem.model, &theta, &problem.data.train.x);
    let r = problem.residuals(&theta, &problem.data.train);
    for (rule, size) in [(BatchRule::WithReplacement, 3), (BatchRule::WithoutReplacement, 3), (BatchRule::Epochs, 3)] {
        let mut mean = vec![0.0; 2 * D];
        for seed in 0..seeds {
            let dynamics = MiniBatch::new(rule, size, n, Sampler::own(seed, n));
            let mut run = Run::new(problem.clone(), dynamics, Schedule::constant(eta), &theta, 1);
            run.advance(1);
            for (m, t) in mean.iter_mut().zip(run.theta()) {
                *m += t / seeds as f64;
            }
        }
        for j in 0..2 * D {
            // variance of one sample's gradient, over B, is an upper bound for all three rules
            let gradients: Vec<f64> = (0..n).map(|i| r[i] * phi.row(i)[j]).collect();
            let variance = gradients.iter().map(|g| g * g).sum::<f64>() / n as f64 / size as f64;
            let error = 5.0 * eta * (variance / seeds as f64).sqrt() + 1e-12;
            assert!((mean[j] - descent.theta()[j]).abs() < error, "{rule:?} {j}");
        }
    }
}

/// An epoch visits every sample once, whatever the batch size.
#[test]
fn epochs_visit_every_sample_once() {
    let x: Vec<f64> = (0..7).map(|i| f64::from(1 << i)).collect();
    let y = vec![1.0; 7];
    let train = stepwell::data::Samples::new(stepwell::linalg::Matrix::from_rows(7, 1, &x), y, ["x", "y"]).unwrap();
    let data = Arc::new(Dataset::new(train, None, None).unwrap());
    // so small a step size that residuals stay at -1: each step adds eta/B times the sum of the inputs in the batch
    let eta = 1e-12;
    for size in 1..=7_usize {
        let problem =
            Problem { model: stepwell::model::Linear::new(1), data: Arc::clone(&data), loss: Loss::HalfMeanSquare };
        let dynamics = MiniBatch::new(BatchRule::Epochs, size, 7, Sampler::own(size as u64, 7));
        let mut run = Run::new(problem, dynamics, Schedule::constant(eta), &[0.0], 1000);
        for _ in 0..3 {
            let (mut seen, mut left) = (0.0, 7);
            while left > 0 {
                let before = run.theta()[0];
                run.advance(1);
                let batch = size.min(left);
                seen += (run.theta()[0] - before) / eta * batch as f64;
                left -= batch;
            }
            assert!((seen - 127.0).abs() < 0.01, "batch {size}: {seen}");
        }
    }
}
