//! The runs of a plan, one at a time, and what is known of each when it has ended.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use stepwell::outcome::Outcome;
use stepwell::record::Records;
use stepwell::spec::{ArraySource, Prepared};

use super::plan::Plan;
use crate::drive::{Job, Watch, one};
use crate::error::LabError;
use crate::summary::{Ended, RunSummary};

/// What is known of a run of a sweep beside its records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunEntry {
    /// The run's number.
    pub run: u64,
    /// The step at which it ended; 0 of one that could not be computed.
    pub step: u64,
    /// Its summary, unless it could not be computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<RunSummary>,
    /// Why it could not be computed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub error: String,
}

impl RunEntry {
    /// Of a run that could not be computed.
    pub fn failed(run: u64, error: impl Into<String>) -> Self {
        Self { run, step: 0, summary: None, error: error.into() }
    }

    /// Whether it could not be computed.
    pub fn has_failed(&self) -> bool {
        self.summary.is_none()
    }

    /// Whether it diverged.
    pub fn diverged(&self) -> bool {
        self.summary.as_ref().is_some_and(|summary| summary.status == Ended::Diverged)
    }
}

/// Prepared settings, the latest few: neighboring chunks have settings in common.
pub struct Preparations<'a> {
    files: &'a (dyn ArraySource + 'a),
    latest: Mutex<VecDeque<(usize, Arc<Prepared>)>>,
}

const KEPT: usize = 16;

impl<'a> Preparations<'a> {
    /// Of specs that read their arrays from `files`.
    pub fn new(files: &'a (dyn ArraySource + 'a)) -> Self {
        Self { files, latest: Mutex::default() }
    }

    /// The setting of a plan, ready to start.
    ///
    /// # Errors
    /// If it is no spec, or its data are refused.
    pub fn get(&self, plan: &Plan, setting: usize) -> Result<Arc<Prepared>, String> {
        let like = {
            let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((_, prepared)) = latest.iter().find(|(known, _)| *known == setting) {
                return Ok(Arc::clone(prepared));
            }
            latest.back().map(|(_, prepared)| Arc::clone(prepared))
        };
        let prepared = plan.spec(setting)?.prepare_like(like.as_deref(), self.files);
        let prepared = Arc::new(prepared.map_err(|error| error.to_string())?);
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if latest.len() == KEPT {
            latest.pop_front();
        }
        latest.push_back((setting, Arc::clone(&prepared)));
        Ok(prepared)
    }
}

/// A run of the plan that `hash` tells apart from others: what is known of it, and its records, values after the last step
/// included. `None` if it was stopped.
///
/// # Errors
/// What the watcher could not do. A run that cannot be computed is an entry.
pub fn run(
    plan: &Plan,
    preparations: &Preparations<'_>,
    number: u64,
    hash: &str,
    watch: &dyn Watch,
) -> Result<Option<(RunEntry, Records)>, LabError> {
    let planned = plan.run(number);
    let prepared = match preparations.get(plan, planned.setting) {
        Ok(prepared) => prepared,
        Err(why) => return Ok(Some((RunEntry::failed(number, why), Records::default()))),
    };
    let costly = planned.seed_index < prepared.spec().record.costly_seeds;
    let description = format!("run {number} of plan {hash}");
    let open = || Ok(prepared.session_on(planned.seed, prepared.data(planned.seed)?, prepared.record_plan(costly)));
    let outcome = match one(&Job::new("", planned.seed, description, open), watch) {
        Ok(outcome) => outcome,
        Err(LabError::Spec(error)) => {
            return Ok(Some((RunEntry::failed(number, error.to_string()), Records::default())));
        }
        Err(error) => return Err(error),
    };
    Ok(outcome.has_ended().then(|| ended(number, &prepared, &outcome)))
}

fn ended(run: u64, prepared: &Prepared, outcome: &Outcome) -> (RunEntry, Records) {
    let steps = prepared.spec().steps;
    let summary = RunSummary::of(outcome);
    let step = outcome.diverged_at().unwrap_or(steps);
    (RunEntry { run, step, summary: Some(summary), error: String::new() }, outcome.all_records(steps))
}
