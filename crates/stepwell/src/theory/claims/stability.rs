//! Where large steps come to rest: edge of stability, catapults, mean-square stability, flat minima.

use std::sync::Arc;

use super::{Claim, Finding, Method, Seeds, Verdict};
use crate::data::{Dataset, Samples, SparseRegression};
use crate::dynamics::{Dynamics, Equation, GradientDescent, Grid, IndexSource, Normalization};
use crate::dynamics::{Sampler, Scheme, Sde, Sgd, State};
use crate::linalg::{Matrix, lanes};
use crate::loss::Loss;
use crate::metrics::{row_norms2, sharpness};
use crate::model::{DiagonalLinear, Linear};
use crate::problem::Problem;
use crate::run::{Run, Status};
use crate::schedule::Schedule;
use crate::statistics::{Band, Share};

pub(super) const CLAIMS: &[Claim] = &[
    Claim {
        name: "edge-of-stability",
        statement: "gradient descent with eta above 2 / (sharpness that small steps lead to) hovers at the sharpness 2 / eta",
        source: "Cohen et al. 2021",
        method: Method::ClosedForm,
        horizon: "300 / eta steps of gradient descent, 12 samples in 20 dimensions",
        expected: Verdict::Holds,
        correction: "",
        seeds: None,
        check: |_| edge_of_stability(),
    },
    Claim {
        name: "catapult-recursion",
        statement: "one sample, y = 0: f' = f (1 - eta k + eta^2 f^2 / m), k' = k + (eta f^2 / m)(eta k - 4)",
        source: "Lewkowycz et al. 2020",
        method: Method::Identity,
        horizon: "60 steps at each of four step sizes, 16 units",
        expected: Verdict::Holds,
        correction: "",
        seeds: None,
        check: |_| catapult_recursion(),
    },
    Claim {
        name: "catapult-phases",
        statement: "the loss falls monotonically for eta < 2/k_0, first rises and then falls at a lower k for 2/k_0 < eta < 4/k_0, and diverges above",
        source: "Lewkowycz et al. 2020",
        method: Method::ClosedForm,
        horizon: "2,000 steps at each of eight step sizes, 16 units",
        expected: Verdict::Holds,
        correction: "",
        seeds: None,
        check: |_| catapult_phases(),
    },
    Claim {
        name: "mean-square-stability",
        statement: "SGD on a quadratic is mean-square stable iff the radius of E[(I - eta H_i) x (I - eta H_i)] is below 1: at a smaller eta than gradient descent's 2 / lambda_max",
        source: "Ma, Ying 2021; Mulayoff, Michaeli 2024",
        method: Method::ClosedForm,
        horizon: "",
        expected: Verdict::Holds,
        correction: "",
        seeds: None,
        check: |_| mean_square_stability(),
    },
    Claim {
        name: "label-noise-stationarity",
        statement: "label noise drifts along the zero-loss set to stationary points of 1/n sum |grad h(x_i)|^2",
        source: "Blanc et al. 2019",
        method: Method::Statistics,
        horizon: "12 seeds of 650,000 steps, one sample in two dimensions",
        expected: Verdict::Holds,
        correction: "",
        seeds: Some(Seeds { least: 4, usual: 12 }),
        check: stationarity,
    },
];

pub(super) fn regression(n: usize, d: usize, seed: u64) -> Problem<DiagonalLinear> {
    let data = SparseRegression { n, d, sparsity: 3, test: 0, noise: 0.0 }.draw_fresh(seed).expect("sizes are right");
    Problem { model: DiagonalLinear::new(d), data: Arc::new(data), loss: Loss::HalfMeanSquare }
}

/// Mean sharpness over the last part of a run times eta/2, over step sizes about the threshold of the small-step minimum.
fn edge_of_stability() -> Finding {
    let problem = regression(12, 20, 1);
    let start = [[0.3; 20], [0.05; 20]].concat();
    let last = |eta: f64| {
        let steps = (300.0 / eta) as u64;
        let mut run = Run::new(problem.clone(), GradientDescent, Schedule::constant(eta), &start, u64::MAX);
        run.advance(steps);
        let mut total = 0.0;
        for _ in 0..200 {
            run.advance(1);
            total += sharpness(&problem, run.theta()).value;
        }
        total / 200.0
    };
    let flow = last(0.02);
    let below = last(1.0 / flow) / flow;
    let ratios: Vec<f64> =
        [1.05, 1.15, 1.25].iter().map(|factor| factor * 2.0 / flow).map(|eta| last(eta) * eta / 2.0).collect();
    let passed = (below - 1.0).abs() < 0.05 && ratios.iter().all(|ratio| (0.95..1.05).contains(ratio));
    let measured = format!("sharpness eta/2 {ratios:.3?}");
    let detail = format!(
        "eta = 1.05, 1.15, 1.25 times 2/{flow:.3}, that sharpness; at half of it {below:.3} of it, so eta/2 times it is {:.3}",
        0.5 * below
    );
    Finding::new(passed, Verdict::Holds, measured, detail)
}

/// `h = sum_j u_j v_j / sqrt(m)` on one sample with label 0.
fn one_sample(m: usize) -> Problem<DiagonalLinear> {
    let x = Matrix::from_rows(1, m, &vec![1.0 / (m as f64).sqrt(); m]);
    let train = Samples::new(x, vec![0.0], ["x", "y"]).expect("shapes agree");
    let data = Dataset::new(train, None, None).expect("shapes agree");
    Problem { model: DiagonalLinear::new(m), data: Arc::new(data), loss: Loss::HalfMeanSquare }
}

const M: usize = 16;

fn catapult_start() -> Vec<f64> {
    (0..2 * M).map(|k| 0.8 + 0.4 * ((k * 7 % 11) as f64 / 11.0 - 0.5) * if k < M { 1.0 } else { 0.9 }).collect()
}

/// f and k, the tangent kernel.
fn output_and_kernel(problem: &Problem<DiagonalLinear>, theta: &[f64]) -> (f64, f64) {
    let f = problem.residuals(theta, &problem.data.train)[0];
    (f, row_norms2(&problem.model, theta, &problem.data.train.x)[0])
}

fn catapult_recursion() -> Finding {
    let problem = one_sample(M);
    let mut worst = 0.0_f64;
    for factor in [0.5, 1.5, 2.5, 3.5] {
        let start = catapult_start();
        let eta = factor / output_and_kernel(&problem, &start).1;
        let mut run = Run::new(problem.clone(), GradientDescent, Schedule::constant(eta), &start, 60);
        for _ in 0..60 {
            let (f, k) = output_and_kernel(&problem, run.theta());
            run.advance(1);
            let (next_f, next_k) = output_and_kernel(&problem, run.theta());
            let square = eta * f * f / M as f64;
            worst = worst.max((next_f - f * (1.0 - eta * k + eta * square)).abs() / f.abs().max(1.0));
            worst = worst.max((next_k - k - square * (eta * k - 4.0)).abs() / k);
        }
    }
    Finding::residual(worst, 1e-12, Verdict::Holds, "m = 16, eta k_0 = 0.5, 1.5, 2.5, 3.5, 60 steps each")
}

fn catapult_phases() -> Finding {
    let problem = one_sample(M);
    // a small output, so that the phases are those of k_0 alone
    let start: Vec<f64> =
        catapult_start().iter().enumerate().map(|(k, t)| if k < M && k % 2 == 0 { -t } else { *t }).collect();
    let (_, k0) = output_and_kernel(&problem, &start);
    let phase = |factor: f64| {
        let eta = factor / k0;
        let mut run = Run::new(problem.clone(), GradientDescent, Schedule::constant(eta), &start, 2_000);
        let first = problem.train_loss(&start);
        let (mut highest, mut last) = (first, first);
        let mut monotone = true;
        while run.advance(1) == Status::Running {
            let loss = problem.train_loss(run.theta());
            monotone &= loss <= last * (1.0 + 1e-12) + 1e-300;
            highest = highest.max(loss);
            last = loss;
        }
        let diverged = matches!(run.status(), Status::Overflowed { .. });
        let kernel = output_and_kernel(&problem, run.theta()).1;
        (monotone, highest / first, last / first, kernel / k0, kernel * eta, diverged)
    };
    let lazy = [0.5, 1.0, 1.9].map(phase);
    let catapult = [2.1, 2.5, 3.5].map(phase);
    let divergent = [4.3, 5.0].map(phase);
    let passed = lazy.iter().all(|p| p.0 && p.2 < 1e-10)
        && catapult.iter().all(|p| !p.0 && p.1 > 2.0 && p.2 < 1e-6 && p.3 < 1.0 && p.4 < 2.0)
        && divergent.iter().all(|p| p.5);
    let kernels: Vec<f64> = catapult.iter().map(|p| p.4).collect();
    let detail = format!(
        "eta k_0 = 0.5, 1, 1.9 | 2.1, 2.5, 3.5 | 4.3, 5; the loss rises by up to {:.0e} in between",
        catapult[2].1
    );
    Finding::new(passed, Verdict::Holds, format!("eta k at the end of the catapults {kernels:.2?}"), detail)
}

/// `1/n sum (I - eta H_i) S (I - eta H_i)`, `H_i = x_i x_i^T`.
fn next_second_moment(x: &Matrix, eta: f64, moment: &Matrix) -> Matrix {
    let d = x.cols();
    let mut next = vec![0.0; d * d];
    for row in x.iter_rows() {
        let a = Matrix::from_fn(d, d, |j, k| if j == k { 1.0 } else { 0.0 } - eta * row[j] * row[k]);
        let left = Matrix::from_fn(d, d, |j, k| lanes::dot(a.row(j), moment.row(k)));
        for (index, out) in next.iter_mut().enumerate() {
            *out += lanes::dot(left.row(index / d), a.row(index % d)) / x.rows() as f64;
        }
    }
    Matrix::from_rows(d, d, &next)
}

fn trace(moment: &Matrix) -> f64 {
    (0..moment.rows()).map(|j| moment.row(j)[j]).sum()
}

/// The growth of the second moment per step, in the long run.
fn second_moment_radius(x: &Matrix, eta: f64) -> f64 {
    let d = x.cols();
    let mut moment = Matrix::from_fn(d, d, |j, k| if j == k { 1.0 / d as f64 } else { 0.0 });
    let mut growth = 0.0;
    for _ in 0..300 {
        let next = next_second_moment(x, eta, &moment);
        growth = trace(&next);
        moment = Matrix::from_fn(d, d, |j, k| next.row(j)[k] / growth);
    }
    growth
}

/// The operator's threshold, and its moments against those of the library's SGD over all sequences of seven samples.
fn mean_square_stability() -> Finding {
    let x = Matrix::from_rows(3, 2, &[1.0, 0.4, -0.3, 0.9, 0.6, -0.7]);
    let train = Samples::new(x.clone(), vec![0.0; 3], ["x", "y"]).expect("shapes agree");
    let data = Arc::new(Dataset::new(train, None, None).expect("shapes agree"));
    let problem = Problem { model: Linear::new(2), data, loss: Loss::HalfMeanSquare };
    let largest = 2.0 / sharpness(&problem, &[0.0, 0.0]).value;
    let (mut low, mut high) = (0.0, largest);
    while high - low > 1e-9 {
        let middle = 0.5 * (low + high);
        if second_moment_radius(&x, middle) < 1.0 { low = middle } else { high = middle }
    }
    let sgd_step = |theta: &[f64], eta: f64, i: u32| {
        let source = IndexSource::Replay { indices: vec![i].into(), next: 0 };
        let mut state = State::new(&problem, theta);
        Sgd::new(Sampler::new(source, 3)).advance(&problem, &mut state, &[eta]);
        state.theta.to_vec()
    };
    let mut worst = 0.0_f64;
    for eta in [0.9 * low, 1.1 * low] {
        let start = [0.6, -0.8];
        let mut points = vec![start.to_vec()];
        let mut moment = Matrix::from_fn(2, 2, |j, k| start[j] * start[k]);
        for _ in 0..7 {
            points =
                points.iter().flat_map(|theta| (0..3).map(|i| sgd_step(theta, eta, i)).collect::<Vec<_>>()).collect();
            moment = next_second_moment(&x, eta, &moment);
            let square = points.iter().map(|t| lanes::norm2(t)).sum::<f64>() / points.len() as f64;
            worst = worst.max((square / trace(&moment) - 1.0).abs());
        }
    }
    let radii = [0.9, 1.1].map(|factor| second_moment_radius(&x, factor * low));
    let passed = worst < 1e-12 && radii[0] < 1.0 && radii[1] > 1.0 && low < 0.9 * largest;
    let measured = format!("threshold {low:.4}, gradient descent's {largest:.4}");
    let detail = format!(
        "radius {:.4}, {:.4} at 0.9, 1.1 of it; moments of SGD over all 3^7 sequences to {worst:.0e}",
        radii[0], radii[1]
    );
    Finding::new(passed, Verdict::Holds, measured, detail)
}

/// `h = u_1 v_1 + u_2 v_2` on one sample with label 1: zero loss on a surface of dimension 3, where `|u|^2 + |v|^2 >= 2`.
fn stationarity(seeds: u64) -> Finding {
    let x = Matrix::from_rows(1, 2, &[1.0, 1.0]);
    let train = Samples::new(x, vec![1.0], ["x", "y"]).expect("shapes agree");
    let data = Dataset::new(train, None, None).expect("shapes agree");
    let problem = Problem { model: DiagonalLinear::new(2), data: Arc::new(data), loss: Loss::HalfMeanSquare };
    let start = [2.0, 0.5, 0.3, 0.8];
    let (eta, delta) = (0.02, 0.05);
    let ends: Vec<f64> = (0..seeds)
        .map(|seed| {
            let equation = Equation::LabelNoise { delta, normalization: Normalization::AsWritten };
            let sde = Sde::new(equation, Scheme::EulerMaruyama, Grid::new(1), &problem.data.train, seed);
            let steps = 600_000;
            let mut run = Run::new(problem.clone(), sde, Schedule::constant(eta), &start, steps + 50_000);
            run.advance(steps);
            // without noise, to the nearest point of zero loss
            let mut rest = Run::new(problem.clone(), GradientDescent, Schedule::constant(0.05), run.theta(), 2_000);
            rest.advance(2_000);
            lanes::norm2(rest.theta())
        })
        .collect();
    let band = Band::of(&ends);
    let before = lanes::norm2(&start);
    let near = Share::of(ends.iter().filter(|e| **e < 2.1).count(), ends.len());
    let measured =
        format!("|grad h|^2 from {before:.2} to {:.3} [{:.3}, {:.3}], least 2", band.median, band.p10, band.p90);
    Finding::new(
        near.low > 0.5,
        Verdict::Holds,
        measured,
        format!("{} of {} seeds within 5% of the least", near.hits, near.total),
    )
}
