//! The diagonal linear network: `h = <u * v, x>` with `theta = [u, v]`.

use super::{Features, FullStep, Model};
use crate::linalg::lanes::{self, combine_eights};
use crate::linalg::{BLOCK, BlockUpdate, Blocked};
use crate::tensor::{Layout, TensorLayout};

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

    fn layout(&self) -> Layout {
        Layout(["u", "v"].map(|name| TensorLayout::row_major(name, vec![self.d])).into())
    }

    fn tape(&self) {}

    #[inline(always)]
    fn predict(&self, theta: &[f64], x: &[f64], _: &mut ()) -> f64 {
        let (u, v) = theta.split_at(self.d);
        lanes::dot3(u, v, x)
    }

    #[inline(always)]
    fn pullback(&self, theta: &[f64], x: &[f64], _: &mut (), w: f64, out: &mut [f64]) {
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

    fn curvature(&self, _: &[f64], x: &[f64], _: &mut (), w: f64, v: &[f64], out: &mut [f64]) {
        let (v_u, v_v) = v.split_at(self.d);
        let (out_u, out_v) = out.split_at_mut(self.d);
        for j in 0..self.d {
            let g = w * x[j];
            out_u[j] += g * v_v[j];
            out_v[j] += g * v_u[j];
        }
    }

    /// Update and next prediction in one pass: each parameter is loaded and stored once per step.
    #[inline(always)]
    fn step_and_predict(&self, theta: &mut [f64], x: &[f64], _: &mut (), w: f64, next_x: &[f64], _: &mut [f64]) -> f64 {
        let d = x.len();
        assert!(theta.len() == 2 * d && next_x.len() == d);
        let (u, v) = theta.split_at_mut(d);
        let (u, u_rest) = u.as_chunks_mut::<8>();
        let (v, v_rest) = v.as_chunks_mut::<8>();
        let (x, x_rest) = x.as_chunks::<8>();
        let (next_x, next_rest) = next_x.as_chunks::<8>();
        let eights = x.len();
        let (u, v, next_x) = (&mut u[..eights], &mut v[..eights], &next_x[..eights]);
        // lanes 0 to 7, 8 to 15, 16 to 23, 24 to 31
        let mut acc = [[0.0; 8]; 4];
        let mut k = 0;
        while k + 4 <= eights {
            for (lane, acc) in acc.iter_mut().enumerate() {
                let i = k + lane;
                add(acc, step_eight(&mut u[i], &mut v[i], &x[i], &next_x[i], w));
            }
            k += 4;
        }
        for (lane, acc) in acc[..3].iter_mut().enumerate() {
            if k + lane < eights {
                let i = k + lane;
                add(acc, step_eight(&mut u[i], &mut v[i], &x[i], &next_x[i], w));
            }
        }
        if x_rest.is_empty() {
            return combine_eights(acc);
        }
        // a copy, so that the lanes above stay in registers
        let mut last = acc;
        let lane = &mut last[eights % 4];
        for l in 0..x_rest.len() {
            let g = w * x_rest[l];
            let (old_u, old_v) = (u_rest[l], v_rest[l]);
            u_rest[l] = old_u - g * old_v;
            v_rest[l] = old_v - g * old_u;
            lane[l] += (u_rest[l] * v_rest[l]) * next_rest[l];
        }
        combine_eights(last)
    }

    /// One pass over the columns of X: `g = X^T w`, the update of u and v, and `X (u * v)` while the columns are still in
    /// the cache.
    #[inline(always)]
    fn full_step(&self, theta: &mut [f64], _: &mut (), step: FullStep) {
        let FullStep { samples, loss, columns, weights, residuals, lane_sums, .. } = step;
        let (u, v) = theta.split_at_mut(self.d);
        columns.pass(weights, lane_sums, &mut FactorUpdate { u, v });
        Blocked::combine(lane_sums, residuals);
        for (r, y) in residuals.iter_mut().zip(&samples.y) {
            *r = loss.residual(*r, *y);
        }
    }

    fn coefficients(&self, theta: &[f64]) -> Option<Vec<f64>> {
        let (u, v) = theta.split_at(self.d);
        Some(u.iter().zip(v).map(|(u, v)| u * v).collect())
    }

    fn is_product(&self) -> bool {
        true
    }

    /// The Jacobian `[X D_v, X D_u]` has the Gram matrix `X diag(u^2 + v^2) X^T`.
    fn jacobian_scales(&self, theta: &[f64]) -> Option<Vec<f64>> {
        let (u, v) = theta.split_at(self.d);
        Some(u.iter().zip(v).map(|(u, v)| libm::hypot(*u, *v)).collect())
    }

    fn features(&self) -> Option<&dyn Features> {
        Some(self)
    }
}

/// The step on eight coordinates, and their terms of the next prediction. All is loaded before anything is stored, so
/// that it takes one instruction for all eight where there is one.
#[inline(always)]
fn step_eight(u: &mut [f64; 8], v: &mut [f64; 8], x: &[f64; 8], next_x: &[f64; 8], w: f64) -> [f64; 8] {
    let (old_u, old_v, x, next_x) = (*u, *v, *x, *next_x);
    let (mut new_u, mut new_v, mut terms) = ([0.0; 8], [0.0; 8], [0.0; 8]);
    for l in 0..8 {
        let g = w * x[l];
        new_u[l] = old_u[l] - g * old_v[l];
        new_v[l] = old_v[l] - g * old_u[l];
        terms[l] = (new_u[l] * new_v[l]) * next_x[l];
    }
    (*u, *v) = (new_u, new_v);
    terms
}

/// The step of u and v, block by block.
struct FactorUpdate<'a> {
    u: &'a mut [f64],
    v: &'a mut [f64],
}

impl BlockUpdate for FactorUpdate<'_> {
    #[inline(always)]
    fn update(&mut self, block: usize, g: &[f64; BLOCK]) -> [f64; BLOCK] {
        let (from, to) = (block * BLOCK, (block * BLOCK + BLOCK).min(self.u.len()));
        let (u, v) = (&mut self.u[from..to], &mut self.v[from..to]);
        // whole blocks apart: the compiler knows their length
        match (<&mut [f64; BLOCK]>::try_from(&mut *u), <&mut [f64; BLOCK]>::try_from(&mut *v)) {
            (Ok(u), Ok(v)) => update_eight(u, v, g),
            _ => update_rest(u, v, g),
        }
    }
}

/// `u -= g v`, `v -= g u` with the old u; returns the new `u v`.
#[inline(always)]
fn update_eight(u: &mut [f64; BLOCK], v: &mut [f64; BLOCK], g: &[f64; BLOCK]) -> [f64; BLOCK] {
    let (old_u, old_v) = (*u, *v);
    let (mut new_u, mut new_v, mut beta) = ([0.0; BLOCK], [0.0; BLOCK], [0.0; BLOCK]);
    for l in 0..BLOCK {
        new_u[l] = old_u[l] - g[l] * old_v[l];
        new_v[l] = old_v[l] - g[l] * old_u[l];
        beta[l] = new_u[l] * new_v[l];
    }
    (*u, *v) = (new_u, new_v);
    beta
}

/// The same for fewer.
#[inline(always)]
fn update_rest(u: &mut [f64], v: &mut [f64], g: &[f64; BLOCK]) -> [f64; BLOCK] {
    let mut beta = [0.0; BLOCK];
    for l in 0..u.len() {
        (u[l], v[l]) = (u[l] - g[l] * v[l], v[l] - g[l] * u[l]);
        beta[l] = u[l] * v[l];
    }
    beta
}

#[inline(always)]
fn add(acc: &mut [f64; 8], terms: [f64; 8]) {
    for l in 0..8 {
        acc[l] += terms[l];
    }
}

/// The hidden layer has d neurons with the activations `u_j x_j`.
impl Features for DiagonalLinear {
    fn layers(&self) -> Vec<usize> {
        vec![self.d]
    }

    fn activations(&self, theta: &[f64], x: &[f64], _: usize, out: &mut [f64]) {
        for ((out, u), x) in out.iter_mut().zip(theta).zip(x) {
            *out = u * x;
        }
    }
}
