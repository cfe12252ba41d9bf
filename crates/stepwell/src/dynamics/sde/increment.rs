//! One increment of an equation: weighted gradients of all samples, and the terms with second derivatives.

use super::equation::Corrections;
use crate::dynamics::is_bounded;
use crate::linalg::lanes;
use crate::model::Model;
use crate::problem::Problem;

/// The weights of one increment: sample i has `drift r_i + gradient_noise r_i (dB_i - mean dB) + label_noise dB_i`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weights {
    pub drift: f64,
    pub gradient_noise: f64,
    pub label_noise: f64,
}

impl Weights {
    /// All weights; false if a residual or its square is not finite.
    #[inline(always)]
    pub(super) fn of(&self, residuals: &[f64], brownian: &[f64], out: &mut [f64]) -> bool {
        let mean = lanes::sum(brownian) / brownian.len() as f64;
        let mut bounded = true;
        for ((out, &r), &b) in out.iter_mut().zip(residuals).zip(brownian) {
            bounded &= is_bounded(r);
            *out = self.drift * r + self.gradient_noise * (r * (b - mean)) + self.label_noise * b;
        }
        bounded
    }
}

/// Vectors of p numbers to work in.
#[derive(Clone, Debug, Default)]
pub(super) struct Workspace {
    pub sample: Vec<f64>,
    pub direction: Vec<f64>,
    pub first: Vec<f64>,
    pub second: Vec<f64>,
    pub predictor: Vec<f64>,
}

impl Workspace {
    pub(super) fn resize(&mut self, p: usize) {
        for v in [&mut self.sample, &mut self.direction, &mut self.first, &mut self.second, &mut self.predictor] {
            v.resize(p, 0.0);
        }
    }
}

/// `out = sum_i w_i grad h(x_i)` at `theta`.
#[inline(always)]
pub(super) fn weighted_gradients<M: Model>(
    problem: &Problem<M>,
    theta: &[f64],
    tape: &mut M::Tape,
    weights: &[f64],
    out: &mut [f64],
) {
    out.fill(0.0);
    for (x, &w) in problem.data.train.x.iter_rows().zip(weights) {
        problem.model.predict(theta, x, tape);
        problem.model.pullback(theta, x, tape, w, out);
    }
}

/// `out += dt (corrections)` at `theta`, for what is subtracted from theta.
#[inline(always)]
pub(super) fn add_corrections<M: Model>(
    problem: &Problem<M>,
    (theta, residuals): (&[f64], &[f64]),
    tape: &mut M::Tape,
    corrections: Corrections,
    dt: f64,
    space: (&mut [f64], &mut [f64]),
    out: &mut [f64],
) {
    let (sample, direction) = space;
    let n = residuals.len() as f64;
    let slope = problem.loss.slope() * problem.loss.batch_scale(residuals.len());
    let train = &problem.data.train;
    if corrections.hessian_gradient != 0.0 {
        direction.fill(0.0);
        for (x, r) in train.x.iter_rows().zip(residuals) {
            problem.model.predict(theta, x, tape);
            problem.model.pullback(theta, x, tape, slope / n * r, direction);
        }
    }
    // H_i = slope (curvature grad h grad h^T + r grad^2 h)
    for ((x, y), r) in train.x.iter_rows().zip(&train.y).zip(residuals) {
        let curvature = problem.loss.curvature(problem.model.predict(theta, x, tape), *y);
        sample.fill(0.0);
        problem.model.pullback(theta, x, tape, 1.0, sample);
        if corrections.hessian_gradient != 0.0 {
            let w = dt * corrections.hessian_gradient * slope / n;
            lanes::add_scaled(out, w * curvature * lanes::dot(sample, direction), sample);
            problem.model.curvature(theta, x, tape, w * r, direction, out);
        }
        let along_own = dt * corrections.sample_hessian_gradients * slope * slope / n;
        if along_own != 0.0 {
            lanes::add_scaled(out, along_own * curvature * r * lanes::norm2(sample), sample);
        }
        let w = along_own * r * r + dt * corrections.prediction_curvature;
        if w != 0.0 {
            problem.model.curvature(theta, x, tape, w, sample, out);
        }
    }
}
