//! One SGD step of the diagonal network (n = 80, d = 200, f64): ours at each SIMD level, a plain scalar loop, and a loop
//! written by hand in AVX-512 with fused multiply-add. Each measurement takes 1,000 steps. The hand-written loops draw
//! no indices, so ours replays recorded ones too; what drawing costs is measured apart.

#![allow(missing_docs)]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use stepwell::data::{Dataset, SparseRegression};
use stepwell::dynamics::{IndexSource, Sampler, Sgd};
use stepwell::loss::Loss;
use stepwell::metrics::JacobianRank;
use stepwell::model::DiagonalLinear;
use stepwell::problem::Problem;
use stepwell::rng::{NumpyLegacy, Purpose, Stream};
use stepwell::run::Run;
use stepwell::schedule::Schedule;
use stepwell::simd::{self, Level};

const N: usize = 80;
const D: usize = 200;
const STEPS: u64 = 1000;
const ETA: f64 = 0.25;

fn data() -> Arc<Dataset> {
    let shape = SparseRegression { n: N, d: D, sparsity: 20, test: 1000, noise: 0.0 };
    Arc::new(shape.draw_numpy_legacy(0).unwrap())
}

fn start() -> Vec<f64> {
    [[0.1; D], [0.0; D]].concat()
}

fn indices() -> Vec<usize> {
    let mut stream = NumpyLegacy::new(1);
    (0..STEPS).map(|_| stream.below(N as u32) as usize).collect()
}

/// SGD as one would write it.
fn plain(data: &Dataset, u: &mut [f64], v: &mut [f64], indices: &[usize]) {
    for &i in indices {
        let x = data.train.x.row(i);
        let mut h = 0.0;
        for j in 0..D {
            h += u[j] * v[j] * x[j];
        }
        let w = ETA * (h - data.train.y[i]);
        for j in 0..D {
            let (old_u, old_v) = (u[j], v[j]);
            u[j] = old_u - w * x[j] * old_v;
            v[j] = old_v - w * x[j] * old_u;
        }
    }
}

/// The same by hand: one pass per step, five accumulators, fused multiply-add. Not what stepwell may use (other bits).
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn by_hand(data: &Dataset, u: &mut [f64], v: &mut [f64], indices: &[usize]) {
    use std::arch::x86_64::*;
    assert!(u.len() == D && v.len() == D && D.is_multiple_of(40));
    let (pu, pv) = (u.as_mut_ptr(), v.as_mut_ptr());
    let row = |i: usize| data.train.x.row(i).as_ptr();
    // SAFETY: every access is at j..j + 8 with j + 8 <= D, within rows and parameters of D numbers.
    unsafe {
        let sum = |acc: [__m512d; 5]| {
            let four = _mm512_add_pd(_mm512_add_pd(acc[0], acc[1]), _mm512_add_pd(acc[2], acc[3]));
            _mm512_reduce_add_pd(_mm512_add_pd(four, acc[4]))
        };
        let mut acc = [_mm512_setzero_pd(); 5];
        for j in (0..D).step_by(8) {
            let product = _mm512_mul_pd(_mm512_loadu_pd(pu.add(j)), _mm512_loadu_pd(pv.add(j)));
            acc[0] = _mm512_fmadd_pd(product, _mm512_loadu_pd(row(indices[0]).add(j)), acc[0]);
        }
        let mut h = sum(acc);
        for (k, &i) in indices.iter().enumerate() {
            let w = _mm512_set1_pd(-ETA * (h - data.train.y[i]));
            let (x, next) = (row(i), row(indices[(k + 1) % indices.len()]));
            let mut acc = [_mm512_setzero_pd(); 5];
            for block in (0..D).step_by(40) {
                for (l, acc) in acc.iter_mut().enumerate() {
                    let j = block + 8 * l;
                    let g = _mm512_mul_pd(w, _mm512_loadu_pd(x.add(j)));
                    let (old_u, old_v) = (_mm512_loadu_pd(pu.add(j)), _mm512_loadu_pd(pv.add(j)));
                    let (new_u, new_v) = (_mm512_fmadd_pd(g, old_v, old_u), _mm512_fmadd_pd(g, old_u, old_v));
                    _mm512_storeu_pd(pu.add(j), new_u);
                    _mm512_storeu_pd(pv.add(j), new_v);
                    *acc = _mm512_fmadd_pd(_mm512_mul_pd(new_u, new_v), _mm512_loadu_pd(next.add(j)), *acc);
                }
            }
            h = sum(acc);
        }
    }
}

fn steps(c: &mut Criterion) {
    let data = data();
    let mut group = c.benchmark_group("diagonal, 1000 SGD steps");
    let started = |indices| {
        let problem = Problem { model: DiagonalLinear::new(D), data: Arc::clone(&data), loss: Loss::HalfMeanSquare };
        Run::new(problem, Sgd::new(Sampler::new(indices, N)), Schedule::constant(ETA), &start(), u64::MAX)
    };
    let recorded: Arc<[u32]> = indices().iter().map(|i| *i as u32).cycle().take(1 << 22).collect();
    for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
        simd::force(level);
        let mut run = started(IndexSource::Replay { indices: Arc::clone(&recorded), next: 0 });
        group.bench_function(format!("stepwell {level:?}"), |b| b.iter(|| black_box(run.advance(STEPS))));
    }
    for (name, source) in [
        ("our stream's indices", IndexSource::Own(Box::new(Stream::new(1, Purpose::Batch)))),
        ("NumPy's indices", IndexSource::NumpyLegacy(Box::new(NumpyLegacy::new(1)))),
    ] {
        let mut run = started(source);
        group.bench_function(format!("stepwell, {name}"), |b| b.iter(|| black_box(run.advance(STEPS))));
    }
    let (indices, start) = (indices(), start());
    let (mut u, mut v) = (start[..D].to_vec(), start[D..].to_vec());
    group.bench_function("plain loop", |b| b.iter(|| plain(&data, black_box(&mut u), &mut v, &indices)));
    #[cfg(target_arch = "x86_64")]
    if Level::Avx512.is_available() {
        let aligned = stepwell::linalg::AlignedVec::from(&start[..]);
        let (mut u, mut v) = (aligned.clone(), aligned);
        let (u, v) = (&mut u[..D], &mut v[..D]);
        v.fill(0.0);
        // SAFETY: the level is available.
        group.bench_function("by hand, AVX-512", |b| b.iter(|| unsafe { by_hand(&data, black_box(u), v, &indices) }));
    }
    group.finish();
}

fn probes(c: &mut Criterion) {
    let data = data();
    let problem = Problem { model: DiagonalLinear::new(D), data: Arc::clone(&data), loss: Loss::HalfMeanSquare };
    let sgd = Sgd::new(Sampler::own(1, N));
    let mut run = Run::new(problem, sgd, Schedule::constant(0.26), &start(), 10_000);
    run.advance(10_000);
    let theta = run.theta().to_vec();
    let problem = run.problem();
    let rank = JacobianRank::new(data.test.as_ref().unwrap().x.head(400), 1e-15);
    let mut group = c.benchmark_group("probes");
    group.bench_function("test loss, 1000 x 200", |b| b.iter(|| problem.test_loss(black_box(&theta))));
    group.bench_function("rank, 400 x 200", |b| b.iter(|| rank.rank(&problem.model, black_box(&theta))));
    group.finish();
}

criterion_group!(benches, steps, probes);
criterion_main!(benches);
