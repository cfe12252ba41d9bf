//! SGD with batches: with replacement, without, or by epochs.

use serde::{Deserialize, Serialize};

use super::{Dynamics, Sampler, State, batch_step};
use crate::model::Model;
use crate::problem::Problem;

/// How a batch of B samples is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum BatchRule {
    /// B independent uniform samples.
    WithReplacement,
    /// A uniform subset of B samples, drawn afresh for each step.
    WithoutReplacement,
    /// A fresh permutation for each epoch, cut into batches of B; the last of an epoch may be smaller.
    Epochs,
}

/// `theta <- theta - eta/B sum_{i in B} slope r_i grad h(x_i)`.
#[derive(Clone, Debug)]
pub struct MiniBatch {
    rule: BatchRule,
    size: usize,
    sampler: Sampler,
    order: Vec<u32>,
    position: usize,
}

impl MiniBatch {
    /// Batches of `size` out of `n` samples, `1 <= size <= n` unless drawn with replacement.
    pub fn new(rule: BatchRule, size: usize, n: usize, sampler: Sampler) -> Self {
        let order = match rule {
            BatchRule::WithReplacement => vec![0; size],
            _ => (0..n as u32).collect(),
        };
        let position = order.len();
        Self { rule, size, sampler, order, position }
    }

    /// Chooses the next batch: a range of `order`. The first `count` places of a partial Fisher-Yates shuffle are a
    /// uniform subset whatever the order was before.
    #[inline]
    fn next_batch(&mut self) -> core::ops::Range<usize> {
        match self.rule {
            BatchRule::WithReplacement => {
                for slot in &mut self.order {
                    *slot = self.sampler.draw() as u32;
                }
                0..self.size
            }
            BatchRule::WithoutReplacement => {
                self.shuffle(self.size);
                0..self.size
            }
            BatchRule::Epochs => {
                if self.position >= self.order.len() {
                    self.shuffle(self.order.len());
                    self.position = 0;
                }
                let from = self.position;
                self.position = (from + self.size).min(self.order.len());
                from..self.position
            }
        }
    }

    fn shuffle(&mut self, count: usize) {
        let n = self.order.len();
        for k in 0..count.min(n) {
            let other = k + self.sampler.draw_below((n - k) as u32) as usize;
            self.order.swap(k, other);
        }
    }
}

impl Dynamics for MiniBatch {
    #[inline(always)]
    fn advance<M: Model>(&mut self, problem: &Problem<M>, state: &mut State<M>, step_sizes: &[f64]) -> usize {
        for (t, &eta) in step_sizes.iter().enumerate() {
            let batch = self.next_batch();
            let batch = self.order[batch].iter().map(|&i| i as usize);
            if !batch_step(problem, state, batch, eta) {
                return t;
            }
        }
        step_sizes.len()
    }

    fn position(&self) -> Vec<u64> {
        // the place in the epoch, the order, then the stream
        let order = self.order.iter().map(|i| u64::from(*i));
        [self.position as u64].into_iter().chain(order).chain(self.sampler.position()).collect()
    }

    fn seek(&mut self, position: &[u64]) -> bool {
        let Some((place, rest)) = position.split_first() else { return false };
        let Some((order, stream)) = rest.split_at_checked(self.order.len()) else { return false };
        let good = *place <= order.len() as u64 && order.iter().all(|i| *i < u64::from(self.sampler.samples()));
        if !good || !self.sampler.seek(stream) {
            return false;
        }
        self.position = *place as usize;
        self.order = order.iter().map(|i| *i as u32).collect();
        true
    }
}
