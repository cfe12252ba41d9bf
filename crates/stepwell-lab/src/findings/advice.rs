//! Findings of advice: a step size and a schedule, with the evidence, and how such advice fares on fresh data sets.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stepwell::metrics::Thresholds;
use stepwell::statistics::{Band, Share};

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Question {
    /// The share of diverged runs that the step size stays below, with 95% confidence.
    pub level: f64,
    /// Runs that must bear that out.
    pub seeds: u64,
}

/// A schedule with the evidence for it: the runs of the advised one and of a small step size are the settings `advised` and
/// `small` of the experiment, in this order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Advice {
    /// What was asked.
    pub question: Question,
    /// Thresholds at the solution that small steps lead to: medians over a few seeds.
    pub small_steps: Thresholds,
    /// The largest step size.
    pub largest: f64,
    /// Diverged runs at it, all steps taken at it.
    pub confirmed: Share,
    /// Runs that stabilize at it.
    pub stabilized: Share,
    /// Their level.
    pub stabilized_level: Band,
    /// The first step by which nine in ten of them have stabilized, and the last large one; `None` where the former does not
    /// come before the latter.
    pub window: Option<(f64, u64)>,
    /// The mean-square threshold at the solution reached at it; gradient descent's where that is not known.
    #[serde(with = "stepwell::number")]
    pub reached: f64,
    /// Share of the run that it is kept for.
    pub keep: f64,
    /// What it is then divided by.
    pub divide_by: f64,
    /// The step size that a warm-up starts from; `None` without one.
    pub warmup_from: Option<f64>,
    /// The advised spec, as TOML.
    pub spec: String,
    /// Names of the losses and measures of sparsity after the last step, in the order in which they are shown; empty if all
    /// runs diverged.
    pub series: Vec<String>,
    /// The runs of the advised spec.
    pub advised: Evidence,
    /// Runs at half the threshold at the small steps' solution throughout, without warm-up.
    pub small: Evidence,
    /// How advice fares on fresh data sets, where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<Validation>,
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
    /// Data sets on which the advised schedule's median test loss is below the small step size's; `None` without test losses.
    pub better: Option<Share>,
}

/// The advice on a data set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OnDataSet {
    /// The mean-square threshold at the solution that small steps lead to.
    #[serde(with = "stepwell::number")]
    pub mean_square: f64,
    /// The largest step size.
    pub largest: f64,
    /// Share of the run that it is kept for.
    pub keep: f64,
    /// The runs of the advised spec.
    pub advised: Evidence,
    /// Runs at a small step size throughout.
    pub small: Evidence,
}
