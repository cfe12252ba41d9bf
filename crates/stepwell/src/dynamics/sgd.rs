//! SGD with one uniformly drawn sample per step.

use super::{Dynamics, Sampler, State, is_bounded};
use crate::model::Model;
use crate::problem::Problem;

/// How many indices are drawn ahead of a block of steps.
const BLOCK: usize = 256;

/// `theta <- theta - eta slope r_i grad h(x_i)` with i uniform on the training set.
#[derive(Clone, Debug)]
pub struct Sgd {
    sampler: Sampler,
    indices: Vec<u32>,
}

impl Sgd {
    /// SGD with the indices of `sampler`.
    pub fn new(sampler: Sampler) -> Self {
        Self { sampler, indices: Vec::with_capacity(BLOCK) }
    }
}

impl Dynamics for Sgd {
    /// The update with one sample is fused with the prediction of the next one, see [`Model::step_and_predict`].
    #[inline(always)]
    fn advance<M: Model>(&mut self, problem: &Problem<M>, state: &mut State<M>, step_sizes: &[f64]) -> usize {
        let (model, samples) = (&problem.model, &problem.data.train);
        let scale = problem.loss.slope() * problem.loss.batch_scale(samples.len());
        let State { theta, tape, gradient, sampled, .. } = state;
        let (theta, gradient) = (&mut **theta, &mut **gradient);
        let mut meter = sampled.meter();
        let mut taken = 0;
        for block in step_sizes.chunks(BLOCK) {
            self.indices.clear();
            self.sampler.draw_many(block.len(), &mut self.indices);
            let mut i = self.indices[0] as usize;
            let mut prediction = model.predict(theta, samples.x.row(i), tape);
            for (t, &eta) in block.iter().enumerate() {
                let r = problem.loss.residual(prediction, samples.y[i]);
                if !is_bounded(r) {
                    sampled.put(meter);
                    return taken + t;
                }
                meter.add(problem.loss.term_seen(r, prediction, samples.y[i]), sampled);
                let next = self.indices.get(t + 1).map_or(i, |&next| next as usize);
                let w = (eta * scale) * r;
                prediction = model.step_and_predict(theta, samples.x.row(i), tape, w, samples.x.row(next), gradient);
                i = next;
            }
            taken += block.len();
        }
        sampled.put(meter);
        taken
    }

    fn position(&self) -> Vec<u64> {
        self.sampler.position()
    }

    fn seek(&mut self, position: &[u64]) -> bool {
        self.sampler.seek(position)
    }
}
