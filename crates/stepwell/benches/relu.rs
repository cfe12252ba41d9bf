//! Steps of SGD: ours against a plain loop written by hand, in one run so that the ratio means something on any machine.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime};
use stepwell::data::{Dataset, Samples};
use stepwell::dynamics::{Sampler, Sgd};
use stepwell::linalg::Matrix;
use stepwell::loss::Loss;
use stepwell::model::{DiagonalLinear, FullyConnected, Model};
use stepwell::problem::Problem;
use stepwell::rng::{Purpose, Stream};
use stepwell::run::Run;
use stepwell::schedule::Schedule;

const STEPS: u64 = 10_000;

fn samples(n: usize, d: usize) -> Samples {
    let mut stream = Stream::new(1, Purpose::Data);
    let x = Matrix::from_fn(n, d, |_, _| stream.normal());
    let y = (0..n).map(|_| stream.normal()).collect();
    Samples::new(x, y, ["x", "y"]).expect("normal numbers")
}

fn start(p: usize, scale: f64) -> Vec<f64> {
    let mut stream = Stream::new(1, Purpose::Init);
    (0..p).map(|_| scale * stream.normal()).collect()
}

/// A run of [`STEPS`] steps that warms up all the while, as the published ones do.
fn ours<M: Model>(group: &mut BenchmarkGroup<'_, WallTime>, model: M, samples: &Samples, eta: f64) {
    let data = Arc::new(Dataset::new(samples.clone(), None, None).expect("checked samples"));
    let n = samples.len();
    let schedule = Schedule::constant(eta).power_warmup(7.0, 1.0, STEPS, STEPS);
    let theta = start(model.parameters(), 0.3);
    let problem = Problem { model, data, loss: Loss::MeanSquare };
    let run = Run::new(problem, Sgd::new(Sampler::own(1, n)), schedule, &theta, STEPS);
    group.bench_function("stepwell", |b| {
        b.iter(|| {
            let mut run = run.clone();
            run.advance(STEPS);
            run.theta()[0]
        });
    });
}

/// The 1D network as one would write it by hand: 1-100-1, biases in the first layer only.
fn plain_1d(samples: &Samples, theta: &[f64], eta: f64) -> f64 {
    const M: usize = 100;
    let (mut w, mut b, mut a) = ([0.0; M], [0.0; M], [0.0; M]);
    w.copy_from_slice(&theta[..M]);
    b.copy_from_slice(&theta[M..2 * M]);
    a.copy_from_slice(&theta[2 * M..]);
    let mut stream = Stream::new(1, Purpose::Batch);
    for _ in 0..STEPS {
        let i = stream.below(samples.len() as u32) as usize;
        let (x, y) = (samples.x.row(i)[0], samples.y[i]);
        let mut h = 0.0;
        let mut act = [0.0; M];
        for j in 0..M {
            act[j] = (w[j] * x + b[j]).max(0.0);
            h += a[j] * act[j];
        }
        let g = 2.0 * eta * (h - y);
        for j in 0..M {
            let delta = if act[j] > 0.0 { g * a[j] } else { 0.0 };
            a[j] -= g * act[j];
            w[j] -= delta * x;
            b[j] -= delta;
        }
    }
    w[0]
}

/// 5-10-10-1 with biases by hand, weights in the usual order.
fn plain_teacher(samples: &Samples, theta: &[f64], eta: f64) -> f64 {
    const D: usize = 5;
    const M: usize = 10;
    let (mut w1, mut b1, mut w2, mut b2, mut w3, mut b3) =
        ([[0.0; D]; M], [0.0; M], [[0.0; M]; M], [0.0; M], [0.0; M], 0.0);
    for j in 0..M {
        for i in 0..D {
            w1[j][i] = theta[i * M + j];
        }
        for i in 0..M {
            w2[j][i] = theta[60 + i * M + j];
        }
        (b1[j], b2[j], w3[j]) = (theta[50 + j], theta[160 + j], theta[170 + j]);
    }
    let mut stream = Stream::new(1, Purpose::Batch);
    for _ in 0..STEPS {
        let k = stream.below(samples.len() as u32) as usize;
        let (x, y) = (samples.x.row(k), samples.y[k]);
        let (mut a1, mut a2) = ([0.0; M], [0.0; M]);
        for j in 0..M {
            a1[j] = (0..D).fold(b1[j], |z, i| z + w1[j][i] * x[i]).max(0.0);
        }
        for j in 0..M {
            a2[j] = (0..M).fold(b2[j], |z, i| z + w2[j][i] * a1[i]).max(0.0);
        }
        let h = (0..M).fold(b3, |h, j| h + w3[j] * a2[j]);
        let g = 2.0 * eta * (h - y);
        let mut d2 = [0.0; M];
        for j in 0..M {
            d2[j] = if a2[j] > 0.0 { g * w3[j] } else { 0.0 };
            w3[j] -= g * a2[j];
        }
        b3 -= g;
        let mut d1 = [0.0; M];
        for j in 0..M {
            for i in 0..M {
                d1[i] += d2[j] * w2[j][i];
                w2[j][i] -= d2[j] * a1[i];
            }
            b2[j] -= d2[j];
        }
        for j in 0..M {
            let d = if a1[j] > 0.0 { d1[j] } else { 0.0 };
            for i in 0..D {
                w1[j][i] -= d * x[i];
            }
            b1[j] -= d;
        }
    }
    w1[0][0]
}

fn steps(c: &mut Criterion) {
    let mut group = c.benchmark_group("step/1-100-1");
    group.throughput(Throughput::Elements(STEPS));
    let one = samples(12, 1);
    ours(&mut group, FullyConnected::new(1, &[100], &[true, false]), &one, 1e-4);
    let theta = start(300, 0.3);
    group.bench_function("plain", |b| b.iter(|| plain_1d(black_box(&one), &theta, 1e-4)));
    group.finish();

    let mut group = c.benchmark_group("step/2-20-1");
    group.throughput(Throughput::Elements(STEPS));
    ours(&mut group, FullyConnected::new(2, &[20], &[false, false]), &samples(15, 2), 1e-3);
    group.finish();

    let mut group = c.benchmark_group("step/5-10-10-1");
    group.throughput(Throughput::Elements(STEPS));
    let five = samples(50, 5);
    ours(&mut group, FullyConnected::new(5, &[10, 10], &[true, true, true]), &five, 1e-3);
    let theta = start(181, 0.3);
    group.bench_function("plain", |b| b.iter(|| plain_teacher(black_box(&five), &theta, 1e-3)));
    group.finish();

    let mut group = c.benchmark_group("step/diagonal-200");
    group.throughput(Throughput::Elements(STEPS));
    ours(&mut group, DiagonalLinear::new(200), &samples(80, 200), 1e-4);
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(30).measurement_time(std::time::Duration::from_secs(2));
    targets = steps
}
criterion_main!(benches);
