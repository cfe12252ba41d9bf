//! The diagonal linear network: `h = <u * v, x>` with `theta = [u, v]`.

use super::{Features, Model};
use crate::linalg::lanes::{self, LANES, combine, for_lanes};

/// `h(u, v; x) = sum_j u_j v_j x_j`, p = 2d parameters, `theta = [u_1..u_d, v_1..v_d]`.
///
/// `dh/du_j = v_j x_j`, `dh/dv_j = u_j x_j`. Source: section 3 of Andriushchenko et al., ICML 2023.
#[derive(Clone, Debug)]
pub struct DiagonalLinear {
    d: usize,
}

impl DiagonalLinear {
    /// A diagonal network of `d` inputs.
    pub fn new(d: usize) -> Self {
        Self { d }
    }
}

impl Model for DiagonalLinear {
    type Tape = ();

    fn parameters(&self) -> usize {
        2 * self.d
    }

    fn inputs(&self) -> usize {
        self.d
    }

    fn tape(&self) {}

    #[inline(always)]
    fn predict(&self, theta: &[f64], x: &[f64], _: &mut ()) -> f64 {
        let (u, v) = theta.split_at(self.d);
        lanes::dot3(u, v, x)
    }

    #[inline(always)]
    fn pullback(&self, theta: &[f64], x: &[f64], _: &(), w: f64, out: &mut [f64]) {
        let d = x.len();
        assert!(d == self.d && theta.len() == 2 * d && out.len() == 2 * d);
        let (u, v) = theta.split_at(d);
        let (out_u, out_v) = out.split_at_mut(d);
        for j in 0..d {
            let g = w * x[j];
            out_u[j] += g * v[j];
            out_v[j] += g * u[j];
        }
    }

    fn curvature(&self, _: &[f64], x: &[f64], _: &(), w: f64, v: &[f64], out: &mut [f64]) {
        let (v_u, v_v) = v.split_at(self.d);
        let (out_u, out_v) = out.split_at_mut(self.d);
        for j in 0..self.d {
            let g = w * x[j];
            out_u[j] += g * v_v[j];
            out_v[j] += g * v_u[j];
        }
    }

    /// Update and next prediction in one pass: each parameter is loaded and stored once a step.
    #[inline(always)]
    fn step_and_predict(&self, theta: &mut [f64], x: &[f64], _: &mut (), w: f64, next_x: &[f64], _: &mut [f64]) -> f64 {
        let d = x.len();
        assert!(theta.len() == 2 * d && next_x.len() == d);
        let (u, v) = theta.split_at_mut(d);
        let mut acc = [0.0; LANES];
        let end = for_lanes!(d, |from, to, LANE| {
            let (u, v) = (&mut u[from..to], &mut v[from..to]);
            let (x, next_x) = (&x[from..to], &next_x[from..to]);
            for l in 0..x.len() {
                let g = w * x[l];
                let (old_u, old_v) = (u[l], v[l]);
                u[l] = old_u - g * old_v;
                v[l] = old_v - g * old_u;
                acc[LANE + l] += (u[l] * v[l]) * next_x[l];
            }
        });
        for j in end..d {
            let g = w * x[j];
            let (old_u, old_v) = (u[j], v[j]);
            u[j] = old_u - g * old_v;
            v[j] = old_v - g * old_u;
            acc[j % LANES] += (u[j] * v[j]) * next_x[j];
        }
        combine(acc)
    }

    fn coefficients(&self, theta: &[f64]) -> Option<Vec<f64>> {
        let (u, v) = theta.split_at(self.d);
        Some(u.iter().zip(v).map(|(u, v)| u * v).collect())
    }

    /// The Jacobian `[X D_v, X D_u]` has the Gram matrix `X diag(u^2 + v^2) X^T`.
    fn jacobian_scales(&self, theta: &[f64]) -> Option<Vec<f64>> {
        let (u, v) = theta.split_at(self.d);
        Some(u.iter().zip(v).map(|(u, v)| libm::hypot(*u, *v)).collect())
    }
}

/// The hidden layer has d neurons with the activations `u_j x_j`.
impl Features for DiagonalLinear {
    fn layers(&self) -> Vec<usize> {
        vec![self.d]
    }

    fn features(&self, theta: &[f64], x: &[f64], _: usize, out: &mut [f64]) {
        for ((out, u), x) in out.iter_mut().zip(theta).zip(x) {
            *out = u * x;
        }
    }
}
