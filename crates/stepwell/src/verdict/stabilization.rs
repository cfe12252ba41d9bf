//! Loss stabilization: whether the loss hovers at a level that the step size holds it up at.
//!
//! Definition. The *large phase* is the steps before the step size falls for the first time, in 64 blocks of which the mean
//! losses are known ([`LossBlocks`]). Its *drift* is the factor by which the mean loss changes over the second half of it,
//! with a 90% interval ([`Drift`]). The loss is
//! - *falling* or *rising* if the interval lies below 1/2 or above 2;
//! - flat if it lies within [1/2, 2], and then *stabilized* if it is held up by the step size: it falls below half of its
//!   level after the first decay, or, where there is none, on a branch at a tenth of the step size. Flat without that, it *has
//!   learned nothing* if its level is above half of the best constant predictor's loss, else it is *at its floor*; *flat,
//!   cause unknown* where there is neither a decay nor a branch;
//! - *diverged* if the run diverged within the large phase, see [`divergence`](super::divergence());
//! - *converged* if the level is below `1e-24` of the scale S, where round-off governs;
//! - *too short* to tell with fewer than 128 steps, otherwise *cannot tell*.
//!
//! The level delta is the arithmetic mean over the second half, which the theory's delta is; its band is the 10% and 90%
//! quantiles of block means. A flat loss is so *from* the start of the longest stretch of blocks that ends with the phase and
//! whose means lie within the band, widened to a factor of 2 around the level at least.

use serde::{Deserialize, Serialize};

use super::drift::{Change, Drift};
use crate::loss_blocks::LossBlocks;
use crate::statistics::quantile;

/// What the loss does while the step size is not decayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Behavior {
    /// It hovers at a level that the step size holds it up at.
    Stabilizes,
    /// It is flat, and neither a decay nor a branch tells why.
    Flat,
    /// It is flat, and no lower at smaller step sizes.
    AtFloor,
    /// It is flat, near the loss of the best constant predictor.
    LearnsNothing,
    /// It still falls.
    Falling,
    /// It rises.
    Rising,
    /// It is at the floor of the arithmetic.
    Converges,
    /// The run diverged before the phase ended.
    Diverges,
    /// The interval of the drift allows for more than one of these.
    CannotTell,
    /// The phase has too few steps.
    TooShort,
}

impl Behavior {
    /// All verdicts.
    pub const ALL: [Self; 10] = [
        Self::Stabilizes,
        Self::Flat,
        Self::AtFloor,
        Self::LearnsNothing,
        Self::Falling,
        Self::Rising,
        Self::Converges,
        Self::Diverges,
        Self::CannotTell,
        Self::TooShort,
    ];

    /// The verdict in words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stabilizes => "stabilized",
            Self::Flat => "flat, cause unknown",
            Self::AtFloor => "at its floor",
            Self::LearnsNothing => "has learned nothing",
            Self::Falling => "falling",
            Self::Rising => "rising",
            Self::Converges => "converged",
            Self::Diverges => "diverged",
            Self::CannotTell => "cannot tell",
            Self::TooShort => "too short",
        }
    }
}

/// A stabilization verdict with its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stabilization {
    /// The verdict.
    pub behavior: Behavior,
    /// The factor by which the mean loss changes over the second half of the phase.
    pub drift: Drift,
    /// First step of the flat stretch (of the second half, where the loss is not flat).
    pub from: u64,
    /// Last step of the phase.
    pub to: u64,
    /// Level delta: arithmetic mean of the loss over the second half.
    #[serde(with = "crate::number")]
    pub level: f64,
    /// 10% quantile of block means there.
    #[serde(with = "crate::number")]
    pub p10: f64,
    /// 90% quantile of block means there.
    #[serde(with = "crate::number")]
    pub p90: f64,
    /// The loss at smaller step sizes, after the decay or on a branch, relative to the level; NaN where it is not known.
    #[serde(with = "crate::number")]
    pub at_small_steps: f64,
    /// The level relative to the loss of the best constant predictor; NaN where that is not known.
    #[serde(with = "crate::number")]
    pub of_constant: f64,
}

/// A loss is held up by its step size if it falls below this part of its level at smaller ones.
const HELD_UP: f64 = 0.5;
/// A level above this part of the best constant predictor's loss means that nothing has been learned.
const NOTHING: f64 = 0.5;
/// A level below this part of the scale S is governed by round-off.
const ROUND_OFF: f64 = 1e-24;
/// Fewer steps tell nothing.
const LEAST_STEPS: u64 = 128;
/// Fewer blocks tell nothing: [`LossBlocks::of_records`] may give so few.
const LEAST_BLOCKS: usize = 16;

impl Stabilization {
    /// Of a run that nothing is known of.
    pub fn unknown() -> Self {
        let nan = f64::NAN;
        Self {
            behavior: Behavior::TooShort,
            drift: Drift::UNKNOWN,
            from: 0,
            to: 0,
            level: nan,
            p10: nan,
            p90: nan,
            at_small_steps: nan,
            of_constant: nan,
        }
    }

    /// The verdict on the loss of a run, which diverged at step `diverged_at`.
    pub fn of(loss: &LossBlocks, diverged_at: Option<u64>) -> Self {
        let diverged = diverged_at.is_some_and(|step| step <= loss.last_large);
        let (blocks, to) = (&loss.large[..], loss.last_large);
        let enough = loss.complete && to + 1 >= LEAST_STEPS && blocks.len() >= LEAST_BLOCKS;
        if diverged || !enough {
            let behavior = if diverged { Behavior::Diverges } else { Behavior::TooShort };
            return Self { behavior, to, ..Self::unknown() };
        }
        let middle = blocks.len() / 2;
        let half = &blocks[middle..];
        let (level, drift) = (half.iter().sum::<f64>() / half.len() as f64, Drift::of(half));
        let [p10, p90] = [0.1, 0.9].map(|p| quantile(half, p));
        let (at_small_steps, of_constant) = (loss.at_small_steps() / level, level / loss.of_constant);
        let behavior = match drift.change() {
            _ if level <= ROUND_OFF * loss.scale => Behavior::Converges,
            Change::Flat => flat(at_small_steps, of_constant),
            Change::Falls => Behavior::Falling,
            Change::Rises => Behavior::Rising,
            Change::CannotTell => Behavior::CannotTell,
        };
        let mut first = middle;
        if drift.change() == Change::Flat {
            let within = p10.min(0.5 * level)..=p90.max(2.0 * level);
            first -= blocks[..middle].iter().rev().take_while(|mean| within.contains(mean)).count();
        }
        let from = first.checked_sub(1).map_or(0, |before| loss.ends[before]);
        Self { behavior, drift, from, to, level, p10, p90, at_small_steps, of_constant }
    }
}

/// What a flat loss is.
pub(super) fn flat(at_small_steps: f64, of_constant: f64) -> Behavior {
    match (at_small_steps, of_constant) {
        (small, _) if small < HELD_UP => Behavior::Stabilizes,
        (_, level) if level > NOTHING => Behavior::LearnsNothing,
        (small, _) if small.is_nan() => Behavior::Flat,
        _ => Behavior::AtFloor,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Stream};

    /// 6,400 steps, of which the blocks have these means, and then a decay to `rest`.
    fn blocks(mean: impl FnMut(usize) -> f64, rest: f64) -> LossBlocks {
        LossBlocks {
            large: (0..64).map(mean).collect(),
            ends: (1..=64).map(|k| 100 * k).collect(),
            rest: vec![rest],
            last_large: 6_399,
            complete: true,
            scale: 1.0,
            of_constant: 1.0,
            exceeded: None,
            branch: f64::NAN,
        }
    }

    fn behavior(mean: impl FnMut(usize) -> f64, rest: f64) -> Behavior {
        Stabilization::of(&blocks(mean, rest), None).behavior
    }

    #[test]
    fn exponential_decay_is_falling_and_its_floor_converged() {
        assert_eq!(behavior(|k| libm::exp(-(k as f64) / 10.0), 0.0), Behavior::Falling);
        assert_eq!(behavior(|k| libm::exp(k as f64 / 10.0), 0.0), Behavior::Rising);
        assert_eq!(behavior(|k| if k < 5 { 1.0 } else { 1e-32 }, 0.0), Behavior::Converges);
    }

    #[test]
    fn noise_about_a_level_is_stabilized_from_where_it_arrives_if_a_decay_brings_it_down() {
        let mut stream = Stream::new(1, Purpose::Noise);
        let noise: Vec<f64> = (0..64).map(|_| libm::exp(0.2 * stream.normal())).collect();
        let mean = |k: usize| (1e-3 + libm::exp(-(k as f64))) * noise[k];
        let found = Stabilization::of(&blocks(mean, 1e-5), None);
        assert_eq!((found.behavior, found.to), (Behavior::Stabilizes, 6_399));
        assert!((found.level / 1e-3 - 1.0).abs() < 0.1, "{found:?}");
        // exp(-k) = 1e-3 at k = 6.9
        assert!((600..1_000).contains(&found.from), "{found:?}");
        assert!(found.p10 < found.level && found.level < found.p90);
        assert_eq!(behavior(mean, 0.9e-3), Behavior::AtFloor);
        assert_eq!(behavior(mean, f64::NAN), Behavior::Flat);
        assert_eq!(behavior(|k| 0.9 * noise[k], 0.8), Behavior::LearnsNothing);
    }

    #[test]
    fn what_cannot_be_told_is_not_told() {
        // a factor of 2 from block to block
        let mut stream = Stream::new(2, Purpose::Noise);
        assert_eq!(behavior(|_| libm::exp(2.0 * stream.normal()), 0.0), Behavior::CannotTell);
        let level = blocks(|_| 1.0, 0.0);
        assert_eq!(Stabilization::of(&level, Some(6_399)).behavior, Behavior::Diverges);
        assert_eq!(Stabilization::of(&level, Some(6_400)).behavior, Behavior::Stabilizes);
        let short = LossBlocks { last_large: 126, ..level.clone() };
        assert_eq!(Stabilization::of(&short, None).behavior, Behavior::TooShort);
        assert_eq!(Stabilization::of(&LossBlocks { complete: false, ..level }, None).behavior, Behavior::TooShort);
    }
}
