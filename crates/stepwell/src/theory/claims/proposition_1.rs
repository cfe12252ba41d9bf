//! Proposition 1: SGD is gradient descent with label noise.

use std::sync::Arc;

use super::{Claim, Finding, Method, Seeds, Verdict};
use crate::data::SparseRegression;
use crate::dynamics::{BatchRule, LabelNoise, MiniBatch, Sampler, Sgd};
use crate::linalg::{Matrix, lanes, singular_values};
use crate::loss::Loss;
use crate::model::DiagonalLinear;
use crate::problem::Problem;
use crate::run::Run;
use crate::schedule::Schedule;

const SOURCE: &str = "Andriushchenko et al. 2023, Proposition 1";

pub(super) const CLAIMS: &[Claim] = &[
    Claim {
        name: "label-noise-identity",
        statement: "one SGD step on sample i equals a step of gradient descent on the labels y + xi, xi_j = r_j (1 - n 1[j = i])",
        source: SOURCE,
        method: Method::Identity,
        horizon: "300 steps of one seed",
        expected: Verdict::Holds,
        correction: "",
        seeds: None,
        check: |_| identity(),
    },
    Claim {
        name: "label-noise-moments",
        statement: "E xi = 0, Cov xi = n diag(r^2) - r r^T of rank n - 1, E|xi|^2 / (n (n - 1)) = 2 L",
        source: SOURCE,
        method: Method::ClosedForm,
        horizon: "",
        expected: Verdict::Holds,
        correction: "",
        seeds: None,
        check: |_| moments(),
    },
    Claim {
        name: "label-noise-batches",
        statement: "with batches of B without replacement, E|xi|^2 = 2 n L (n - B) / B",
        source: SOURCE,
        method: Method::Statistics,
        horizon: "20,000 steps of the dynamics",
        expected: Verdict::Holds,
        correction: "",
        seeds: Some(Seeds { least: 500, usual: 20_000 }),
        check: batches,
    },
];

/// A diagonal network on `n` samples of `d` inputs.
fn problem(n: usize, d: usize) -> (Problem<DiagonalLinear>, Vec<f64>) {
    let data = SparseRegression { n, d, sparsity: 2, test: 0, noise: 0.0 }.draw_fresh(3).expect("sizes are right");
    let theta: Vec<f64> = (0..2 * d).map(|k| 0.3 + 0.05 * k as f64).collect();
    (Problem { model: DiagonalLinear::new(d), data: Arc::new(data), loss: Loss::HalfMeanSquare }, theta)
}

fn identity() -> Finding {
    let (problem, theta) = problem(12, 7);
    let schedule = Schedule::constant(0.02);
    let mut sgd = Run::new(problem.clone(), Sgd::new(Sampler::own(1, 12)), schedule.clone(), &theta, 300);
    let mut noisy = Run::new(problem, LabelNoise::new(Sampler::own(1, 12)), schedule, &theta, 300);
    let mut worst = 0.0_f64;
    for _ in 0..300 {
        sgd.advance(1);
        noisy.advance(1);
        let gap = sgd.theta().iter().zip(noisy.theta()).map(|(a, b)| (a - b).abs());
        worst = gap.fold(worst, f64::max);
    }
    let moved = sgd.theta().iter().zip(&theta).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    let holds = worst <= 1e-11 * moved;
    Finding::new(
        holds,
        Verdict::Holds,
        format!("residual {worst:.1e}"),
        format!("300 steps that moved theta by {moved:.2}"),
    )
}

fn moments() -> Finding {
    let (problem, theta) = problem(9, 5);
    let r = problem.residuals(&theta, &problem.data.train);
    let n = r.len();
    let draws: Vec<Vec<f64>> = (0..n).map(|i| LabelNoise::noise(&r, i)).collect();
    let average = |f: &dyn Fn(&[f64]) -> f64| draws.iter().map(|xi| f(xi)).sum::<f64>() / n as f64;
    let covariance = Matrix::from_fn(n, n, |j, k| average(&|xi| xi[j] * xi[k]));
    let scale = lanes::norm2(&r);
    let mut worst = 0.0_f64;
    for j in 0..n {
        worst = worst.max(average(&|xi| xi[j]).abs() / scale.sqrt());
        for k in 0..n {
            let expected = if j == k { n as f64 * r[j] * r[j] } else { 0.0 } - r[j] * r[k];
            worst = worst.max((covariance.row(j)[k] - expected).abs() / scale);
        }
    }
    let variance = average(&|xi| lanes::norm2(xi)) / (n * (n - 1)) as f64;
    worst = worst.max((variance / (2.0 * problem.train_loss(&theta)) - 1.0).abs());
    let values = singular_values(&covariance);
    let rank = values.iter().filter(|s| **s > 1e-12 * values[0]).count();
    let detail = format!("all {n} draws enumerated; rank of the covariance {rank} of {n}");
    Finding::new(worst < 1e-13 && rank == n - 1, Verdict::Holds, format!("residual {worst:.1e}"), detail)
}

/// Enumerates all batches for the formula; and takes single steps of the mini-batch dynamics, whose spread the formula fixes.
fn batches(seeds: u64) -> Finding {
    let (n, size, eta) = (6_usize, 2_usize, 0.1);
    let (problem, theta) = problem(n, 4);
    let r = problem.residuals(&theta, &problem.data.train);
    let loss = problem.train_loss(&theta);
    let noise = |batch: u32| -> Vec<f64> {
        let inside = |i: usize| if batch >> i & 1 == 1 { n as f64 / size as f64 } else { 0.0 };
        (0..n).map(|i| r[i] * (1.0 - inside(i))).collect()
    };
    let all: Vec<u32> = (0..1_u32 << n).filter(|batch| batch.count_ones() as usize == size).collect();
    let mean = all.iter().map(|b| lanes::norm2(&noise(*b))).sum::<f64>() / all.len() as f64;
    let formula = 2.0 * n as f64 * loss * (n - size) as f64 / size as f64;
    let residual = (mean / formula - 1.0).abs();
    // the step's noise is eta/n phi^T xi: its mean square over the batches, exactly
    let jacobian = crate::metrics::jacobian(&problem.model, &theta, &problem.data.train.x);
    let columns = jacobian.transposed();
    let step_square = |xi: &[f64]| {
        let step: Vec<f64> = columns.iter_rows().map(|column| eta / n as f64 * lanes::dot(column, xi)).collect();
        lanes::norm2(&step)
    };
    let squares: Vec<f64> = all.iter().map(|b| step_square(&noise(*b))).collect();
    let exact = squares.iter().sum::<f64>() / squares.len() as f64;
    let spread = squares.iter().map(|s| (s - exact) * (s - exact)).sum::<f64>() / squares.len() as f64;
    let gradient = problem.gradient(&theta);
    let measured: f64 = (0..seeds)
        .map(|seed| {
            let dynamics = MiniBatch::new(BatchRule::WithoutReplacement, size, n, Sampler::own(seed, n));
            let mut run = Run::new(problem.clone(), dynamics, Schedule::constant(eta), &theta, 1);
            run.advance(1);
            let noise = |j: usize| run.theta()[j] - theta[j] + eta * gradient[j];
            (0..theta.len()).map(|j| noise(j) * noise(j)).sum::<f64>()
        })
        .sum::<f64>()
        / seeds as f64;
    let z = (measured - exact) / (spread / seeds as f64).sqrt();
    let detail =
        format!("all {} batches enumerated; {seeds} steps of the dynamics lie {z:+.2} standard errors off", all.len());
    Finding::new(
        residual < 1e-13 && z.abs() < 4.5,
        Verdict::Holds,
        format!("residual {residual:.1e}, z {z:+.2}"),
        detail,
    )
}
