//! Findings of advice: a schedule with a large step size beside the best constant one, which of them is advised, and why.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stepwell::metrics::Thresholds;
use stepwell::statistics::{Band, Share};
use stepwell::verdict::{Effect, Pooled};

/// Runs that screen a step size in the search for the [edge](Advice::edge), and how many of them may diverge.
pub const SCREENED: u64 = 120;
/// See [`SCREENED`].
pub const MAY_DIVERGE: usize = 2;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Question {
    /// The share of diverged runs that the advised schedule stays below, with 95% confidence.
    pub level: f64,
    /// Runs that must bear that out, at least.
    pub seeds: u64,
}

/// Whether a large step size pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Large {
    /// Its runs end better than the best constant step size's: the 95% interval of the ratio ends below 0.98.
    Helps,
    /// They end neither better nor worse.
    MakesNoDifference,
    /// They end worse: the best constant step size is advised.
    DoesNotHelp,
}

/// A schedule of a large step size and one decay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LargeSteps {
    /// The largest step size.
    pub step_size: f64,
    /// Share of the run that it is kept for.
    pub keep: f64,
    /// What it is then divided by.
    pub divide_by: f64,
    /// The step size that a warm-up starts from; `None` without one.
    pub warmup_from: Option<f64>,
    /// What the loss does at it.
    pub stabilization: Pooled,
    /// The first step by which half of the runs that stabilize have done so, and the last large one; `None` where the loss does
    /// not stabilize.
    pub window: Option<(u64, u64)>,
}

/// A constant step size that was tried for the reference, with its runs on seeds of their own.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Constant {
    /// The step size.
    pub step_size: f64,
    /// How many of its runs diverged.
    pub diverged: Share,
    /// The median of the quantity that is optimized, after the last step.
    #[serde(with = "stepwell::number")]
    pub median: f64,
    /// The median training loss, at least `1e-12` of that at the start.
    #[serde(with = "stepwell::number")]
    pub train_loss: f64,
}

/// A schedule with the evidence for it: the runs of the large steps and of the reference are the settings `large steps` and
/// `constant` of the experiment, in this order, on the same seeds, which nothing was chosen by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Advice {
    /// What was asked.
    pub question: Question,
    /// Whether all seeds are one run: gradient descent from a fixed start.
    pub deterministic: bool,
    /// Thresholds at the solution that small steps lead to: medians over a few seeds.
    pub small_steps: Thresholds,
    /// The step size that theory forbids to exceed, for linear models with a square loss.
    pub bound: Option<f64>,
    /// The largest step size, kept throughout, at which hardly a run of the search diverged.
    pub edge: f64,
    /// The quantity that is optimized: the median of this series after the last step.
    pub optimized: String,
    /// Constant step sizes that the reference was chosen from.
    pub constants: Vec<Constant>,
    /// The large steps.
    pub large: LargeSteps,
    /// Whether they pay; if they do not, the reference is advised.
    pub verdict: Large,
    /// How often large steps were put to the test before they passed: each time with fewer errors allowed.
    pub tries: usize,
    /// Upper end of the share of diverged runs of the large steps, with 95% confidence over all tries.
    pub diverge_at_most: f64,
    /// Large steps over the reference, seed by seed, after the last step: the quantity that is optimized.
    pub ratio: Option<Effect>,
    /// The same of the training loss.
    pub train_ratio: Option<Effect>,
    /// The advised spec, as TOML.
    pub spec: String,
    /// Names of the losses and measures of sparsity after the last step, in the order in which they are shown; empty if all
    /// runs diverged.
    pub series: Vec<String>,
    /// The runs of the large steps.
    pub large_runs: Evidence,
    /// The runs of the reference.
    pub constant_runs: Evidence,
    /// How advice fares on fresh data sets, where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<Validation>,
}

impl Advice {
    /// The runs of what is advised.
    pub fn advised(&self) -> &Evidence {
        if self.verdict == Large::DoesNotHelp { &self.constant_runs } else { &self.large_runs }
    }
}

/// How runs of a schedule end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// The largest step size of the schedule.
    pub step_size: f64,
    /// How many diverge.
    pub diverged: Share,
    /// The values of each of the series after the last step, over the runs that did not diverge.
    pub end: BTreeMap<String, Band>,
}

impl Evidence {
    /// The values of a series after the last step; a band of no values where there is none.
    pub fn end(&self, series: &str) -> Band {
        self.end.get(series).copied().unwrap_or_else(|| Band::of(&[]))
    }
}

/// The advice worked out anew on fresh data sets, and judged there by seeds of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// The data sets of the seeds 1, 2, ..
    pub data_sets: Vec<OnDataSet>,
    /// Diverged runs of the advised schedules, over all data sets.
    pub diverged: Share,
    /// Data sets on which the advised schedule's median of what is optimized is below the reference's; those on which the
    /// reference itself is advised are left out.
    pub better: Share,
}

/// The advice on a data set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OnDataSet {
    /// The mean-square threshold at the solution that small steps lead to.
    #[serde(with = "stepwell::number")]
    pub mean_square: f64,
    /// Whether large steps pay.
    pub verdict: Large,
    /// Share of the run that the large step size is kept for.
    pub keep: f64,
    /// The runs of the large steps.
    pub large: Evidence,
    /// The runs of the best constant step size.
    pub constant: Evidence,
}
