//! The feature sparsity coefficient of wide layers: independent neurons, where blocks of pairs are given up early, and
//! neurons that all resemble each other, where none is.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use stepwell::metrics::{Activations, SparsityOptions, feature_sparsity};
use stepwell::rng::{Purpose, Stream};

/// `max(0, common s + own)`, with a factor s that all neurons of a sample share.
fn layer(n: usize, m: usize, common: f64) -> Vec<f32> {
    let mut stream = Stream::new(1, Purpose::Data);
    let mut row = move || {
        let shared = common * stream.normal();
        (0..m).map(|_| (shared + stream.normal()).max(0.0) as f32).collect::<Vec<_>>()
    };
    (0..n).flat_map(|_| row()).collect()
}

fn wide(c: &mut Criterion) {
    let mut group = c.benchmark_group("sparsity");
    group.sample_size(10);
    for (name, n, m, common) in [
        ("2000x1000/independent", 2000, 1000, 0.0),
        ("2000x1000/alike", 2000, 1000, 3.5),
        ("10000x4096/independent", 10_000, 4096, 0.0),
    ] {
        let phi = layer(n, m, common);
        let activations = Activations::new(n, m, &phi).expect("finite");
        group.bench_function(name, |b| b.iter(|| feature_sparsity(black_box(activations), SparsityOptions::default())));
    }
    group.finish();
}

criterion_group!(benches, wide);
criterion_main!(benches);
