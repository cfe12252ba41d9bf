//! Findings over the step size: what becomes of runs, what they reach, and the thresholds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stepwell::metrics::Thresholds;
use stepwell::number::Number;
use stepwell::statistics::{Band, Share};
use stepwell::verdict::{Behavior, Pooled};

/// What becomes of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Its loss falls through the large phase, or is at the floor of arithmetic.
    Converges,
    /// Its loss hovers at a level that the step size holds it up at.
    Stabilizes,
    /// Its loss is flat for another reason: it has learned nothing, or is no lower at smaller step sizes.
    Flat,
    /// Its loss rises, and is not large.
    Rises,
    /// It diverges, before or after the decay.
    Diverges,
    /// The large phase does not tell.
    Undecided,
}

impl Fate {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Converges, Self::Stabilizes, Self::Flat, Self::Rises, Self::Diverges, Self::Undecided];

    /// The fate in words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Converges => "converges",
            Self::Stabilizes => "stabilizes",
            Self::Flat => "flat",
            Self::Rises => "rises",
            Self::Diverges => "diverges",
            Self::Undecided => "cannot tell",
        }
    }

    /// The fate of a run whose loss behaves like this while the step size is large.
    pub fn of(diverged: bool, behavior: Behavior) -> Self {
        match behavior {
            _ if diverged => Self::Diverges,
            Behavior::Diverges => Self::Diverges,
            Behavior::Stabilizes => Self::Stabilizes,
            Behavior::Falling | Behavior::Converges => Self::Converges,
            Behavior::Flat | Behavior::AtFloor | Behavior::LearnsNothing => Self::Flat,
            Behavior::Rising => Self::Rises,
            Behavior::CannotTell | Behavior::TooShort => Self::Undecided,
        }
    }
}

/// How many of the runs at a step size have each fate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shares {
    /// [`Fate::Converges`].
    pub converges: Share,
    /// [`Fate::Stabilizes`].
    pub stabilizes: Share,
    /// [`Fate::Flat`].
    pub flat: Share,
    /// [`Fate::Rises`].
    pub rises: Share,
    /// [`Fate::Diverges`].
    pub diverges: Share,
    /// [`Fate::Undecided`].
    pub undecided: Share,
}

impl Shares {
    /// The shares of some fates.
    pub fn of(fates: &[Fate]) -> Self {
        let share = |wanted| Share::of(fates.iter().filter(|fate| **fate == wanted).count(), fates.len());
        Self {
            converges: share(Fate::Converges),
            stabilizes: share(Fate::Stabilizes),
            flat: share(Fate::Flat),
            rises: share(Fate::Rises),
            diverges: share(Fate::Diverges),
            undecided: share(Fate::Undecided),
        }
    }

    /// The share of one fate.
    pub fn get(&self, fate: Fate) -> Share {
        match fate {
            Fate::Converges => self.converges,
            Fate::Stabilizes => self.stabilizes,
            Fate::Flat => self.flat,
            Fate::Rises => self.rises,
            Fate::Diverges => self.diverges,
            Fate::Undecided => self.undecided,
        }
    }
}

/// What was measured over the step size: one setting of the experiment per point, in the same order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Phase {
    /// Runs at each step size.
    pub seeds: u64,
    /// Thresholds at the solution that small steps lead to: medians over a few seeds.
    pub small_steps: Thresholds,
    /// Where the Lyapunov exponent turns positive; `None` where it does not.
    pub lyapunov_zero: Option<f64>,
    /// Names of the losses and measures of sparsity after the last step, in the order in which they are shown; empty if all
    /// runs diverged.
    pub series: Vec<String>,
    /// The step sizes, increasing.
    pub points: Vec<Point>,
}

/// The runs at one step size. What was looked at more closely in some of them is in the spec's unit of step sizes, as
/// medians over these runs; NaN where none got there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// The largest step size of the schedule, after its warm-up.
    #[serde(with = "stepwell::number")]
    pub step_size: f64,
    /// What becomes of the runs, each by itself.
    pub shares: Shares,
    /// What the loss does over all of them.
    pub pooled: Pooled,
    /// The level of the loss in the second half of the large phase, over the runs that did not diverge.
    pub level: Band,
    /// The values of each of the series after the last step, over the runs that did not diverge.
    pub end: BTreeMap<String, Band>,
    /// Up to which step sizes the last parameters are stable.
    pub reached: Thresholds,
    /// Two over the gradient-weighted batch sharpness (the ratio of means) in the second half of the large phase: the step size
    /// up to which a step lowers the loss of its own batch, on average.
    #[serde(with = "stepwell::number")]
    pub two_over_gradient_weighted_batch_sharpness: f64,
    /// The same at the start of the large phase and after each tenth of it.
    pub two_over_gradient_weighted_batch_sharpness_along: Vec<Number>,
    /// The largest Lyapunov exponent of the training predictions per step, from the middle of the large phase on; NaN where
    /// no run resolves it.
    #[serde(with = "stepwell::number")]
    pub lyapunov: f64,
    /// Between the least and the largest end of these runs' 95% intervals of it.
    pub lyapunov_interval: [Number; 2],
}

impl Point {
    /// Whether nearby runs meet (-1) or part (1), for all that was resolved; 0 where the interval holds 0, or there is none.
    pub fn sign_of_lyapunov(&self) -> i32 {
        let [low, high] = self.lyapunov_interval.map(|end| end.0);
        i32::from(low > 0.0) - i32::from(high < 0.0)
    }
}
