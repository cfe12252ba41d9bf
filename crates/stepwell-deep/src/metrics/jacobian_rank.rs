//! The singular values of a network's Jacobian, through the Gram matrix of per-sample gradients.

use std::ops::Range;
use std::sync::Mutex;

use rayon::prelude::*;
use stepwell::linalg::lanes::combine;
use stepwell::linalg::{Matrix, singular_values};
use stepwell::metrics::{effective_rank, rank_of};
use stepwell::rng::{Purpose, Stream};
use stepwell::simd::{Kernel, dispatch};

use crate::data::Images;
use crate::engine::{Device, on_processor};
use crate::network::{Mode, Network, Weights};
use crate::training::inputs;

/// How large a singular value must be, relative to the largest, to count: `sqrt(2^-23)`, 3.5e-4. Gradients are sums in
/// single precision, right to some 1e-6 of their norm, and n rows of that error make singular values up to `sqrt(n)` times as
/// large: below 1e-4 of the largest they may be round-off.
pub const RANK_TOLERANCE: f64 = 3.452_669_830_012_439e-4;

/// Bytes of gradients that [`jacobian_rank`] keeps at a time: with the network it stays below 4 GB.
const MEMORY: usize = 5 << 29;
/// Further rows that are computed together and then multiplied with those that are kept.
const TOGETHER: usize = 8;
/// Entries of rows that are multiplied while they are in the cache: whole lanes.
const TILE: usize = 128 * LANES;

/// The spectrum of a Jacobian.
#[derive(Clone, Debug, PartialEq)]
pub struct JacobianSpectrum {
    /// All `n` singular values (n samples), largest first.
    pub singular_values: Vec<f64>,
    /// Number of parameters p.
    pub parameters: usize,
    /// The combination of logits whose gradients are the rows, of norm 1.
    pub combination: Vec<f32>,
}

impl JacobianSpectrum {
    /// How many singular values exceed [`RANK_TOLERANCE`] times the largest.
    pub fn rank(&self) -> usize {
        rank_of(&self.singular_values, RANK_TOLERANCE)
    }

    /// `exp` of the entropy of the normalized singular values.
    pub fn effective_rank(&self) -> f64 {
        effective_rank(&self.singular_values)
    }
}

/// The singular values of the Jacobian (n x p) of `h(x) = <c, logits(x)>` at the first `count` images, without
/// augmentation, in evaluation mode; `c` is a random direction of norm 1 from `seed`.
///
/// Row i is `grad_theta h(x_i)` in single precision. The Gram matrix `G = J J^T` is summed in double precision, and the
/// singular values are the roots of its eigenvalues: right to about `3e-7` of the largest beside the gradients' own errors.
/// At most 2.5 GiB of gradients are kept; where that is less than all of J, rows are computed again, `n (1 + k) / 2` gradients
/// for k blocks. The processor computes up to 8 rows at a time, each on a thread of its own.
pub fn jacobian_rank(
    network: &Network,
    weights: &Weights,
    images: &Images,
    count: usize,
    seed: u64,
    device: &Device,
) -> JacobianSpectrum {
    jacobian_rank_within(network, weights, images, count, seed, device, MEMORY)
}

/// The same with at most `memory` bytes of gradients (but at least one row) at a time.
pub fn jacobian_rank_within(
    network: &Network,
    weights: &Weights,
    images: &Images,
    count: usize,
    seed: u64,
    device: &Device,
    memory: usize,
) -> JacobianSpectrum {
    let n = count.min(images.len());
    let parameters = network.layout().parameter_count();
    let combination = direction(network.classes(), seed);
    let row = |i: usize, out: &mut [f32]| {
        let image = inputs(network, images, i, i + 1, device);
        let found = network.pullback(weights, image, combination.clone(), Mode::Evaluate);
        found.write_flat(out);
    };
    let threads = if on_processor(device) { rayon::current_num_threads().min(TOGETHER) } else { 1 };
    let block = (memory / (4 * parameters)).clamp(1, n.max(1));
    let mut gram = Matrix::zeros(n, n);
    let mut kept = vec![0.0; block * parameters];
    let mut new = vec![0.0; if block < n { TOGETHER * parameters } else { 0 }];
    for from in (0..n).step_by(block) {
        let to = (from + block).min(n);
        let kept = &mut kept[..(to - from) * parameters];
        side_by_side(from..to, kept, parameters, threads, &row);
        let mut fill = |start: usize, new: &[f32], kept: &[f32]| {
            for (j, dots) in (from..).zip(inner_products(kept, new, parameters)) {
                for (i, dot) in (start..).zip(dots) {
                    gram.row_mut(i)[j] = dot;
                    gram.row_mut(j)[i] = dot;
                }
            }
        };
        for (k, own) in kept.chunks(TOGETHER * parameters).enumerate() {
            let before = k * TOGETHER * parameters;
            fill(from + k * TOGETHER, own, &kept[..before + own.len()]);
        }
        for start in (to..n).step_by(TOGETHER) {
            let end = (start + TOGETHER).min(n);
            let new = &mut new[..(end - start) * parameters];
            side_by_side(start..end, new, parameters, threads, &row);
            fill(start, new, kept);
        }
    }
    let singular_values = singular_values(&gram).into_iter().map(f64::sqrt).collect();
    JacobianSpectrum { singular_values, parameters, combination }
}

/// A random direction of norm 1.
fn direction(classes: usize, seed: u64) -> Vec<f32> {
    let mut stream = Stream::new(seed, Purpose::Probe);
    let normals: Vec<f64> = (0..classes).map(|_| stream.normal()).collect();
    let norm = normals.iter().map(|z| z * z).sum::<f64>().sqrt();
    normals.iter().map(|z| (z / norm) as f32).collect()
}

/// What [`jacobian_rank`] of so many images needs, given the bytes of a row: bytes of rows, and how many rows are computed
/// at a time.
pub(crate) fn jacobian_memory(images: u64, row: u64) -> [u64; 2] {
    let kept = (MEMORY as u64 / row.max(1)).clamp(1, images.max(1));
    let new = if kept < images { TOGETHER as u64 } else { 0 };
    [(kept + new) * row, rayon::current_num_threads().min(TOGETHER) as u64]
}

/// Writes the rows of a range into `out`, each on one of so many threads. They are none of the pool's, which the network's
/// own sums are shared among.
fn side_by_side(
    range: Range<usize>,
    out: &mut [f32],
    parameters: usize,
    threads: usize,
    row: &(impl Fn(usize, &mut [f32]) + Sync),
) {
    let left = Mutex::new(range.zip(out.chunks_exact_mut(parameters)));
    let take = || left.lock().expect("no thread panics while it takes a row").next();
    let work = || {
        while let Some((i, out)) = take() {
            row(i, out);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
}

/// The inner products of each row of `kept` with each of `new`, in double precision, entry j in lane `j mod 32`.
fn inner_products(kept: &[f32], new: &[f32], parameters: usize) -> Vec<Vec<f64>> {
    let (rows, columns) = (kept.len() / parameters, new.len() / parameters);
    let share = rows.div_ceil(rayon::current_num_threads()).max(1);
    let of_share = |kept: &[f32]| {
        let pairs = || kept.chunks(parameters).flat_map(|a| new.chunks(parameters).map(move |b| (a, b)));
        let mut sums = vec![[0.0; LANES]; kept.len() / parameters * columns];
        for from in (0..parameters).step_by(TILE) {
            let tile = from..(from + TILE).min(parameters);
            for (lanes, (a, b)) in sums.iter_mut().zip(pairs()) {
                dispatch(AddProducts { lanes, a: &a[tile.clone()], b: &b[tile.clone()] });
            }
        }
        let sums = sums.chunks(columns).map(|sums| sums.iter().map(|lanes| combine(*lanes)).collect());
        sums.collect::<Vec<_>>()
    };
    kept.par_chunks(share * parameters).flat_map_iter(of_share).collect()
}

/// Adds `a_j b_j` to lane `j mod 32`.
struct AddProducts<'a> {
    lanes: &'a mut [f64; LANES],
    a: &'a [f32],
    b: &'a [f32],
}

const LANES: usize = 32;

impl Kernel for AddProducts<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let mut lanes = *self.lanes;
        let ((a, a_rest), (b, b_rest)) = (self.a.as_chunks::<LANES>(), self.b.as_chunks::<LANES>());
        for (a, b) in a.iter().zip(b) {
            for l in 0..LANES {
                lanes[l] += f64::from(a[l]) * f64::from(b[l]);
            }
        }
        for (l, (a, b)) in a_rest.iter().zip(b_rest).enumerate() {
            lanes[l] += f64::from(*a) * f64::from(*b);
        }
        *self.lanes = lanes;
    }
}
