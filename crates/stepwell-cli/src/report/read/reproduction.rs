//! The folder of `stepwell reproduce`.

use std::path::Path;

use serde_json::Value;
use stepwell_plot::report::experiment::{End, Experiment, Group, Run};

use super::{name_of, records_of, spec_of, summary_of, text_of, timetable, unit};
use crate::failure::Failure;
use crate::records_rows::AS_PUBLISHED;
use crate::report::remake;

/// Reads it.
pub fn read(path: &Path) -> Result<Experiment, Failure> {
    let place = path.join("spec.toml");
    let text = text_of(&place)?;
    let mut spec = spec_of(&place, &text)?;
    if !path.join("summary.json").exists() {
        return Err(Failure::other(format!(
            "{}: the reproduction has not ended (no summary.json); start it again",
            path.display()
        )));
    }
    let summary = summary_of(path)?;
    use_relative_sizes(&mut spec, &summary);
    let title = spec.title.clone().unwrap_or_else(|| name_of(path));
    let mut groups: Vec<Group> = Vec::new();
    for found in records_of(path)? {
        // folders of version 0.1 have the published run under its setting's label, with a word for its seed
        let published = found.label.ends_with(AS_PUBLISHED) || found.seed == "published";
        let own = found.label.strip_suffix(AS_PUBLISHED).unwrap_or(&found.label);
        let label = if own.is_empty() { title.clone() } else { own.to_string() };
        let known = groups.iter().position(|group| group.label == label).unwrap_or_else(|| {
            let variant = spec.variants.iter().find(|variant| variant.label == label);
            let timetable = timetable(&variant.map_or_else(|| spec.clone(), |variant| spec.with_variant(variant)));
            groups.push(Group { label: label.clone(), runs: Vec::new(), timetable });
            groups.len() - 1
        });
        let end = end(&summary, &found.label, &found.seed);
        let seed = if published { "published".into() } else { found.seed };
        groups[known].runs.push(Run { seed, counts: !published, end, records: found.records });
    }
    let words = |key: &str| summary[key].as_str().unwrap_or_default().to_string();
    let command = if summary["command"].is_string() { words("command") } else { remake::reproduce(&words("figure")) };
    Ok(Experiment {
        name: name_of(path),
        title,
        version: words("version"),
        command,
        spec: text,
        step_size_unit: unit(&spec),
        groups,
        notes: Vec::new(),
    })
}

/// Step sizes as `--relative` made them.
fn use_relative_sizes(spec: &mut stepwell::spec::Spec, summary: &Value) {
    for run in summary["runs"].as_array().into_iter().flatten().filter(|run| run["relative"] == true) {
        let variant = spec.variants.iter_mut().find(|variant| run["label"] == *variant.label);
        if let (Some(schedule), Some(size)) = (variant.and_then(|v| v.schedule.as_mut()), run["step_size"].as_f64()) {
            (schedule.step_size, schedule.relative) = (size, true);
        }
    }
}

fn end(summary: &Value, label: &str, seed: &str) -> End {
    let mut diverged = summary["diverged_runs"].as_array().into_iter().flatten();
    let same =
        |run: &&Value| run["label"] == label && (run["seed"] == seed || run["seed"].as_u64() == seed.parse().ok());
    diverged.find(same).and_then(|run| run["step"].as_u64()).map_or(End::Finished, End::Diverged)
}
