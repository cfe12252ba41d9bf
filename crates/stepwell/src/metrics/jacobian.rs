//! The Jacobian of the predictor: its rows, singular values and numerical rank.

use super::column_norms;
use crate::linalg::{Matrix, Tridiagonal, lanes, largest_eigenvalue, singular_values};
use crate::model::Model;
use crate::simd::{Kernel, dispatch};

/// The Jacobian (n x p): row i is the gradient of `h(., x_i)` at `theta`.
pub fn jacobian<M: Model>(model: &M, theta: &[f64], inputs: &Matrix) -> Matrix {
    let mut out = Matrix::zeros(inputs.rows(), model.parameters());
    let mut tape = model.tape();
    for i in 0..inputs.rows() {
        let x = inputs.row(i);
        model.predict(theta, x, &mut tape);
        model.pullback(theta, x, &mut tape, 1.0, out.row_mut(i));
    }
    out
}

/// `|grad h(x_i)|^2` for each row of `inputs`.
pub fn row_norms2<M: Model>(model: &M, theta: &[f64], inputs: &Matrix) -> Vec<f64> {
    let mut gradient = vec![0.0; model.parameters()];
    let mut tape = model.tape();
    let mut norm2 = |x: &[f64]| {
        model.predict(theta, x, &mut tape);
        gradient.fill(0.0);
        model.pullback(theta, x, &mut tape, 1.0, &mut gradient);
        lanes::norm2(&gradient)
    };
    inputs.iter_rows().map(&mut norm2).collect()
}

/// How many of the singular values (largest first) exceed `tol` times the largest.
pub fn rank_of(singular_values: &[f64], tol: f64) -> usize {
    let Some(&largest) = singular_values.first() else { return 0 };
    singular_values.iter().filter(|s| **s > tol * largest).count()
}

/// Numerical rank of the Jacobian on fixed inputs, prepared once for many parameters.
///
/// Source of the metric: Andriushchenko et al., ICML 2023, who count the singular values above `tol` times the largest.
#[derive(Clone, Debug)]
pub struct JacobianRank {
    inputs: Matrix,
    /// `X^T X`, where X has full column rank in numbers of rows.
    gram: Option<Matrix>,
    tol: f64,
}

/// The relative margin of the threshold within which counting is left to the singular values themselves.
const MARGIN: f64 = 1e-7;

impl JacobianRank {
    /// The rank on `inputs` (n x d) at the relative threshold `tol`.
    pub fn new(inputs: Matrix, tol: f64) -> Self {
        let gram = (inputs.rows() >= 2 * inputs.cols()).then(|| {
            let columns = inputs.transposed();
            Matrix::from_fn(inputs.cols(), inputs.cols(), |j, k| lanes::dot(columns.row(j), columns.row(k)))
        });
        Self { inputs, gram, tol }
    }

    /// Singular values of the Jacobian at `theta`, largest first: `min(n, d)` of them for models whose Jacobian has the
    /// Gram matrix `X diag(s^2) X^T` (see [`Model::jacobian_scales`]), where small ones are right to a relative
    /// accuracy; `min(n, p)` for others.
    pub fn singular_values<M: Model>(&self, model: &M, theta: &[f64]) -> Vec<f64> {
        match model.jacobian_scales(theta) {
            Some(s) => {
                singular_values(&Matrix::from_fn(self.inputs.rows(), s.len(), |i, j| self.inputs.row(i)[j] * s[j]))
            }
            None => singular_values(&jacobian(model, theta, &self.inputs)),
        }
    }

    /// How many singular values of the Jacobian at `theta` exceed `tol` times the largest.
    ///
    /// `X diag(s)` is not decomposed where that is not needed: by Sylvester's law of inertia the number of its singular
    /// values above `tau` is the number of positive eigenvalues of `X^T X - tau^2 diag(s)^-2`, whose signs an LDL^T
    /// factorization tells. It is asked for slightly smaller and larger thresholds; where the answers differ,
    /// the singular values decide. Other Jacobians are squared: at thresholds well above the round-off of that, the
    /// eigenvalues of `J J^T` above `tol^2` times the largest are counted, with the same caution.
    pub fn rank<M: Model>(&self, model: &M, theta: &[f64]) -> usize {
        let counted = match model.jacobian_scales(theta) {
            Some(_) => self.rank_by_inertia(model, theta),
            None if self.tol >= LEAST_SQUARED => dispatch(RankByGram { rank: self, model, theta }),
            None => None,
        };
        counted.unwrap_or_else(|| rank_of(&self.singular_values(model, theta), self.tol))
    }

    /// The relative threshold.
    pub fn tol(&self) -> f64 {
        self.tol
    }

    /// The inputs (n x d).
    pub fn inputs(&self) -> &Matrix {
        &self.inputs
    }

    /// Euclidean norms of the Jacobian's columns, one per parameter.
    pub fn column_norms<M: Model>(&self, model: &M, theta: &[f64]) -> Vec<f64> {
        column_norms(&jacobian(model, theta, &self.inputs))
    }

    fn rank_by_inertia<M: Model>(&self, model: &M, theta: &[f64]) -> Option<usize> {
        let gram = self.gram.as_ref()?;
        let scales = model.jacobian_scales(theta)?;
        let most = scales.iter().fold(0.0_f64, |m, s| m.max(*s));
        if !(most > 0.0 && most.is_finite()) {
            return None;
        }
        let relative: Vec<f64> = scales.iter().map(|s| s / most).collect();
        let mut scaled = vec![0.0; relative.len()];
        let top = largest_eigenvalue(relative.len(), MARGIN * 1e-2, 200, |v, out| {
            dispatch(ScaledGram { gram, scales: &relative, v, scaled: &mut scaled, out });
        });
        if top.residual.is_nan() || top.residual > MARGIN * top.value {
            return None;
        }
        let tau2 = self.tol * self.tol * top.value;
        let trace: f64 = (0..gram.rows()).map(|j| gram.row(j)[j]).sum();
        let count = |tau2: f64| dispatch(CountAbove { gram, s: &relative, tau2, trace });
        let (low, high) = (count(tau2 * (1.0 - 4.0 * MARGIN)), count(tau2 * (1.0 + 4.0 * MARGIN)));
        (low == high).then_some(low)
    }
}

/// `out = D G D v` with the Gram matrix G and `D = diag(scales)`.
struct ScaledGram<'a> {
    gram: &'a Matrix,
    scales: &'a [f64],
    v: &'a [f64],
    scaled: &'a mut [f64],
    out: &'a mut [f64],
}

impl Kernel for ScaledGram<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for ((scaled, s), v) in self.scaled.iter_mut().zip(self.scales).zip(self.v) {
            *scaled = s * v;
        }
        for (j, (out, s)) in self.out.iter_mut().zip(self.scales).enumerate() {
            *out = s * lanes::dot(self.gram.row(j), self.scaled);
        }
    }
}

/// Positive pivots of `gram - tau2 diag(s)^-2`. The most negative diagonals are eliminated first, which leaves
/// positive definite rests; those below `-1e20 trace` change nothing that follows and are left out.
struct CountAbove<'a> {
    gram: &'a Matrix,
    s: &'a [f64],
    tau2: f64,
    trace: f64,
}

impl Kernel for CountAbove<'_> {
    type Output = usize;

    #[inline(always)]
    fn run(self) -> usize {
        let Self { gram, s, tau2, trace } = self;
        let shift = |j: usize| tau2 / s[j] / s[j];
        let mut order: Vec<usize> = (0..s.len()).filter(|&j| shift(j) < 1e20 * trace).collect();
        order.sort_by(|&a, &b| s[a].total_cmp(&s[b]));
        let m = order.len();
        // the upper triangle is enough
        let mut a = Matrix::zeros(m, m);
        for (i, &row) in order.iter().enumerate() {
            let gram = gram.row(row);
            for (out, &column) in a.row_mut(i)[i..].iter_mut().zip(&order[i..]) {
                *out = gram[column];
            }
            a.row_mut(i)[i] -= shift(row);
        }
        let mut positive = 0;
        for k in 0..m {
            let pivot = a.row(k)[k];
            positive += usize::from(pivot > 0.0);
            let pivot = if pivot == 0.0 { -f64::EPSILON * trace } else { pivot };
            for i in k + 1..m {
                let (upper, row) = a.two_rows_mut(k, i);
                let factor = upper[i] / pivot;
                lanes::add_scaled(&mut row[i..], -factor, &upper[i..]);
            }
        }
        positive
    }
}

/// The smallest threshold whose square lies far enough above the round-off of a Gram matrix.
const LEAST_SQUARED: f64 = 1e-5;

struct RankByGram<'a, M> {
    rank: &'a JacobianRank,
    model: &'a M,
    theta: &'a [f64],
}

impl<M: Model> Kernel for RankByGram<'_, M> {
    type Output = Option<usize>;

    #[inline(always)]
    fn run(self) -> Option<usize> {
        let full = jacobian(self.model, self.theta, &self.rank.inputs);
        let rows = if full.rows() > full.cols() { full.transposed() } else { full };
        let n = rows.rows();
        let mut gram = Matrix::zeros(n, n);
        for i in 0..n {
            for j in 0..=i {
                let product = lanes::dot(rows.row(i), rows.row(j));
                gram.row_mut(i)[j] = product;
                gram.row_mut(j)[i] = product;
            }
        }
        // entries that are not finite, or so small or large that squares are not
        let trace: f64 = (0..n).map(|i| gram.row(i)[i]).sum();
        if !(trace > 1e-100 && trace < 1e100) {
            return None;
        }
        let tridiagonal = Tridiagonal::of(gram);
        let tau2 = self.rank.tol * self.rank.tol * tridiagonal.largest();
        // round-off of the Gram matrix and its reduction, with room to spare
        let margin = (4.0 * MARGIN).max(64.0 * f64::EPSILON * n as f64 / (self.rank.tol * self.rank.tol));
        let (low, high) =
            (tridiagonal.count_above(tau2 * (1.0 - margin)), tridiagonal.count_above(tau2 * (1.0 + margin)));
        (low == high).then_some(low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{DiagonalLinear, FullyConnected};
    use crate::rng::{Purpose, Stream};

    #[test]
    fn jacobian_has_the_gram_matrix_of_its_scales() {
        let (n, d) = (7, 5);
        let mut stream = Stream::new(2, Purpose::Data);
        let x = Matrix::from_fn(n, d, |_, _| stream.normal());
        let theta: Vec<f64> = (0..2 * d).map(|_| stream.normal()).collect();
        let model = DiagonalLinear::new(d);
        let full = singular_values(&jacobian(&model, &theta, &x));
        let short = JacobianRank::new(x.clone(), 1e-15).singular_values(&model, &theta);
        for (a, b) in full.iter().zip(&short) {
            assert!((a / b - 1.0).abs() < 1e-13);
        }
        let norms = row_norms2(&model, &theta, &x);
        let total: f64 = short.iter().map(|s| s * s).sum();
        assert!((norms.iter().sum::<f64>() / total - 1.0).abs() < 1e-13);
    }

    /// Inertia against the singular values, over scales that fall through the threshold.
    #[test]
    fn inertia_counts_what_the_singular_values_count() {
        let (n, d) = (60, 25);
        let mut stream = Stream::new(4, Purpose::Data);
        let x = Matrix::from_fn(n, d, |_, _| stream.normal());
        let model = DiagonalLinear::new(d);
        let prepared = JacobianRank::new(x, 1e-15);
        let mut by_inertia = 0;
        for trial in 0..200 {
            let spread = 0.3 * f64::from(trial);
            let theta: Vec<f64> = (0..2 * d).map(|_| libm::pow(10.0, -spread * stream.uniform())).collect();
            let expected = rank_of(&prepared.singular_values(&model, &theta), 1e-15);
            assert_eq!(prepared.rank(&model, &theta), expected);
            by_inertia += usize::from(prepared.rank_by_inertia(&model, &theta).is_some());
        }
        assert!(by_inertia > 190, "the fast path answered only {by_inertia} of 200");
    }

    /// Counting eigenvalues of the Gram matrix against the singular values, on networks of falling rank.
    #[test]
    fn gram_counts_what_the_singular_values_count() {
        let mut stream = Stream::new(6, Purpose::Data);
        let x = Matrix::from_fn(70, 3, |_, _| stream.normal());
        let model = FullyConnected::new(3, &[12], &[true, false]);
        let prepared = JacobianRank::new(x, 1e-4);
        let mut counted = 0;
        for trial in 0..40 {
            let spread = 0.15 * f64::from(trial);
            let theta: Vec<f64> = (0..model.parameters())
                .map(|_| stream.normal() * libm::pow(10.0, -spread * stream.uniform()))
                .collect();
            let expected = rank_of(&prepared.singular_values(&model, &theta), 1e-4);
            assert_eq!(prepared.rank(&model, &theta), expected);
            let fast = dispatch(RankByGram { rank: &prepared, model: &model, theta: &theta });
            counted += usize::from(fast.is_some());
        }
        assert!(counted > 35, "the fast path answered only {counted} of 40");
    }

    #[test]
    fn rank_of_nothing_and_of_zero() {
        assert_eq!(rank_of(&[], 1e-3), 0);
        assert_eq!(rank_of(&[0.0, 0.0], 1e-3), 0);
        assert_eq!(rank_of(&[2.0, 1.0, 1e-3], 1e-3), 2);
    }
}
