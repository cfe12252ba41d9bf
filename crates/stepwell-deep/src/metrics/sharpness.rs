//! Sharpness: the largest eigenvalue of the loss Hessian, by Lanczos on differences of gradients.

use stepwell::linalg::{lanes, largest_eigenvalue};

use crate::data::Images;
use crate::engine::{Device, Tensor};
use crate::network::weights::vector;
use crate::network::{Mode, Network, Weights};
use crate::training::inputs;

/// How far `theta` is moved along a direction, relative to its own norm. The differences err by the curvature's own change,
/// of order `r^2`, and by the gradients' round-off over r, some `1e-7 / r`: both are smallest near the cube root of 1e-7.
const RELATIVE_MOVE: f64 = 5e-3;
/// Products at most.
const PRODUCTS: usize = 40;
/// Lanczos stops at this residual, relative to the eigenvalue: no more than the products are worth.
const TOLERANCE: f64 = 1e-2;

/// The largest eigenvalue of a Hessian, with what it may be wrong by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sharpness {
    /// The eigenvalue.
    pub value: f64,
    /// How far some eigenvalue may be from it, by the residual of Lanczos' method.
    pub residual: f64,
    /// How much the curvature along the eigenvector changes if the differences are taken over half of the distance: the
    /// error of the differences, in size. A small network with few samples has kinks of its positive parts within that
    /// distance, and no one curvature: then this is large.
    pub difference_error: f64,
    /// Hessian-vector products that were taken, two gradients each.
    pub products: usize,
}

/// `H v` by central differences, `(g(theta + e v) - g(theta - e v)) / 2e` with `e = relative |theta| / |v|`, where `g` is the
/// gradient of the mean loss.
pub fn hessian_vector(
    network: &Network,
    weights: &Weights,
    batch: (&Tensor<4>, &[usize]),
    mode: Mode,
    v: &[f64],
    relative: f64,
) -> Vec<f64> {
    let norm = lanes::norm2(v).sqrt();
    if norm == 0.0 {
        return vec![0.0; v.len()];
    }
    let theta = weights.flat();
    let theta_norm = theta.iter().map(|t| f64::from(*t) * f64::from(*t)).sum::<f64>().sqrt();
    let move_by = relative * theta_norm.max(f64::MIN_POSITIVE) / norm;
    let gradient_at = |sign: f64| {
        let mut rest = theta.iter().zip(v).map(|(t, v)| (f64::from(*t) + sign * move_by * v) as f32);
        let mut moved = weights.clone();
        for tensor in &mut moved.parameters {
            *tensor = vector(rest.by_ref().take(tensor.dims()[0]).collect(), &tensor.device());
        }
        network.gradient(&moved, batch.0.clone(), batch.1, mode).flat()
    };
    let (ahead, behind) = (gradient_at(1.0), gradient_at(-1.0));
    ahead.iter().zip(behind).map(|(a, b)| (f64::from(*a) - f64::from(b)) / (2.0 * move_by)).collect()
}

/// The largest eigenvalue of the Hessian of the mean loss on the first `count` images, all in one batch. In training mode
/// batch normalization uses the statistics of that batch, as in the loss that SGD descends.
pub fn sharpness(
    network: &Network,
    weights: &Weights,
    images: &Images,
    count: usize,
    mode: Mode,
    device: &Device,
) -> Sharpness {
    let count = count.min(images.len());
    let labels: Vec<usize> = images.labels()[..count].iter().map(|label| usize::from(*label)).collect();
    let batch = inputs(network, images, 0, count, device);
    let product = |v: &[f64], relative| hessian_vector(network, weights, (&batch, &labels), mode, v, relative);
    let dim = network.layout().parameter_count();
    let found = largest_eigenvalue(dim, TOLERANCE, PRODUCTS, |v, out| out.copy_from_slice(&product(v, RELATIVE_MOVE)));
    let closer = lanes::dot(&found.vector, &product(&found.vector, RELATIVE_MOVE / 2.0));
    Sharpness {
        value: found.value,
        residual: found.residual,
        difference_error: (closer - found.value).abs(),
        products: found.iterations + 1,
    }
}
