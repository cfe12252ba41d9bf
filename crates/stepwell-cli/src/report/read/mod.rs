//! Reads folders of results, and says what is wrong with those that cannot be read.

mod reproduction;
mod run;
mod sweep;

use std::path::Path;

use serde_json::Value;
use stepwell::record::grid;
use stepwell::schedule::Timetable;
use stepwell::spec::Spec;
use stepwell_plot::report::experiment::Experiment;
use stepwell_store::kept;

use super::records_csv::{self, Recorded};
use crate::failure::Failure;

/// Reads a folder that `run`, `reproduce` or `sweep` made. Where results are missing it is refused, unless `partial`.
pub fn read(path: &Path, partial: bool) -> Result<Experiment, Failure> {
    let place = path.display();
    let refuse = |why: &str| Err(Failure::usage(format!("{place}: {why}")));
    if !path.exists() {
        return refuse("no such folder; expected a folder of results of run, reproduce or sweep");
    }
    if !path.is_dir() {
        return refuse("is a file; expected a folder of results of run, reproduce or sweep");
    }
    let has = |name: &str| path.join(name).exists();
    if has("plan.toml") {
        sweep::read(path, partial)
    } else if has("run.toml") {
        run::read(path, partial)
    } else if has(kept::FILE) || has("trials.tsv") {
        refuse("holds a phase diagram or an advice, which has no series over steps; its figure and JSON lie there")
    } else if has("spec.toml") && has("records.csv") {
        reproduction::read(path)
    } else if std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none()) {
        refuse("is empty; expected results of run, reproduce or sweep")
    } else {
        refuse("holds no results of run, reproduce or sweep (no run.toml, spec.toml with records.csv, or plan.toml)")
    }
}

/// The last part of a path.
fn name_of(path: &Path) -> String {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    absolute.file_name().map_or_else(|| "results".into(), |name| name.to_string_lossy().into_owned())
}

fn text_of(path: &Path) -> Result<String, Failure> {
    let failed = |why: String| Failure::other(format!("{}: {why}", path.display()));
    let bytes = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
    String::from_utf8(bytes).map_err(|_| corrupt(path, "is not text"))
}

fn corrupt(path: &Path, why: impl std::fmt::Display) -> Failure {
    Failure::corrupt(format!("{}: {why}", path.display()))
}

fn spec_of(path: &Path, text: &str) -> Result<Spec, Failure> {
    toml::from_str(text).map_err(|error| corrupt(path, error.message()))
}

fn records_of(path: &Path) -> Result<Vec<Recorded>, Failure> {
    let place = path.join("records.csv");
    records_csv::parse(&text_of(&place)?).map_err(|why| corrupt(&place, why))
}

fn summary_of(path: &Path) -> Result<Value, Failure> {
    let place = path.join("summary.json");
    serde_json::from_str(&text_of(&place)?).map_err(|error| corrupt(&place, error))
}

/// The step sizes that a spec without variants asks for; of a relative schedule in units of the threshold.
fn timetable(spec: &Spec) -> Option<Timetable> {
    let schedule = spec.schedule.build(spec.steps).ok()?;
    Some(Timetable::new(&schedule, spec.steps, grid(spec.steps, spec.record.first, spec.record.points)))
}

/// What step sizes are counted in.
fn unit(spec: &Spec) -> Option<&'static str> {
    let relative = spec.schedule.relative || spec.variants.iter().flat_map(|v| &v.schedule).any(|s| s.relative);
    relative.then_some("in units of each run's threshold")
}
