//! What the steps of a run saw of the loss: sums of squared residuals of their batches, over 64 fixed blocks of the run.

/// Number of blocks that a run is divided in.
pub const BLOCKS: usize = 64;

/// For each block of the run, the sum over its steps of the mean square residual of the step's batch.
///
/// Block b of a run of T steps is the steps from `ceil(b T / 64)` to before `ceil((b + 1) T / 64)`. The sums are taken step
/// by step, so they do not depend on how the run is cut into calls. Divided by a block's steps and multiplied by the loss's
/// factor (1/2, say) a sum is the arithmetic mean of the sampled square loss, at no cost in passes over the data.
#[derive(Clone, Debug, PartialEq)]
pub struct SampledLoss {
    sums: [f64; BLOCKS],
    block: usize,
    left: u64,
    steps: u64,
}

impl SampledLoss {
    /// Of a run of `steps` steps, before its first.
    pub fn new(steps: u64) -> Self {
        let mut new = Self { sums: [0.0; BLOCKS], block: 0, left: 0, steps };
        new.go_to(0);
        new
    }

    /// Of a run of `steps` steps of which `step` are taken, with the sums up to there; `None` unless there are 64 sums.
    pub fn resumed(sums: &[f64], step: u64, steps: u64) -> Option<Self> {
        let mut new = Self { sums: sums.try_into().ok()?, block: 0, left: 0, steps };
        new.go_to(step);
        Some(new)
    }

    /// The first step of block `block`.
    fn start(&self, block: usize) -> u64 {
        (u128::from(self.steps) * block as u128).div_ceil(BLOCKS as u128) as u64
    }

    fn go_to(&mut self, step: u64) {
        while self.block + 1 < BLOCKS && self.start(self.block + 1) <= step {
            self.block += 1;
        }
        self.left = if self.block + 1 < BLOCKS { self.start(self.block + 1) - step } else { u64::MAX };
    }

    /// Adds what a step saw: the mean of `r_i^2` over its batch. Every dynamics does so once per step, here or by a `Meter`.
    #[inline(always)]
    pub fn add(&mut self, mean_square_residual: f64) {
        let mut meter = self.meter();
        meter.add(mean_square_residual, self);
        self.put(meter);
    }

    /// The sum of the block that the run is in, to be held in registers by a loop over steps and [put](Self::put) back after it.
    #[inline(always)]
    pub fn meter(&self) -> Meter {
        Meter { sum: self.sums[self.block], left: self.left }
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

    /// The sums, one per block.
    pub fn sums(&self) -> &[f64; BLOCKS] {
        &self.sums
    }

    /// Number of steps of each block.
    pub fn steps_per_block(&self) -> [u64; BLOCKS] {
        std::array::from_fn(|block| self.start(block + 1) - self.start(block))
    }
}

/// The sum of one block, apart from the others: a loop over steps adds to it without touching memory.
#[derive(Clone, Copy, Debug)]
pub struct Meter {
    sum: f64,
    left: u64,
}

impl Meter {
    /// Adds what a step saw; goes on with the next block of `sampled` where this one is full.
    #[inline(always)]
    pub fn add(&mut self, mean_square_residual: f64, sampled: &mut SampledLoss) {
        self.sum += mean_square_residual;
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
        for steps in [1, 5, 63, 64, 65, 1_000, 12_345] {
            let mut whole = SampledLoss::new(steps);
            (0..steps).for_each(|t| whole.add((t + 1) as f64));
            let mut counted = [0.0; BLOCKS];
            for t in 0..steps {
                counted[(u128::from(t) * 64 / u128::from(steps)) as usize] += (t + 1) as f64;
            }
            assert_eq!(whole.sums(), &counted, "{steps}");
            assert_eq!(whole.steps_per_block().iter().sum::<u64>(), steps);
            let mut first = SampledLoss::new(steps);
            (0..steps / 3).for_each(|t| first.add((t + 1) as f64));
            let mut second = SampledLoss::resumed(first.sums(), steps / 3, steps).unwrap();
            (steps / 3..steps).for_each(|t| second.add((t + 1) as f64));
            assert_eq!(second.sums(), whole.sums(), "{steps}");
        }
        assert_eq!(SampledLoss::resumed(&[0.0; 63], 0, 10), None);
    }
}
