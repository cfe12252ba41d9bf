//! The summary of an experiment: all that is known of its runs but their records. `summary.json` is this, for every command.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stepwell::number::Number;
use stepwell::outcome::Outcome;
use stepwell::record::Records;
use stepwell::run::Status;
use stepwell::schedule::Timetable;
use stepwell::statistics::{Band, Share};
use stepwell::verdict::{Divergence, Pooled, Sign, Stabilization};

use crate::experiment::Experiment;
use crate::findings::Findings;
use crate::setting::{Setting, series_names};

/// An experiment without records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The version of stepwell that computed it.
    pub version: String,
    /// A shell command that makes it again.
    pub command: String,
    /// A line for people.
    pub title: String,
    /// What step sizes are counted in, where that is not 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_size_unit: Option<String>,
    /// Its settings.
    pub settings: Vec<SettingSummary>,
    /// What was found beyond single runs.
    pub findings: Findings,
    /// What a reader must know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A setting without records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SettingSummary {
    /// What it is called.
    pub label: String,
    /// Number of steps of a run.
    pub steps: u64,
    /// The last step before the step size falls for the first time.
    pub last_large: u64,
    /// How many of the runs that ended diverged, with a 95% interval.
    pub diverged: Share,
    /// Median and quantiles of the last values on the recording grid, over the runs that did not diverge.
    #[serde(rename = "final")]
    pub finals: BTreeMap<String, Band>,
    /// The same after the last step.
    pub end: BTreeMap<String, Band>,
    /// What the loss does while the step size is large, over its runs.
    pub stabilization: Pooled,
    /// Its runs, in the order of their seeds.
    pub runs: Vec<RunSummary>,
    /// The run with the published data and indices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_published: Option<RunSummary>,
    /// Its step sizes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timetable: Option<Timetable>,
}

/// A run without records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    /// Its seed.
    pub seed: u64,
    /// `finished`, `diverged` or `interrupted`.
    pub status: Ended,
    /// The step at which it was noticed that it diverged, and by what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub divergence: Option<Divergence>,
    /// What its step sizes were multiplied with, where they are relative to a threshold.
    #[serde(default = "one", skip_serializing_if = "is_one", with = "stepwell::number")]
    pub unit: f64,
    /// Whether somebody set its parameters or step size on the way.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub altered: bool,
    /// The last step on the recording grid; 0 if nothing was recorded.
    pub last_recorded: u64,
    /// The values there, or where each was recorded last.
    pub last: BTreeMap<String, Number>,
    /// The values after the last step.
    pub end: BTreeMap<String, Number>,
    /// What its loss did while the step size was large.
    pub stabilization: Stabilization,
}

/// How a run ended, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// All steps were taken.
    Finished,
    /// It diverged: a result.
    Diverged,
    /// It was stopped on the way.
    Interrupted,
}

fn one() -> f64 {
    1.0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it")]
fn is_one(unit: &f64) -> bool {
    *unit == 1.0
}

impl Ended {
    /// The word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Diverged => "diverged",
            Self::Interrupted => "interrupted",
        }
    }
}

impl Summary {
    /// The summary of an experiment that this version and this command made.
    pub fn of(experiment: &Experiment, version: &str, command: &str) -> Self {
        let Experiment { title, settings, findings, step_size_unit, notes } = experiment;
        Self {
            version: version.into(),
            command: command.into(),
            title: title.clone(),
            step_size_unit: step_size_unit.clone(),
            settings: settings.iter().map(SettingSummary::of).collect(),
            findings: findings.clone(),
            notes: notes.clone(),
        }
    }

    /// The experiment again, with the records that `recorded` finds for a label, a seed and whether it is the published run.
    pub fn experiment(&self, mut recorded: impl FnMut(&str, u64, bool) -> Records) -> Experiment {
        let setting = |summary: &SettingSummary| {
            let mut outcome = |run: &RunSummary, published| run.outcome(recorded(&summary.label, run.seed, published));
            Setting {
                label: summary.label.clone(),
                steps: summary.steps,
                last_large: summary.last_large,
                timetable: summary.timetable.clone(),
                outcomes: summary.runs.iter().map(|run| outcome(run, false)).collect(),
                as_published: summary.as_published.as_ref().map(|run| outcome(run, true)),
            }
        };
        Experiment {
            title: self.title.clone(),
            settings: self.settings.iter().map(setting).collect(),
            findings: self.findings.clone(),
            step_size_unit: self.step_size_unit.clone(),
            notes: self.notes.clone(),
        }
    }
}

impl SettingSummary {
    fn of(setting: &Setting) -> Self {
        let ends = |name: &str| setting.outcomes.iter().map(|run| run.end_value(name)).collect::<Vec<_>>();
        let names = series_names([setting]);
        let end_names = setting.outcomes.iter().map(|run| &run.end).max_by_key(|end| end.len());
        Self {
            label: setting.label.clone(),
            steps: setting.steps,
            last_large: setting.last_large,
            diverged: setting.diverged(),
            finals: names.iter().map(|name| (name.clone(), setting.band(name))).collect(),
            end: end_names.into_iter().flatten().map(|(name, _)| (name.to_string(), Band::of(&ends(name)))).collect(),
            stabilization: setting.stabilization(),
            runs: setting.outcomes.iter().map(RunSummary::of).collect(),
            as_published: setting.as_published.as_ref().map(RunSummary::of),
            timetable: setting.timetable.clone(),
        }
    }
}

impl RunSummary {
    /// Of a run.
    pub fn of(run: &Outcome) -> Self {
        let numbers = || run.records.series.iter().filter(|series| series.width == 1);
        Self {
            seed: run.seed,
            status: match run.status {
                _ if run.diverged() => Ended::Diverged,
                Status::Running => Ended::Interrupted,
                Status::Finished | Status::Overflowed { .. } => Ended::Finished,
            },
            divergence: run.divergence,
            unit: run.unit,
            altered: run.altered,
            last_recorded: numbers().filter_map(|series| series.steps.last().copied()).max().unwrap_or(0),
            last: numbers().map(|series| (series.name.to_string(), Number(series.last()))).collect(),
            end: run.end.iter().map(|(name, value)| (name.to_string(), Number(*value))).collect(),
            stabilization: run.stabilization,
        }
    }

    /// The outcome again, with its records; values after the last step may stand among these.
    pub fn outcome(&self, mut records: Records) -> Outcome {
        for series in records.series.iter_mut().filter(|series| series.width == 1) {
            let on_grid = series.steps.partition_point(|step| *step <= self.last_recorded);
            series.steps.truncate(on_grid);
            series.values.truncate(on_grid);
        }
        records.series.retain(|series| !series.steps.is_empty());
        Outcome {
            seed: self.seed,
            status: match (self.status, self.divergence) {
                (Ended::Interrupted, _) => Status::Running,
                (Ended::Diverged, Some(Divergence { step, by })) if by != Sign::Growth => Status::Overflowed { step },
                _ => Status::Finished,
            },
            divergence: self.divergence,
            stabilization: self.stabilization,
            parameters: Vec::new(),
            records,
            end: self.end.iter().map(|(name, value)| (Cow::Owned(name.clone()), value.0)).collect(),
            unit: self.unit,
            altered: self.altered,
        }
    }
}
