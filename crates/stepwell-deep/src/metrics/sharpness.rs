//! Sharpness and batch sharpness: curvatures of the loss, by differences of gradients.

use stepwell::linalg::{lanes, largest_eigenvalue};
use stepwell::rng::{Purpose, Stream};

use crate::data::Images;
use crate::engine::{Device, Tensor};
use crate::network::weights::vector;
use crate::network::{Mode, Network, Weights};
use crate::training::{inputs, inputs_of};

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

/// A mean over mini-batches, with what it may be wrong by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OverBatches {
    /// The mean; NaN where all gradients vanish.
    pub value: f64,
    /// How much it changes if the differences are taken over half of the distance: their error, in size.
    pub difference_error: f64,
    /// The standard error over so few batches; NaN for one batch.
    pub standard_error: f64,
}

/// The curvature that mini-batch gradients meet in their own losses: the two means of the library's
/// [`BatchSharpness`](stepwell::metrics::BatchSharpness).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchSharpness {
    /// Batch sharpness, `E_B [g_B^T H_B g_B / |g_B|^2]`; batches without a gradient are left out.
    pub mean_of_ratios: OverBatches,
    /// Gradient-weighted batch sharpness, `E_B [g_B^T H_B g_B] / E_B |g_B|^2`.
    pub ratio_of_means: OverBatches,
    /// Batches it was taken on, five gradients each.
    pub batches: usize,
}

/// The mini-batches that batch sharpness is taken on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeBatches {
    /// Images of a batch.
    pub size: usize,
    /// Images of a batch that are in memory at a time, see [`SgdSpec::micro_batch`](crate::training::SgdSpec).
    pub part: usize,
    /// Batches at most: no image is in two of them.
    pub count: usize,
    /// Which images, at random.
    pub seed: u64,
}

impl ProbeBatches {
    /// The images of each batch out of `n`: a random order, cut; a last smaller batch only if it is the first as well.
    fn of(self, n: usize) -> Vec<Vec<usize>> {
        let size = self.size.clamp(1, n.max(1));
        let count = self.count.clamp(1, n.max(1) / size);
        let mut stream = Stream::new(self.seed, Purpose::Probe);
        let mut order: Vec<usize> = (0..n).collect();
        for k in 0..size * count {
            order.swap(k, k + stream.below((n - k) as u32) as usize);
        }
        order[..size * count].chunks(size).map(<[usize]>::to_vec).collect()
    }
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
    difference(weights, v, relative, |moved| network.gradient(moved, batch.0.clone(), batch.1, mode).flat())
}

/// The same of any gradient.
fn difference(weights: &Weights, v: &[f64], relative: f64, gradient: impl Fn(&Weights) -> Vec<f32>) -> Vec<f64> {
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
        gradient(&moved)
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
    let labels = labels_of(images, 0..count);
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

/// Both means of `g_B^T H_B g_B` with gradient `g_B` and Hessian `H_B` of the mean loss of a mini-batch B, the library's
/// [`batch_sharpness`](stepwell::metrics::batch_sharpness), by Hessian-vector products along the gradients.
///
/// Images are taken without augmentation. In training mode batch normalization uses the statistics of each part of a batch,
/// as in training. Source: Andreyev and Beneventano, 2024 (arXiv 2412.20553).
pub fn batch_sharpness(
    network: &Network,
    weights: &Weights,
    images: &Images,
    batches: ProbeBatches,
    mode: Mode,
    device: &Device,
) -> BatchSharpness {
    let along = |batch: &Vec<usize>| {
        let gradient = |weights: &Weights| {
            let mut sum = vec![0.0; network.layout().parameter_count()];
            for part in batch.chunks(batches.part.max(1)) {
                let labels = labels_of(images, part.iter().copied());
                let pixels = inputs_of(network, images, part.iter().copied(), device);
                let share = part.len() as f32 / batch.len() as f32;
                let found = network.gradient(weights, pixels, &labels, mode).flat();
                sum.iter_mut().zip(found).for_each(|(sum, g)| *sum += share * g);
            }
            sum
        };
        let g: Vec<f64> = gradient(weights).into_iter().map(f64::from).collect();
        let curvature = |relative| lanes::dot(&g, &difference(weights, &g, relative, gradient));
        Along { square: lanes::norm2(&g), curvature: curvature(RELATIVE_MOVE), closer: curvature(RELATIVE_MOVE / 2.0) }
    };
    let found: Vec<Along> = batches.of(images.len()).iter().map(along).collect();
    let ratio = |a: &Along| Along { square: 1.0, curvature: a.curvature / a.square, closer: a.closer / a.square };
    let ratios: Vec<Along> = found.iter().filter(|a| a.square > 0.0).map(ratio).collect();
    BatchSharpness {
        mean_of_ratios: ratio_of_means(&ratios),
        ratio_of_means: ratio_of_means(&found),
        batches: found.len(),
    }
}

/// Curvatures over squares, with the standard error of a ratio of two means.
fn ratio_of_means(found: &[Along]) -> OverBatches {
    let sum = |of: fn(&Along) -> f64| found.iter().map(of).sum::<f64>();
    let (k, square) = (found.len() as f64, sum(|a| a.square));
    let value = sum(|a| a.curvature) / square;
    let off: Vec<f64> = found.iter().map(|a| a.curvature - value * a.square).collect();
    OverBatches {
        value,
        difference_error: (sum(|a| a.closer) / square - value).abs(),
        standard_error: if found.len() > 1 { (lanes::norm2(&off) * k / (k - 1.0)).sqrt() / square } else { f64::NAN },
    }
}

/// One batch: `|g|^2`, and `g^T H g` by differences over two distances.
struct Along {
    square: f64,
    curvature: f64,
    closer: f64,
}

fn labels_of(images: &Images, which: impl Iterator<Item = usize>) -> Vec<usize> {
    which.map(|k| usize::from(images.labels()[k])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probe_batches_share_no_image_and_fill_their_size() {
        let batches = |size, count| ProbeBatches { size, part: size, count, seed: 3 }.of(10);
        let sizes = |size, count| batches(size, count).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes(4, 8), [4, 4]);
        assert_eq!(sizes(3, 2), [3, 3]);
        assert_eq!(sizes(20, 8), [10]);
        assert_eq!(sizes(1, 99), [1; 10]);
        let mut all = batches(2, 5).concat();
        assert_eq!(batches(2, 5).concat(), all);
        all.sort_unstable();
        assert_eq!(all, (0..10).collect::<Vec<_>>());
    }
}
