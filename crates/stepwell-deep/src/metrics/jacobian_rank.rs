//! The singular values of a network's Jacobian, through the Gram matrix of per-sample gradients.

use std::ops::Range;

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
    let row = |i: usize| {
        let image = inputs(network, images, i, i + 1, device);
        network.pullback(weights, image, combination.clone(), Mode::Evaluate).flat()
    };
    let threads = if on_processor(device) { rayon::current_num_threads().min(TOGETHER) } else { 1 };
    let block = (memory / (4 * parameters)).clamp(1, n.max(1));
    let mut gram = Matrix::zeros(n, n);
    for from in (0..n).step_by(block) {
        let kept = side_by_side(from..(from + block).min(n), threads, &row);
        let mut fill = |start: usize, new: &[Vec<f32>], kept: &[Vec<f32>]| {
            for (j, dots) in (from..).zip(inner_products(kept, new)) {
                for (i, dot) in (start..).zip(dots) {
                    gram.row_mut(i)[j] = dot;
                    gram.row_mut(j)[i] = dot;
                }
            }
        };
        for (k, new) in kept.chunks(TOGETHER).enumerate() {
            fill(from + k * TOGETHER, new, &kept[..k * TOGETHER + new.len()]);
        }
        for start in (from + kept.len()..n).step_by(TOGETHER) {
            fill(start, &side_by_side(start..(start + TOGETHER).min(n), threads, &row), &kept);
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

/// `f` of each number of a range, in order, on so many threads. They are none of the pool's, which the network's own sums
/// are shared among.
fn side_by_side<T: Send>(range: Range<usize>, threads: usize, f: &(impl Fn(usize) -> T + Sync)) -> Vec<T> {
    if threads <= 1 {
        return range.map(f).collect();
    }
    let mut parts: Vec<_> = std::thread::scope(|scope| {
        let start = |t: usize| {
            let every = range.clone().skip(t).step_by(threads);
            scope.spawn(move || every.map(f).collect::<Vec<T>>())
        };
        let running: Vec<_> = (0..threads).map(start).collect();
        running.into_iter().map(|thread| thread.join().expect("a thread ends").into_iter()).collect()
    });
    (0..range.len()).filter_map(|k| parts[k % threads].next()).collect()
}

/// The inner products of each of `kept` with each of `new`, in double precision, entry j in lane `j mod 32`.
fn inner_products(kept: &[Vec<f32>], new: &[Vec<f32>]) -> Vec<Vec<f64>> {
    let share = kept.len().div_ceil(rayon::current_num_threads()).max(1);
    let of_share = |kept: &[Vec<f32>]| {
        let pairs = || kept.iter().flat_map(|a| new.iter().map(move |b| (a, b)));
        let mut sums = vec![[0.0; LANES]; kept.len() * new.len()];
        for from in (0..new[0].len()).step_by(TILE) {
            let tile = from..(from + TILE).min(new[0].len());
            for (lanes, (a, b)) in sums.iter_mut().zip(pairs()) {
                dispatch(AddProducts { lanes, a: &a[tile.clone()], b: &b[tile.clone()] });
            }
        }
        let sums = sums.chunks(new.len()).map(|sums| sums.iter().map(|lanes| combine(*lanes)).collect());
        sums.collect::<Vec<_>>()
    };
    kept.par_chunks(share).flat_map_iter(of_share).collect()
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
