//! Mean-square stability: the step size up to which the noise of batches leaves a solution attractive.
//!
//! Near a solution the residuals of one step obey `r' = (I - eta c K P_B) r` with the tangent kernel `K = J J^T`, the
//! loss's slope c and the projection `P_B` on the batch, divided by its size. Their second moment `S = E r r^T` obeys
//! `S' = S - eta c/n (K S + S K) + eta^2 c^2 K (a diag(S) + b S) K`, where a and b are those of [`BatchMoments`]. At the
//! threshold some positive S stays as it is; in the eigenbasis of K this becomes an eigenvalue problem for its diagonal
//! alone: `d = M(eta) d`, with M symmetric and with no negative entry.

use crate::dynamics::BatchRule;
use crate::linalg::{Matrix, lanes, largest_eigenvalue, symmetric_eigen};
use crate::metrics::jacobian;
use crate::model::Model;
use crate::problem::Problem;
use crate::simd::{Kernel, dispatch};

/// Moments of a random batch: `E[P S P] = a diag(S) + b S` for the projection P on the batch, divided by its size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchMoments {
    /// The part of the diagonal.
    pub a: f64,
    /// The part of the whole.
    pub b: f64,
}

impl BatchMoments {
    /// All n samples at each step: `a = 0`, `b = 1/n^2`.
    pub fn all(n: usize) -> Self {
        let n = n as f64;
        Self { a: 0.0, b: 1.0 / (n * n) }
    }

    /// Batches of `size` out of `n`. With replacement `a = 1/(B n)`, `b = (B - 1)/(B n^2)`; without
    /// `a = (n - B)/(B n (n - 1))`, `b = (B - 1)/(B n (n - 1))`. Epochs count as batches without replacement.
    pub fn of(size: usize, rule: BatchRule, n: usize) -> Self {
        let (batch, n) = (size as f64, n as f64);
        match rule {
            BatchRule::WithReplacement => Self { a: 1.0 / (batch * n), b: (batch - 1.0) / (batch * n * n) },
            BatchRule::WithoutReplacement | BatchRule::Epochs => {
                let pairs = batch * n * (n - 1.0).max(1.0);
                let b = if n == 1.0 { 1.0 } else { (batch - 1.0) / pairs };
                Self { a: (n - batch) / pairs, b }
            }
        }
    }
}

/// More samples than this are not decomposed.
const MOST_SAMPLES: usize = 600;

/// The largest step size at which the solution `theta` is mean-square stable under batches of these moments; for the
/// whole set as one batch it is `2/lambda_max`. Infinite where the Jacobian vanishes; NaN beyond 600 samples.
///
/// The second derivatives of h, which a residual multiplies, are left out: exact where the loss is zero, and for linear
/// models. Source of the criterion: Ma and Ying, 2021 (arXiv 2105.13462); of closed forms for it: Mulayoff and
/// Michaeli, 2024 (arXiv 2306.07850). This one works with n x n matrices, whatever the number of parameters.
pub fn mean_square_threshold<M: Model>(problem: &Problem<M>, theta: &[f64], moments: BatchMoments) -> f64 {
    let n = problem.n();
    if n > MOST_SAMPLES || !theta.iter().all(|t| t.is_finite()) {
        return f64::NAN;
    }
    let kernel = tangent_kernel(problem, theta);
    if !kernel.as_slice().iter().all(|k| k.is_finite()) {
        return f64::NAN;
    }
    let spectrum = Spectrum::of(&kernel);
    let slope = problem.loss.slope() * problem.loss.batch_scale(n);
    spectrum.threshold(moments, n as f64) / slope
}

/// `K_ij = sqrt(c_i c_j) <grad h(x_i), grad h(x_j)>` (n x n) with the curvatures of the loss, 1 for square losses.
fn tangent_kernel<M: Model>(problem: &Problem<M>, theta: &[f64]) -> Matrix {
    let train = &problem.data.train;
    let predictions = problem.predictions(theta, &train.x);
    let weights: Vec<f64> =
        predictions.iter().zip(&train.y).map(|(h, y)| problem.loss.curvature(*h, *y).sqrt()).collect();
    let rows = jacobian(&problem.model, theta, &train.x);
    Matrix::from_fn(rows.rows(), rows.rows(), |i, j| {
        let (i, j) = (i.min(j), i.max(j));
        weights[i] * weights[j] * lanes::dot(rows.row(i), rows.row(j))
    })
}

/// The positive eigenvalues of the kernel with their vectors, one per row.
struct Spectrum {
    values: Vec<f64>,
    vectors: Matrix,
}

impl Spectrum {
    fn of(kernel: &Matrix) -> Self {
        let all = symmetric_eigen(kernel);
        let largest = all.values.first().copied().unwrap_or(0.0);
        let count = all.values.iter().filter(|v| **v > 1e-13 * largest).count();
        Self { values: all.values[..count].to_vec(), vectors: all.vectors.head(count) }
    }

    /// The largest `x = eta c` that is stable: where the radius of M(x) reaches 1. It grows with x.
    fn threshold(&self, BatchMoments { a, b }: BatchMoments, n: f64) -> f64 {
        let Some(&largest) = self.values.first() else { return f64::INFINITY };
        // beyond this the mean is unstable
        let most = if b > 0.0 { 2.0 / (n * b * largest) } else { f64::INFINITY };
        if a == 0.0 {
            return most;
        }
        if b == 0.0 {
            return 1.0 / (a * self.radius(1.0, 0.0, n));
        }
        let (mut low, mut high) = (0.0, most);
        while high - low > 1e-9 * most {
            let middle = 0.5 * (low + high);
            if middle * a * self.radius(middle, b, n) < 1.0 { low = middle } else { high = middle }
        }
        0.5 * (low + high)
    }

    /// The largest eigenvalue of `d -> diag(Q (W * Q^T diag(d) Q) Q^T)`,
    /// `W_kl = l_k l_l / ((l_k + l_l)/n - x b l_k l_l)` for eigenvalues `l` and vectors Q of the kernel.
    fn radius(&self, x: f64, b: f64, n: f64) -> f64 {
        let rank = self.values.len();
        let weights = Matrix::from_fn(rank, rank, |k, l| {
            let (one, other) = (self.values[k], self.values[l]);
            one * other / ((one + other) / n - x * b * one * other)
        });
        let apply = |d: &[f64], out: &mut [f64]| dispatch(Apply { vectors: &self.vectors, weights: &weights, d, out });
        largest_eigenvalue(self.vectors.cols(), 1e-10, 200, apply).value
    }
}

/// `out = diag(Q (W * Q^T diag(d) Q) Q^T)`; row k of `vectors` is column k of Q.
struct Apply<'a> {
    vectors: &'a Matrix,
    weights: &'a Matrix,
    d: &'a [f64],
    out: &'a mut [f64],
}

impl Kernel for Apply<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let n = self.d.len();
        let (mut scaled, mut row) = (vec![0.0; n], vec![0.0; n]);
        self.out.fill(0.0);
        for (k, vector) in self.vectors.iter_rows().enumerate() {
            for ((scaled, v), d) in scaled.iter_mut().zip(vector).zip(self.d) {
                *scaled = v * d;
            }
            row.fill(0.0);
            for (l, other) in self.vectors.iter_rows().enumerate() {
                lanes::add_scaled(&mut row, self.weights.row(k)[l] * lanes::dot(&scaled, other), other);
            }
            for ((out, v), r) in self.out.iter_mut().zip(vector).zip(&row) {
                *out += v * r;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::data::{Dataset, Samples};
    use crate::loss::Loss;
    use crate::metrics::sharpness;
    use crate::model::{DiagonalLinear, Linear};
    use crate::rng::{Purpose, Stream};

    fn regression<M: Model>(model: M, x: Matrix, loss: Loss) -> Problem<M> {
        let y = vec![0.0; x.rows()];
        let train = Samples::new(x, y, ["x", "y"]).unwrap();
        Problem { model, data: Arc::new(Dataset::new(train, None, None).unwrap()), loss }
    }

    fn normal(n: usize, d: usize) -> Matrix {
        let mut stream = Stream::new(5, Purpose::Data);
        Matrix::from_fn(n, d, |_, _| stream.normal())
    }

    /// All batches of two out of n, or all single samples, as index lists of equal probability.
    fn batches(n: usize, size: usize, rule: BatchRule) -> Vec<Vec<usize>> {
        let pairs = (0..n * n).map(|k| vec![k / n, k % n]);
        match (size, rule) {
            (1, _) => (0..n).map(|i| vec![i]).collect(),
            (_, BatchRule::WithReplacement) => pairs.collect(),
            _ => pairs.filter(|pair| pair[0] != pair[1]).collect(),
        }
    }

    /// The growth of `E delta delta^T` per step, in the long run: the operator itself, applied batch by batch.
    fn growth(x: &Matrix, eta: f64, batches: &[Vec<usize>]) -> f64 {
        let d = x.cols();
        let mut moment = Matrix::from_fn(d, d, |j, k| if j == k { 1.0 } else { 0.0 });
        let mut growth = 0.0;
        for _ in 0..400 {
            let mut next = vec![0.0; d * d];
            for batch in batches {
                let hessian = |j: usize, k: usize| -> f64 {
                    batch.iter().map(|&i| x.row(i)[j] * x.row(i)[k]).sum::<f64>() / batch.len() as f64
                };
                let step = Matrix::from_fn(d, d, |j, k| if j == k { 1.0 } else { 0.0 } - eta * hessian(j, k));
                let left = Matrix::from_fn(d, d, |j, k| lanes::dot(step.row(j), moment.row(k)));
                for (index, out) in next.iter_mut().enumerate() {
                    *out += lanes::dot(left.row(index / d), step.row(index % d)) / batches.len() as f64;
                }
            }
            growth = (0..d).map(|j| next[j * d + j]).sum();
            next.iter_mut().for_each(|v| *v /= growth);
            moment = Matrix::from_rows(d, d, &next);
        }
        growth
    }

    /// The operator's radius is below 1 just below the threshold, above 1 just above; more rows than columns, so that the
    /// kernel is singular.
    #[test]
    fn the_second_moment_stands_still_at_the_threshold() {
        let x = normal(5, 3);
        let problem = regression(Linear::new(3), x.clone(), Loss::HalfMeanSquare);
        let rules =
            [(1, BatchRule::WithReplacement), (2, BatchRule::WithReplacement), (2, BatchRule::WithoutReplacement)];
        for (size, rule) in rules {
            let eta = mean_square_threshold(&problem, &[0.0; 3], BatchMoments::of(size, rule, 5));
            let batches = batches(5, size, rule);
            let (below, above) = (growth(&x, 0.999 * eta, &batches), growth(&x, 1.001 * eta, &batches));
            assert!(below < 1.0 && above > 1.0, "{size} {rule:?}: {below} {above}");
        }
    }

    #[test]
    fn whole_sets_and_orthogonal_samples_in_closed_form() {
        let x = normal(6, 9);
        for loss in [Loss::HalfMeanSquare, Loss::MeanSquare, Loss::SumOfSquares] {
            let problem = regression(DiagonalLinear::new(9), x.clone(), loss);
            let theta = [[0.7; 9], [0.0; 9]].concat();
            let whole = BatchMoments::of(6, BatchRule::WithoutReplacement, 6);
            assert_eq!(whole, BatchMoments { a: 0.0, b: BatchMoments::all(6).b });
            let eta = mean_square_threshold(&problem, &theta, whole);
            assert!((eta * sharpness(&problem, &theta).value / 2.0 - 1.0).abs() < 1e-9, "{loss:?}");
        }
        // residuals of orthogonal samples are scalar recursions r' = (1 - eta k) r
        let orthogonal = Matrix::from_fn(4, 4, |i, j| if i == j { 3.0_f64.sqrt() } else { 0.0 });
        let problem = regression(Linear::new(4), orthogonal, Loss::HalfMeanSquare);
        let eta = mean_square_threshold(&problem, &[0.0; 4], BatchMoments::of(1, BatchRule::WithReplacement, 4));
        assert!((eta - 2.0 / 3.0).abs() < 1e-9, "{eta}");
        let flat = regression(DiagonalLinear::new(9), x, Loss::HalfMeanSquare);
        assert_eq!(mean_square_threshold(&flat, &[0.0; 18], BatchMoments::all(6)), f64::INFINITY);
    }
}
