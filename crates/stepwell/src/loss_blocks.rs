//! What verdicts on the loss rest on: its means over fixed blocks of the run, and the scales to compare them with.

use crate::dynamics::{PHASE_BLOCKS, REST_BLOCKS};

/// The loss of a run in blocks: of its large phase, the steps before the step size falls for the first time, and of the rest.
#[derive(Clone, Debug, PartialEq)]
pub struct LossBlocks {
    /// Mean losses of the blocks of the large phase that are completed: 64 of a phase of 64 steps or more.
    pub large: Vec<f64>,
    /// The first step after each of these blocks.
    pub ends: Vec<u64>,
    /// Mean losses of the blocks of the rest: 16 where there are as many steps.
    pub rest: Vec<f64>,
    /// The last step before the step size falls for the first time.
    pub last_large: u64,
    /// Whether the large phase is completed.
    pub complete: bool,
    /// The scale S that divergence is measured by: the larger of the loss at the start and that of the best constant
    /// predictor; where both are 0, the loss of the predictor 0. If that is 0 too, or not known, infinite: no loss is too large.
    pub scale: f64,
    /// The loss of the best constant predictor; NaN where it is not known.
    pub of_constant: f64,
    /// The first step whose batch had a loss beyond [`TOO_LARGE`](Self::TOO_LARGE) S.
    pub exceeded: Option<u64>,
    /// The mean loss late on a branch at a tenth of the step size, of a run without a decay; NaN where there is none.
    pub branch: f64,
}

impl LossBlocks {
    /// A batch whose loss is beyond this multiple of S is a divergence, whatever follows.
    pub const TOO_LARGE: f64 = 1e6;

    /// Of a loss that was recorded at `steps` (increasing), for runs whose steps are not counted in blocks: at most 64 groups
    /// of neighboring records up to `last_large`, at most 16 of those after it. Groups hold as many records each, so the
    /// verdict depends on the grid. S is the first loss.
    pub fn of_records(steps: &[u64], losses: &[f64], last_large: u64, ended: bool) -> Self {
        let large = steps.partition_point(|step| *step <= last_large);
        let (before, after) = losses.split_at(large.min(losses.len()));
        let (large, bounds) = grouped(before, PHASE_BLOCKS);
        Self {
            ends: bounds.iter().map(|bound| steps[bound - 1] + 1).collect(),
            large,
            rest: grouped(after, REST_BLOCKS).0,
            last_large,
            complete: ended || after.len() > 1,
            scale: losses.first().copied().filter(|first| *first > 0.0).unwrap_or(f64::INFINITY),
            of_constant: f64::NAN,
            exceeded: None,
            branch: f64::NAN,
        }
    }

    /// The loss that the run, or a branch of it, comes down to at smaller step sizes; NaN where that is not known.
    pub fn at_small_steps(&self) -> f64 {
        self.rest.last().copied().unwrap_or(self.branch)
    }
}

/// Means over at most `most` groups of neighbors, and where each ends.
fn grouped(values: &[f64], most: usize) -> (Vec<f64>, Vec<usize>) {
    let count = values.len().min(most);
    let bounds: Vec<usize> = (0..=count).map(|k| (values.len() * k).div_ceil(count.max(1))).collect();
    let mean = |pair: &[usize]| values[pair[0]..pair[1]].iter().sum::<f64>() / (pair[1] - pair[0]) as f64;
    (bounds.windows(2).map(mean).collect(), bounds.get(1..).unwrap_or(&[]).to_vec())
}
