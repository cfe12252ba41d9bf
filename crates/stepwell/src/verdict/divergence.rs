//! Divergence: a loss that overflows, or grows out of proportion.

use serde::{Deserialize, Serialize};

use super::drift::{Change, Drift};
use crate::dynamics::PHASE_BLOCKS;
use crate::loss_blocks::LossBlocks;
use crate::run::Status;

/// How a divergence was noticed, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Divergence {
    /// The step at which it was noticed.
    pub step: u64,
    /// By what.
    pub by: Sign,
}

/// What a divergence is noticed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sign {
    /// A number is no longer finite.
    Overflow,
    /// The loss of a batch was beyond a million times the scale S.
    Loss,
    /// The loss was still growing at the end of the large phase, and above ten times S.
    Growth,
}

impl Sign {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Overflow, Self::Loss, Self::Growth];

    /// The sign in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Overflow => "overflow",
            Self::Loss => "a loss above a million times that at the start",
            Self::Growth => "a loss above ten times that at the start, and growing",
        }
    }
}

/// A loss that grows at the end of the large phase is a divergence above this multiple of S.
const GROWN: f64 = 10.0;

/// Whether a run of this status and these losses diverged.
///
/// With the scale S of [`LossBlocks::scale`], a run *diverges* if one of its numbers overflows; or if the loss of a batch
/// is once beyond `1e6 S`, whether it comes back or not; or if over the last quarter of the large phase the block means rise
/// by more than the [margin](Drift::MARGIN), with 95% confidence, and their mean lies above `10 S`. A loss that hovers does not
/// diverge, wherever it started from; a large phase of fewer than 64 steps is too short to tell growth.
pub fn divergence(status: Status, loss: &LossBlocks) -> Option<Divergence> {
    if let Some(step) = loss.exceeded {
        return Some(Divergence { step, by: Sign::Loss });
    }
    if let Status::Overflowed { step } = status {
        return Some(Divergence { step, by: Sign::Overflow });
    }
    let (blocks, quarter) = (loss.large.len(), loss.large.len() / 4);
    let last = &loss.large[blocks - quarter..];
    let grown = last.iter().sum::<f64>() > GROWN * loss.scale * quarter as f64;
    let grows = blocks >= PHASE_BLOCKS && loss.complete && grown && Drift::of(last).change() == Change::Rises;
    grows.then_some(Divergence { step: loss.last_large, by: Sign::Growth })
}
