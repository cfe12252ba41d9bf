//! Gradient descent on the whole training set.

use super::{Dynamics, State, batch_step};
use crate::model::Model;
use crate::problem::Problem;

/// `theta <- theta - eta grad L(theta)`.
#[derive(Clone, Debug, Default)]
pub struct GradientDescent;

impl Dynamics for GradientDescent {
    #[inline(always)]
    fn advance<M: Model>(&mut self, problem: &Problem<M>, state: &mut State<M>, step_sizes: &[f64]) -> usize {
        for (t, &eta) in step_sizes.iter().enumerate() {
            if !batch_step(problem, state, 0..problem.n(), eta) {
                return t;
            }
        }
        step_sizes.len()
    }

    fn position(&self) -> Vec<u64> {
        Vec::new()
    }

    fn seek(&mut self, position: &[u64]) -> bool {
        position.is_empty()
    }
}
