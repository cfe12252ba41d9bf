//! One step of the diagonal network's label-noise equation, n = 80, d = 200, beside a plain loop and the noise alone.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use stepwell::data::SparseRegression;
use stepwell::dynamics::{Equation, Grid, Normalization, Scheme, Sde};
use stepwell::loss::Loss;
use stepwell::model::DiagonalLinear;
use stepwell::problem::Problem;
use stepwell::rng::{Normals, Purpose, Stream};
use stepwell::run::Run;
use stepwell::schedule::Schedule;

const N: usize = 80;
const D: usize = 200;
const ETA: f64 = 0.05;
const DELTA: f64 = 1e-4;
/// Steps in one call, so that what a call costs does not count.
const STEPS: u64 = 1024;

/// The same step from its definition: normals by Box and Muller, rows of X, sums in order.
fn plain_step(x: &[f64], y: &[f64], theta: &mut [f64], noise: &mut Stream) {
    let (u, v) = theta.split_at_mut(D);
    let c = Normalization::Calibrated.coefficient(Loss::HalfMeanSquare, N, ETA, DELTA) * ETA.sqrt();
    let mut g = [0.0; D];
    for i in 0..N {
        let row = &x[i * D..(i + 1) * D];
        let prediction: f64 = (0..D).map(|j| u[j] * v[j] * row[j]).sum();
        let w = ETA / N as f64 * (prediction - y[i]) + c * noise.normal();
        for j in 0..D {
            g[j] += w * row[j];
        }
    }
    for j in 0..D {
        (u[j], v[j]) = (u[j] - g[j] * v[j], v[j] - g[j] * u[j]);
    }
}

fn one_step(criterion: &mut Criterion) {
    let data = Arc::new(SparseRegression { n: N, d: D, sparsity: 20, test: 0, noise: 0.0 }.draw_fresh(0).unwrap());
    let start = [[0.1; D], [0.0; D]].concat();
    let mut group = criterion.benchmark_group("label-noise equation, n = 80, d = 200");
    group.throughput(criterion::Throughput::Elements(STEPS));
    for (name, equation) in [
        (
            "Euler-Maruyama, label noise",
            Equation::LabelNoise { delta: DELTA, normalization: Normalization::Calibrated },
        ),
        ("Euler-Maruyama, first order", Equation::FirstOrder),
        ("Euler, gradient flow", Equation::GradientFlow),
    ] {
        let problem = Problem { model: DiagonalLinear::new(D), data: Arc::clone(&data), loss: Loss::HalfMeanSquare };
        let sde = Sde::new(equation, Scheme::EulerMaruyama, Grid::new(1), &data.train, 1);
        let mut run = Run::new(problem, sde, Schedule::constant(ETA), &start, u64::MAX);
        group.bench_function(name, |bencher| bencher.iter(|| run.advance(STEPS)));
        assert!(run.theta().iter().all(|t| t.is_finite()));
    }
    group.bench_function("a plain loop, label noise", |bencher| {
        let (mut theta, mut noise) = (start.clone(), Stream::new(1, Purpose::Noise));
        bencher.iter(|| {
            for _ in 0..STEPS {
                plain_step(data.train.x.as_slice(), &data.train.y, &mut theta, &mut noise);
            }
        });
        black_box(theta);
    });
    group.bench_function("the noise alone", |bencher| {
        let (mut z, mut normals) = ([0.0; N], Normals::new(1));
        bencher.iter(|| {
            for _ in 0..STEPS {
                normals.fill(&mut z);
            }
            black_box(z)
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(30);
    targets = one_step
}
criterion_main!(benches);
