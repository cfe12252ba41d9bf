//! The largest eigenvalue of a symmetric operator by Lanczos' method with full reorthogonalization.

use super::lanes;
use super::symmetric::sturm_pivots;
use crate::rng::{Purpose, Stream};
use crate::simd::{Kernel, dispatch};

/// The largest eigenvalue that was found, and how good it is.
#[derive(Clone, Debug)]
pub struct Extreme {
    /// The eigenvalue.
    pub value: f64,
    /// Its eigenvector, of norm 1.
    pub vector: Vec<f64>,
    /// `|A v - value v|`: some eigenvalue lies within this distance of `value`.
    pub residual: f64,
    /// How many times the operator was applied.
    pub iterations: usize,
}

/// The largest eigenvalue of a symmetric operator on `R^dim`, given as `apply(v, out)` with `out = A v`.
///
/// Stops when the residual is below `tolerance` times the value, when the space is exhausted (then the value is exact up
/// to round-off) or after `max_iterations`. The start is random from a fixed stream. Non-finite operators give NaN.
pub fn largest_eigenvalue(
    dim: usize,
    tolerance: f64,
    max_iterations: usize,
    mut apply: impl FnMut(&[f64], &mut [f64]),
) -> Extreme {
    let mut stream = Stream::new(0, Purpose::Probe);
    let mut v: Vec<f64> = (0..dim).map(|_| stream.normal()).collect();
    let norm = lanes::norm2(&v).sqrt();
    scale(&mut v, 1.0 / norm);
    let (mut basis, mut alpha, mut beta) = (vec![v], Vec::new(), Vec::new());
    let mut w = vec![0.0; dim];
    loop {
        let k = basis.len();
        apply(&basis[k - 1], &mut w);
        alpha.push(lanes::dot(&basis[k - 1], &w));
        dispatch(Orthogonalize { basis: &basis, w: &mut w });
        let rest = lanes::norm2(&w).sqrt();
        let magnitude = alpha.iter().chain(&beta).fold(0.0_f64, |m, a| m.max(a.abs()));
        let exhausted = k == dim || rest <= 1e-14 * magnitude || !rest.is_finite();
        if exhausted || k >= max_iterations || k.is_multiple_of(5) {
            let (value, s) = largest_of_tridiagonal(&alpha, &beta);
            let residual = rest * s[k - 1].abs();
            if exhausted || k >= max_iterations || residual <= tolerance * value.abs() {
                let mut vector = vec![0.0; dim];
                for (s, q) in s.iter().zip(&basis) {
                    lanes::add_scaled(&mut vector, *s, q);
                }
                return Extreme { value, vector, residual, iterations: k };
            }
        }
        beta.push(rest);
        let mut next = w.clone();
        scale(&mut next, 1.0 / rest);
        basis.push(next);
    }
}

/// Takes from `w` its projections on an orthonormal basis; twice is enough (Parlett).
struct Orthogonalize<'a> {
    basis: &'a [Vec<f64>],
    w: &'a mut [f64],
}

impl Kernel for Orthogonalize<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for _ in 0..2 {
            for q in self.basis {
                let projection = lanes::dot(q, self.w);
                lanes::add_scaled(self.w, -projection, q);
            }
        }
    }
}

fn scale(v: &mut [f64], a: f64) {
    v.iter_mut().for_each(|v| *v *= a);
}

/// The largest eigenvalue of a symmetric tridiagonal matrix by bisection, its vector by inverse iteration.
fn largest_of_tridiagonal(alpha: &[f64], beta: &[f64]) -> (f64, Vec<f64>) {
    let n = alpha.len();
    let beta_at = |i: usize| beta.get(i).map_or(0.0, |b: &f64| b.abs());
    let radius = |i: usize| if i == 0 { 0.0 } else { beta_at(i - 1) } + beta_at(i);
    let bound = |sign: f64| (0..n).map(|i| sign * alpha[i] + radius(i)).fold(f64::NEG_INFINITY, f64::max);
    let (mut low, mut high) = (-bound(-1.0), bound(1.0));
    if !(high - low).is_finite() {
        return (f64::NAN, vec![f64::NAN; n]);
    }
    let any_above = |x: f64| sturm_pivots(alpha, beta, x).any(|pivot| pivot > 0.0);
    loop {
        let middle = low + 0.5 * (high - low);
        if middle <= low || middle >= high {
            break;
        }
        if any_above(middle) { low = middle } else { high = middle }
    }
    (high, tridiagonal_vector(alpha, beta, high))
}

/// Two inverse iterations at the largest eigenvalue; from above, `x - T` is positive definite and needs no pivoting.
fn tridiagonal_vector(alpha: &[f64], beta: &[f64], eigenvalue: f64) -> Vec<f64> {
    let n = alpha.len();
    let magnitude = alpha.iter().chain(beta).fold(f64::MIN_POSITIVE, |m, a| m.max(a.abs()));
    let x = eigenvalue + 4.0 * f64::EPSILON * magnitude;
    let mut pivots = vec![0.0; n];
    for i in 0..n {
        let previous = if i == 0 { 0.0 } else { beta[i - 1] * (beta[i - 1] / pivots[i - 1]) };
        pivots[i] = (x - alpha[i] - previous).max(f64::EPSILON * magnitude * 1e-3);
    }
    let mut s = vec![1.0; n];
    for _ in 0..3 {
        for i in 1..n {
            s[i] += beta[i - 1] / pivots[i - 1] * s[i - 1];
        }
        s[n - 1] /= pivots[n - 1];
        for i in (0..n - 1).rev() {
            s[i] = s[i] / pivots[i] + beta[i] / pivots[i] * s[i + 1];
        }
        let norm = lanes::norm2(&s).sqrt();
        scale(&mut s, 1.0 / norm);
    }
    s
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The second difference matrix of size n has the largest eigenvalue `2 - 2 cos(n pi / (n + 1))`.
    #[test]
    fn second_difference() {
        let n = 50;
        let found = largest_eigenvalue(n, 1e-13, 500, |v, out| {
            for i in 0..n {
                let left = if i > 0 { v[i - 1] } else { 0.0 };
                let right = if i + 1 < n { v[i + 1] } else { 0.0 };
                out[i] = 2.0 * v[i] - left - right;
            }
        });
        let expected = 2.0 - 2.0 * libm::cos(core::f64::consts::PI * n as f64 / (n + 1) as f64);
        assert!((found.value - expected).abs() < 1e-12, "{} {expected}", found.value);
        assert!(found.residual < 1e-10, "{}", found.residual);
    }

    #[test]
    fn small_diagonal_and_negative_operators() {
        let diagonal = |d: &'static [f64]| {
            largest_eigenvalue(d.len(), 1e-12, 100, move |v, out| {
                for i in 0..d.len() {
                    out[i] = d[i] * v[i];
                }
            })
        };
        assert!((diagonal(&[3.0]).value - 3.0).abs() < 1e-15);
        assert!((diagonal(&[-2.0, -7.0]).value + 2.0).abs() < 1e-14);
        let found = diagonal(&[1.0, 5.0, 2.0]);
        assert!((found.value - 5.0).abs() < 1e-13 && (found.vector[1].abs() - 1.0).abs() < 1e-6);
        assert!(diagonal(&[0.0, 0.0]).value.abs() < 1e-300);
    }
}
