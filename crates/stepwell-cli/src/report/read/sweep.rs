//! The folder of `stepwell sweep`.

use std::collections::HashMap;
use std::path::Path;

use stepwell::record::{Records, Series};
use stepwell_plot::report::experiment::{End, Experiment, Group, Run};

use super::{name_of, timetable, unit};
use crate::failure::Failure;
use crate::report::remake;
use crate::sweep::chunk::{self, Rows, RunEnd};
use crate::sweep::collect::checked;
use crate::sweep::folder::SweepFolder;
use crate::sweep::plan::Plan;

/// Reads it.
pub fn read(path: &Path, partial: bool) -> Result<Experiment, Failure> {
    let folder = SweepFolder::open(path)?;
    let plan = &folder.plan;
    let absent = (0..plan.chunks()).filter(|chunk| !folder.has(*chunk)).count();
    if absent > 0 && !partial {
        return Err(Failure::other(format!(
            "{absent} of {} chunks are not computed yet; `stepwell sweep run {}` computes them, --partial does without",
            plan.chunks(),
            path.display()
        )));
    }
    let base = plan.spec(0).map_err(Failure::input)?;
    let mut groups = (0..plan.settings.len())
        .map(|setting| {
            let spec = plan.spec(setting).map_err(Failure::input)?;
            Ok(Group { label: label(plan, setting), runs: Vec::new(), timetable: timetable(&spec) })
        })
        .collect::<Result<Vec<_>, Failure>>()?;
    let mut failed = 0;
    for chunk in (0..plan.chunks()).filter(|chunk| folder.has(*chunk)) {
        let (place, file) = checked(&folder, chunk)?;
        let rows = file.rows().map_err(|error| Failure::corrupt(format!("{}: {error}", place.display())))?;
        let mut records = split(&rows);
        for end in &file.ends {
            let planned = plan.run(end.run);
            failed += u64::from(end.end == chunk::End::Failed);
            groups[planned.setting].runs.push(Run {
                seed: planned.seed.to_string(),
                counts: true,
                end: how(end),
                records: records.remove(&end.run).unwrap_or_default(),
            });
        }
    }
    groups.retain(|group| !group.runs.is_empty());
    let mut notes = Vec::new();
    if absent > 0 {
        notes.push(format!("{absent} of {} chunks were not computed yet.", plan.chunks()));
    }
    if failed > 0 {
        notes.push(format!("{failed} runs failed (see `stepwell sweep status`)."));
    }
    Ok(Experiment {
        name: name_of(path),
        title: base.title.clone().unwrap_or_else(|| name_of(path)),
        version: plan.version.clone(),
        spec: toml::to_string_pretty(&plan.base).unwrap_or_default(),
        command: remake::sweep(plan, &name_of(path)),
        step_size_unit: unit(&base),
        groups,
        notes,
    })
}

fn how(end: &RunEnd) -> End {
    match end.end {
        chunk::End::Finished => End::Finished,
        chunk::End::Diverged => End::Diverged(end.step),
        chunk::End::Failed => End::Unfinished,
    }
}

/// `step_size = 0.1, gain = 3.0`: keys by their last part, where that tells them apart.
fn label(plan: &Plan, setting: usize) -> String {
    let tail = |key: &str| key.rsplit('.').next().unwrap_or(key).to_string();
    let short = |key: &String| {
        let alone = plan.keys.iter().filter(|other| tail(other) == tail(key)).count() == 1;
        if alone { tail(key) } else { key.clone() }
    };
    let pairs = plan.keys.iter().zip(&plan.settings[setting]);
    let words: Vec<String> = pairs
        .map(|(key, value)| match value.as_str() {
            Some(text) => format!("{} = {text}", short(key)),
            None => format!("{} = {value}", short(key)),
        })
        .collect();
    if words.is_empty() { "all runs".into() } else { words.join(", ") }
}

/// The rows of a chunk, run by run.
fn split(rows: &Rows) -> HashMap<u64, Records> {
    let mut runs: HashMap<u64, Records> = HashMap::new();
    let mut from = 0;
    while from < rows.run.len() {
        let key = (rows.run[from], rows.series[from]);
        let same = (from..rows.run.len()).take_while(|k| (rows.run[*k], rows.series[*k]) == key).count();
        let range = from..from + same;
        runs.entry(key.0 as u64).or_default().series.push(Series {
            name: rows.names[key.1 as usize].clone().into(),
            width: 1,
            steps: rows.step[range.clone()].iter().map(|step| *step as u64).collect(),
            values: rows.value[range.clone()].to_vec(),
        });
        from = range.end;
    }
    runs
}
