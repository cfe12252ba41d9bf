//! Batch sharpness: the curvature that mini-batch gradients meet in their own losses.

use crate::linalg::lanes;
use crate::model::Model;
use crate::problem::Problem;
use crate::rng::{Purpose, Stream};
use crate::simd::{Kernel, dispatch};

/// How many batches stand for all, unless they are single samples or the whole set.
const BATCHES: usize = 64;

/// The curvature that batches meet along their own gradients: two means of `g_B^T H_B g_B` over batches B, with gradient `g_B`
/// and Hessian `H_B` of the loss of the batch itself. They differ where large gradients meet more curvature than small ones,
/// and are equal for the whole set as one batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchSharpness {
    /// *Batch sharpness*, the mean of ratios `E_B [g_B^T H_B g_B / |g_B|^2]`: the definition of Andreyev and Beneventano, 2024
    /// (arXiv 2412.20553), who report that SGD keeps it near `2 / eta`. Batches without a gradient are left out.
    pub mean_of_ratios: f64,
    /// *Gradient-weighted batch sharpness*, the ratio of means `E_B [g_B^T H_B g_B] / E_B |g_B|^2`: to second order a step on
    /// a batch lowers the loss of this batch, on average, if and only if this is below `2 / eta`, as
    /// `E [L_B(theta - eta g_B) - L_B(theta)] = -eta E |g_B|^2 + eta^2 / 2 E [g_B^T H_B g_B]`.
    pub ratio_of_means: f64,
}

/// Both means at `theta`, over batches of `size` samples, drawn without replacement.
///
/// Exact for `size` 1 and n; means over 64 random batches from a fixed stream else. NaN where all gradients vanish.
///
/// # Panics
/// If `size` is 0.
pub fn batch_sharpness<M: Model>(problem: &Problem<M>, theta: &[f64], size: usize) -> BatchSharpness {
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
    let (mut curvature, mut square, mut ratios, mut with_gradient) = (0.0, 0.0, 0.0, 0.0);
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
        if norm2 > 0.0 {
            ratios += along / norm2;
            with_gradient += 1.0;
        }
    }
    BatchSharpness { mean_of_ratios: ratios / with_gradient, ratio_of_means: curvature / square }
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
    use crate::model::{DiagonalLinear, FullyConnected, Linear};

    fn problem<M: Model>(model: M, loss: Loss) -> Problem<M> {
        let mut stream = Stream::new(7, Purpose::Data);
        let x = Matrix::from_fn(6, model.inputs(), |_, _| stream.normal());
        let y = (0..6).map(|i| if i % 2 == 0 { 1.0 } else { -1.0 }).collect();
        let train = Samples::new(x, y, ["x", "y"]).unwrap();
        Problem { model, data: Arc::new(Dataset::new(train, None, None).unwrap()), loss }
    }

    /// One sample of linear least squares: `g = r x`, `H = x x^T`, so the means are `1/n sum |x|^2` and
    /// `sum r^2 |x|^4 / sum r^2 |x|^2`.
    #[test]
    fn linear_model_in_closed_form() {
        let problem = problem(Linear::new(3), Loss::HalfMeanSquare);
        let theta = [0.3, -0.2, 1.0];
        let r = problem.residuals(&theta, &problem.data.train);
        let norms: Vec<f64> = problem.data.train.x.iter_rows().map(lanes::norm2).collect();
        let sum = |power: i32| -> f64 {
            (0..6).map(|i| r[i] * r[i] * if power == 4 { norms[i] * norms[i] } else { norms[i] }).sum()
        };
        let found = batch_sharpness(&problem, &theta, 1);
        assert!((found.ratio_of_means / (sum(4) / sum(2)) - 1.0).abs() < 1e-13);
        assert!((found.mean_of_ratios / (norms.iter().sum::<f64>() / 6.0) - 1.0).abs() < 1e-13);
    }

    /// Batches of one on a diagonal network, against both definitions written out: with `J = (v x, u x)` the gradient is `r J` and
    /// the Hessian `J J^T + r [0 X; X 0]`, `X = diag(x)`. The two differ; for the whole set they are one.
    #[test]
    fn the_two_means_differ_for_batches_of_one_and_agree_for_the_whole_set() {
        let problem = problem(DiagonalLinear::new(3), Loss::HalfMeanSquare);
        let theta = [0.7, -0.4, 1.1, 0.2, 0.9, -0.6];
        let (u, v) = theta.split_at(3);
        let train = &problem.data.train;
        let r = problem.residuals(&theta, train);
        let (mut ratios, mut curvature, mut square) = (0.0, 0.0, 0.0);
        for (x, r) in train.x.iter_rows().zip(&r) {
            let norm2: f64 = (0..3).map(|j| x[j] * x[j] * (u[j] * u[j] + v[j] * v[j])).sum();
            let cross: f64 = (0..3).map(|j| 2.0 * x[j] * x[j] * x[j] * u[j] * v[j]).sum();
            let (along, size) = (r * r * (norm2 * norm2 + r * cross), r * r * norm2);
            ratios += along / size / 6.0;
            curvature += along;
            square += size;
        }
        let found = batch_sharpness(&problem, &theta, 1);
        assert!((found.mean_of_ratios / ratios - 1.0).abs() < 1e-12, "{found:?} {ratios}");
        assert!((found.ratio_of_means / (curvature / square) - 1.0).abs() < 1e-12, "{found:?}");
        assert!((found.mean_of_ratios / found.ratio_of_means - 1.0).abs() > 0.1, "{found:?}");
        let whole = batch_sharpness(&problem, &theta, 6);
        assert!((whole.mean_of_ratios / whole.ratio_of_means - 1.0).abs() < 1e-14, "{whole:?}");
    }

    /// What the ratio of means decides: a step of 1.9 (2.1) over it lowers (raises) the loss of the batch, on average.
    #[test]
    fn the_ratio_of_means_tells_where_the_loss_of_batches_falls() {
        let problem = problem(Linear::new(3), Loss::HalfMeanSquare);
        let theta = [0.3, -0.2, 1.0];
        let r = problem.residuals(&theta, &problem.data.train);
        let change = |eta: f64| -> f64 {
            let norms = problem.data.train.x.iter_rows().map(lanes::norm2);
            norms.zip(&r).map(|(x2, r)| 0.5 * r * r * ((1.0 - eta * x2) * (1.0 - eta * x2) - 1.0)).sum()
        };
        let k = batch_sharpness(&problem, &theta, 1).ratio_of_means;
        assert!(change(1.999 / k) < 0.0 && change(2.001 / k) > 0.0);
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
            let found = batch_sharpness(&problem, &theta, 6).ratio_of_means;
            assert!((found - expected).abs() < 1e-6 * expected.abs().max(1.0), "{loss:?}: {found} {expected}");
            assert!(batch_sharpness(&problem, &theta, 2).mean_of_ratios.is_finite());
        }
    }
}
