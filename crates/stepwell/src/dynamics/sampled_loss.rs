//! What the steps of a run saw of the loss: sums over 64 fixed blocks of its large phase and 16 of the rest, and the first
//! step whose batch was beyond a limit.

/// Number of blocks that the large phase is divided in.
pub const PHASE_BLOCKS: usize = 64;
/// Number of blocks that the rest of the run is divided in.
pub const REST_BLOCKS: usize = 16;
/// Number of sums.
pub const BLOCKS: usize = PHASE_BLOCKS + REST_BLOCKS;
/// No step was beyond the limit.
const NONE: u64 = u64::MAX;

/// For each block of the run, the sum over its steps of the mean [term](crate::loss::Loss::term) of the step's batch: of
/// `r^2` for square losses.
///
/// Block b of a large phase of P steps is the steps from `ceil(b P / 64)` to before `ceil((b + 1) P / 64)`; the rest is
/// divided alike into 16. The sums are taken step by step, so they depend neither on how the run is cut into calls nor on
/// what is recorded. Divided by a block's steps and multiplied by the loss's factor (1/2, say) a sum is the arithmetic mean
/// of the sampled loss, at no cost in passes over the data.
///
/// For uniformly drawn batches the mean is unbiased for the loss; for `epochs`, the later batches of an epoch hold samples
/// that the epoch has not yet fitted, so it lies somewhat above; for gradient descent and equations it is the loss itself.
#[derive(Clone, Debug, PartialEq)]
pub struct SampledLoss {
    sums: [f64; BLOCKS],
    block: usize,
    left: u64,
    phase: u64,
    steps: u64,
    limit: f64,
    exceeded: u64,
}

impl SampledLoss {
    /// Of a run of `steps` steps of which the first `phase` have a large step size, before its first; a step whose batch is
    /// beyond `limit` is remembered.
    pub fn new(phase: u64, steps: u64, limit: f64) -> Self {
        let mut new =
            Self { sums: [0.0; BLOCKS], block: 0, left: 0, phase: phase.min(steps), steps, limit, exceeded: NONE };
        new.go_to(0);
        new
    }

    /// With the sums up to step `step` and the step that was beyond the limit, as [`SampledLoss::state`] gave them; `None`
    /// unless they are so many.
    pub fn resumed(mut self, state: &[f64], step: u64) -> Option<Self> {
        let (sums, exceeded) = state.split_at_checked(BLOCKS)?;
        let &[exceeded] = exceeded else { return None };
        self.sums = sums.try_into().ok()?;
        self.exceeded = if exceeded >= 0.0 { exceeded as u64 } else { NONE };
        self.block = 0;
        self.go_to(step);
        Some(self)
    }

    /// The sums, and the step that was beyond the limit (-1 if none was): what it takes to go on.
    pub fn state(&self) -> Vec<f64> {
        let exceeded = self.exceeded().map_or(-1.0, |step| step as f64);
        self.sums.iter().copied().chain([exceeded]).collect()
    }

    /// The first step of block `block`.
    fn start(&self, block: usize) -> u64 {
        let part = |steps: u64, k: usize, of: usize| (u128::from(steps) * k as u128).div_ceil(of as u128) as u64;
        match block.checked_sub(PHASE_BLOCKS) {
            None => part(self.phase, block, PHASE_BLOCKS),
            Some(k) => self.phase + part(self.steps - self.phase, k, REST_BLOCKS),
        }
    }

    fn go_to(&mut self, step: u64) {
        while self.block + 1 < BLOCKS && self.start(self.block + 1) <= step {
            self.block += 1;
        }
        // beyond the last step there is nothing to count
        self.left = self.start(self.block + 1).checked_sub(step).filter(|left| *left > 0).unwrap_or(u64::MAX);
    }

    /// Adds what a step saw: the mean term of its batch. Every dynamics does so once per step, here or by a `Meter`.
    #[inline(always)]
    pub fn add(&mut self, mean_term: f64) {
        let mut meter = self.meter();
        meter.add(mean_term, self);
        self.put(meter);
    }

    /// The sum of the block that the run is in, to be held in registers by a loop over steps and [put](Self::put) back after it.
    #[inline(always)]
    pub fn meter(&self) -> Meter {
        let limit = if self.exceeded == NONE { self.limit } else { f64::INFINITY };
        Meter { sum: self.sums[self.block], left: self.left, limit }
    }

    /// Takes a meter back.
    #[inline(always)]
    pub fn put(&mut self, meter: Meter) {
        self.sums[self.block] = meter.sum;
        self.left = meter.left;
    }

    #[cold]
    fn next_block(&mut self, full: f64) -> Meter {
        self.sums[self.block] = full;
        self.go_to(self.start(self.block + 1));
        self.meter()
    }

    #[cold]
    fn exceed(&mut self, left: u64) {
        self.exceeded = self.start(self.block + 1).saturating_sub(left);
    }

    /// The first step whose batch was beyond the limit.
    pub fn exceeded(&self) -> Option<u64> {
        (self.exceeded != NONE).then_some(self.exceeded)
    }

    /// The last step of the large phase.
    pub fn last_large(&self) -> u64 {
        self.phase.saturating_sub(1)
    }

    /// The sums, one per block.
    pub fn sums(&self) -> &[f64; BLOCKS] {
        &self.sums
    }

    /// The mean over all steps before step `step`, where the run is; NaN at the first.
    pub fn mean(&self, step: u64) -> f64 {
        if step == 0 { f64::NAN } else { self.sums.iter().sum::<f64>() / step as f64 }
    }

    /// Number of steps of each block.
    pub fn steps_per_block(&self) -> [u64; BLOCKS] {
        std::array::from_fn(|block| self.start(block + 1) - self.start(block))
    }

    /// Means over the blocks of the large phase, and over those of the rest, that a run has completed at step `step`; blocks
    /// without a step are left out.
    pub fn means(&self, step: u64) -> [Vec<f64>; 2] {
        let of = |blocks: std::ops::Range<usize>| {
            let done = blocks.filter(|b| self.start(*b) < self.start(b + 1) && self.start(b + 1) <= step);
            done.map(|b| self.sums[b] / (self.start(b + 1) - self.start(b)) as f64).collect()
        };
        [of(0..PHASE_BLOCKS), of(PHASE_BLOCKS..BLOCKS)]
    }
}

/// The sum of one block, apart from the others: a loop over steps adds to it without touching memory.
#[derive(Clone, Copy, Debug)]
pub struct Meter {
    sum: f64,
    left: u64,
    limit: f64,
}

impl Meter {
    /// Adds what a step saw; goes on with the next block of `sampled` where this one is full.
    #[inline(always)]
    pub fn add(&mut self, mean_term: f64, sampled: &mut SampledLoss) {
        if mean_term > self.limit {
            sampled.exceed(self.left);
            self.limit = f64::INFINITY;
        }
        self.sum += mean_term;
        self.left -= 1;
        if self.left == 0 {
            *self = sampled.next_block(self.sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_falls_into_its_block_however_the_run_is_cut() {
        for (phase, steps) in [(1, 1), (5, 7), (63, 63), (64, 100), (65, 65), (1_000, 1_001), (5_000, 12_345)] {
            let new = || SampledLoss::new(phase, steps, 4.5);
            let mut whole = new();
            (0..steps).for_each(|t| whole.add((t + 1) as f64));
            let mut counted = [0.0; BLOCKS];
            for t in 0..steps {
                let block = match t.checked_sub(phase) {
                    None => t * 64 / phase,
                    Some(after) => 64 + after * 16 / (steps - phase),
                };
                counted[block as usize] += (t + 1) as f64;
            }
            assert_eq!(whole.sums(), &counted, "{steps}");
            assert_eq!(whole.steps_per_block().iter().sum::<u64>(), steps);
            assert_eq!(whole.mean(steps), 0.5 * (steps + 1) as f64);
            assert_eq!(whole.exceeded(), (steps > 4).then_some(4), "{steps}");
            let mut first = new();
            (0..steps / 3).for_each(|t| first.add((t + 1) as f64));
            assert!(steps < 3 || first.mean(steps / 3) == 0.5 * (steps / 3 + 1) as f64);
            let mut second = new().resumed(&first.state(), steps / 3).unwrap();
            (steps / 3..steps).for_each(|t| second.add((t + 1) as f64));
            assert_eq!(second.state(), whole.state(), "{steps}");
            let [large, rest] = whole.means(steps);
            assert_eq!((large.len() as u64, rest.len() as u64), (phase.min(64), (steps - phase).min(16)));
        }
        assert_eq!(SampledLoss::new(5, 10, 1.0).resumed(&[0.0; 63], 0), None);
    }
}
