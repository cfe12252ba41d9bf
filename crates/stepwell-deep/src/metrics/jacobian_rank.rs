//! The singular values of a network's Jacobian, through the Gram matrix of per-sample gradients.

use rayon::prelude::*;
use stepwell::linalg::{Matrix, singular_values};
use stepwell::metrics::{effective_rank, rank_of};
use stepwell::rng::{Purpose, Stream};
use stepwell::simd::{Kernel, dispatch};

use crate::data::Images;
use crate::engine::Device;
use crate::network::{Mode, Network, Weights};
use crate::training::inputs;

/// How large a singular value must be, relative to the largest, to count: `sqrt(2^-23)`, 3.5e-4. Gradients are sums in
/// single precision, right to some 1e-6 of their norm, and n rows of that error make singular values up to `sqrt(n)` times as
/// large: below 1e-4 of the largest they may be round-off.
pub const RANK_TOLERANCE: f64 = 3.452_669_830_012_439e-4;

/// Bytes of gradients that [`jacobian_rank`] keeps at a time.
const MEMORY: usize = 2 << 30;

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
/// At most 2 GiB of gradients are kept; where that is less than all of J, rows are computed again, `n (1 + k) / 2` gradients
/// for k blocks.
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
    let block = (memory / (4 * parameters)).clamp(1, n.max(1));
    let mut gram = Matrix::zeros(n, n);
    for from in (0..n).step_by(block) {
        let mut kept: Vec<Vec<f32>> = Vec::with_capacity(block);
        for i in from..n {
            let new = row(i);
            let mut fill = |i: usize, dots: Vec<f64>| {
                for (j, dot) in (from..).zip(dots) {
                    gram.row_mut(i)[j] = dot;
                    gram.row_mut(j)[i] = dot;
                }
            };
            if kept.len() < block {
                kept.push(new);
                fill(i, kept.par_iter().map(|other| dispatch(Dot(&kept[i - from], other))).collect());
            } else {
                fill(i, kept.par_iter().map(|other| dispatch(Dot(&new, other))).collect());
            }
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

/// `sum_j a_j b_j` in double precision, in 32 lanes.
struct Dot<'a>(&'a [f32], &'a [f32]);

const LANES: usize = 32;

impl Kernel for Dot<'_> {
    type Output = f64;

    #[inline(always)]
    fn run(self) -> f64 {
        let mut lanes = [0.0_f64; LANES];
        let ((a, a_rest), (b, b_rest)) = (self.0.as_chunks::<LANES>(), self.1.as_chunks::<LANES>());
        for (a, b) in a.iter().zip(b) {
            for l in 0..LANES {
                lanes[l] += f64::from(a[l]) * f64::from(b[l]);
            }
        }
        for (l, (a, b)) in a_rest.iter().zip(b_rest).enumerate() {
            lanes[l] += f64::from(*a) * f64::from(*b);
        }
        stepwell::linalg::lanes::combine(lanes)
    }
}
