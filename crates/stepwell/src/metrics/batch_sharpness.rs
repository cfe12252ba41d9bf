//! Batch sharpness: the curvature that mini-batch gradients meet in their own losses.

use crate::linalg::lanes;
use crate::model::Model;
use crate::problem::Problem;
use crate::rng::{Purpose, Stream};
use crate::simd::{Kernel, dispatch};

/// How many batches stand for all, unless they are single samples or the whole set.
const BATCHES: usize = 64;

/// `E_B [g_B^T H_B g_B] / E_B |g_B|^2` with gradient `g_B` and Hessian `H_B` of the loss of a batch B of `size` samples,
/// drawn without replacement.
///
/// Exact for `size` 1 and n; a mean over 64 random batches from a fixed stream else. NaN where all gradients vanish.
/// SGD with large step sizes keeps it near `2 / eta`, with the largest eigenvalue of the whole Hessian below. Source:
/// Andreyev and Beneventano, 2024 (arXiv 2412.20553).
///
/// # Panics
/// If `size` is 0.
pub fn batch_sharpness<M: Model>(problem: &Problem<M>, theta: &[f64], size: usize) -> f64 {
    let n = problem.n();
    let size = size.min(n);
    assert!(size > 0, "a batch has samples");
    let mut stream = Stream::new(0, Purpose::Probe);
    let mut order: Vec<usize> = (0..n).collect();
    let batches = if size == 1 {
        n
    } else if size == n {
        1
    } else {
        BATCHES
    };
    let (mut curvature, mut square) = (0.0, 0.0);
    for b in 0..batches {
        let batch = if size == 1 {
            &order[b..=b]
        } else {
            for k in 0..if size == n { 0 } else { size } {
                let other = k + stream.below((n - k) as u32) as usize;
                order.swap(k, other);
            }
            &order[..size]
        };
        let (along, norm2) = dispatch(AlongGradient { problem, theta, batch });
        curvature += along;
        square += norm2;
    }
    curvature / square
}

/// `g^T H g` and `|g|^2` of a batch's loss.
struct AlongGradient<'a, M> {
    problem: &'a Problem<M>,
    theta: &'a [f64],
    batch: &'a [usize],
}

impl<M: Model> Kernel for AlongGradient<'_, M> {
    type Output = (f64, f64);

    #[inline(always)]
    fn run(self) -> (f64, f64) {
        let Self { problem: Problem { model, data, loss }, theta, batch } = self;
        let samples = &data.train;
        let weight = loss.slope() * loss.batch_scale(samples.len()) / batch.len() as f64;
        let mut tape = model.tape();
        let mut gradient = vec![0.0; theta.len()];
        for &i in batch {
            let r = loss.residual(model.predict(theta, samples.x.row(i), &mut tape), samples.y[i]);
            model.pullback(theta, samples.x.row(i), &mut tape, weight * r, &mut gradient);
        }
        let mut product = vec![0.0; theta.len()];
        let mut row = vec![0.0; theta.len()];
        for &i in batch {
            let (x, y) = (samples.x.row(i), samples.y[i]);
            let h = model.predict(theta, x, &mut tape);
            row.fill(0.0);
            model.pullback(theta, x, &mut tape, 1.0, &mut row);
            let along = weight * loss.curvature(h, y) * lanes::dot(&row, &gradient);
            lanes::add_scaled(&mut product, along, &row);
            model.curvature(theta, x, &mut tape, weight * loss.residual(h, y), &gradient, &mut product);
        }
        (lanes::dot(&gradient, &product), lanes::norm2(&gradient))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::data::{Dataset, Samples};
    use crate::linalg::Matrix;
    use crate::loss::Loss;
    use crate::model::{FullyConnected, Linear};

    fn problem<M: Model>(model: M, loss: Loss) -> Problem<M> {
        let mut stream = Stream::new(7, Purpose::Data);
        let x = Matrix::from_fn(6, model.inputs(), |_, _| stream.normal());
        let y = (0..6).map(|i| if i % 2 == 0 { 1.0 } else { -1.0 }).collect();
        let train = Samples::new(x, y, ["x", "y"]).unwrap();
        Problem { model, data: Arc::new(Dataset::new(train, None, None).unwrap()), loss }
    }

    /// One sample of linear least squares: `g = r x`, `H = x x^T`, so the ratio is `sum r^2 |x|^4 / sum r^2 |x|^2`.
    #[test]
    fn linear_model_in_closed_form() {
        let problem = problem(Linear::new(3), Loss::HalfMeanSquare);
        let theta = [0.3, -0.2, 1.0];
        let r = problem.residuals(&theta, &problem.data.train);
        let norms: Vec<f64> = problem.data.train.x.iter_rows().map(lanes::norm2).collect();
        let sum = |power: i32| -> f64 {
            (0..6).map(|i| r[i] * r[i] * if power == 4 { norms[i] * norms[i] } else { norms[i] }).sum()
        };
        assert!((batch_sharpness(&problem, &theta, 1) / (sum(4) / sum(2)) - 1.0).abs() < 1e-13);
    }

    /// The whole set as one batch: `g^T H g / |g|^2` by a difference of gradients; smaller batches meet more curvature.
    #[test]
    fn whole_set_is_the_curvature_along_the_gradient() {
        for loss in [Loss::MeanSquare, Loss::Logistic] {
            let problem = problem(FullyConnected::new(2, &[7, 5], &[true; 3]), loss);
            let mut stream = Stream::new(3, Purpose::Init);
            let theta: Vec<f64> = (0..problem.model.parameters()).map(|_| 0.7 * stream.normal()).collect();
            let g = problem.gradient(&theta);
            let moved = |s: f64| -> Vec<f64> { theta.iter().zip(&g).map(|(t, g)| t + s * g).collect() };
            let step = 1e-6;
            let (up, down) = (problem.gradient(&moved(step)), problem.gradient(&moved(-step)));
            let product: f64 = (0..g.len()).map(|k| g[k] * (up[k] - down[k]) / (2.0 * step)).sum();
            let expected = product / lanes::norm2(&g);
            let found = batch_sharpness(&problem, &theta, 6);
            assert!((found - expected).abs() < 1e-6 * expected.abs().max(1.0), "{loss:?}: {found} {expected}");
            assert!(batch_sharpness(&problem, &theta, 2).is_finite());
        }
    }
}
