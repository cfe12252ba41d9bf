//! Full-batch gradient descent on noisy labels, with the noise that makes it equal to SGD.

use super::{Dynamics, Sampler, State, is_bounded, subtract};
use crate::model::Model;
use crate::problem::Problem;

/// Gradient descent on the labels `y + xi_t` with `xi_i = r_i (1 - n 1[i = i_t])`, `i_t` uniform.
///
/// One step equals one SGD step on sample `i_t`. `E xi = 0`, `Cov xi = n diag(r^2) - r r^T`,
/// `E |xi|^2 = n (n - 1) 2L` with `L = 1/(2n) sum r_i^2`. For square losses only: others are no function of `h - y`. Source: Proposition 1 of Andriushchenko et al., ICML 2023.
#[derive(Clone, Debug)]
pub struct LabelNoise {
    sampler: Sampler,
}

impl LabelNoise {
    /// Label noise with the indices `i_t` of `sampler`.
    pub fn new(sampler: Sampler) -> Self {
        Self { sampler }
    }

    /// The noise `xi` for residuals `r` when sample `chosen` is drawn.
    pub fn noise(residuals: &[f64], chosen: usize) -> Vec<f64> {
        residuals.iter().enumerate().map(|(i, &r)| label_noise(r, residuals.len(), i == chosen)).collect()
    }
}

/// `r (1 - n 1[chosen])`.
#[inline(always)]
fn label_noise(r: f64, n: usize, chosen: bool) -> f64 {
    if chosen { r * (1.0 - n as f64) } else { r }
}

impl Dynamics for LabelNoise {
    #[inline(always)]
    fn advance<M: Model>(&mut self, problem: &Problem<M>, state: &mut State<M>, step_sizes: &[f64]) -> usize {
        let samples = &problem.data.train;
        let n = samples.len();
        let scale = problem.loss.slope() * problem.loss.batch_scale(n) / n as f64;
        for (t, &eta) in step_sizes.iter().enumerate() {
            let chosen = self.sampler.draw();
            state.gradient.fill(0.0);
            let (mut bounded, mut squares) = (true, 0.0);
            for i in 0..n {
                let x = samples.x.row(i);
                let prediction = problem.model.predict(&state.theta, x, &mut state.tape);
                let r = prediction - samples.y[i];
                bounded &= is_bounded(r);
                squares += r * r;
                let noisy_label = samples.y[i] + label_noise(r, n, i == chosen);
                let w = (eta * scale) * (prediction - noisy_label);
                problem.model.pullback(&state.theta, x, &mut state.tape, w, &mut state.gradient);
            }
            if !bounded {
                return t;
            }
            subtract(&mut state.theta, &state.gradient);
            state.sampled.add(squares / n as f64);
        }
        step_sizes.len()
    }

    fn position(&self) -> Vec<u64> {
        self.sampler.position()
    }

    fn seek(&mut self, position: &[u64]) -> bool {
        self.sampler.seek(position)
    }
}
