//! The folder of a sweep as an experiment.

use std::collections::HashMap;
use std::path::Path;

use stepwell::outcome::Outcome;
use stepwell::record::{Records, grid};
use stepwell::schedule::Timetable;
use stepwell::spec::Spec;
use stepwell_lab::experiment::Experiment;
use stepwell_lab::findings::Findings;
use stepwell_lab::runs::RELATIVE;
use stepwell_lab::setting::Setting;
use stepwell_lab::sweep::plan::Plan;

use super::collect::checked;
use super::folder::SweepFolder;
use crate::error::StoreError;

/// Reads a folder, and its plan. With `partial` also one whose sweep is not complete.
///
/// # Errors
/// If chunks are missing or damaged.
pub fn read(path: &Path, partial: bool) -> Result<(Plan, Experiment), StoreError> {
    let folder = SweepFolder::open(path)?;
    let plan = &folder.plan;
    let chunks = folder.computed(partial)?;
    let absent = plan.chunks() - chunks.len() as u64;
    let mut settings = Vec::new();
    for setting in 0..plan.settings.len() {
        settings.push(empty(plan.label(setting), &plan.spec(setting).map_err(StoreError::input)?));
    }
    let mut failed = 0;
    for chunk in chunks {
        let (place, file) = checked(&folder, chunk)?;
        let rows = file.rows().map_err(|error| StoreError::corrupt(format!("{}: {error}", place.display())))?;
        let mut records: HashMap<u64, Records> = rows.into_iter().collect();
        for entry in &file.entries {
            let planned = plan.run(entry.run);
            let records = records.remove(&entry.run).unwrap_or_default();
            failed += u64::from(entry.has_failed());
            let outcome = match &entry.summary {
                Some(summary) => summary.outcome(records),
                None => Outcome::not_begun(planned.seed),
            };
            settings[planned.setting].outcomes.push(outcome);
        }
    }
    settings.retain(|setting| !setting.outcomes.is_empty());
    let mut notes = Vec::new();
    if absent > 0 {
        notes.push(format!("{absent} of {} chunks were not computed yet.", plan.chunks()));
    }
    if failed > 0 {
        notes.push(format!("{failed} runs failed (see `stepwell sweep status`)."));
    }
    let base = plan.spec(0).map_err(StoreError::input)?;
    let step_size_unit = base.schedule.relative.then(|| RELATIVE.into());
    let title = base.title.unwrap_or_default();
    let experiment = Experiment { title, settings, findings: Findings::Runs, step_size_unit, notes };
    Ok((folder.plan, experiment))
}

/// A setting without runs.
fn empty(label: String, spec: &Spec) -> Setting {
    let schedule = spec.schedule.build(spec.steps).ok();
    let points = grid(spec.steps, spec.record.first, spec.record.points);
    Setting {
        label,
        steps: spec.steps,
        last_large: schedule.as_ref().map_or(spec.steps, |schedule| schedule.last_step_before_decay(spec.steps)),
        timetable: schedule.map(|schedule| Timetable::new(&schedule, spec.steps, points)),
        outcomes: Vec::new(),
        as_published: None,
    }
}
