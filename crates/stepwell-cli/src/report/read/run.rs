//! The folder of `stepwell run`.

use std::path::Path;

use serde_json::Value;
use stepwell::record::Records;
use stepwell_plot::report::experiment::{End, Experiment, Group, Run};

use super::{corrupt, name_of, records_of, spec_of, summary_of, text_of, timetable, unit};
use crate::failure::Failure;
use crate::report::remake;

/// What the first line of `run.toml` says: `# stepwell 0.1.0; seed 1, 20 seeds`.
struct Header {
    version: String,
    first_seed: u64,
    seeds: u64,
}

impl Header {
    fn parse(line: &str) -> Option<Self> {
        let (version, rest) = line.strip_prefix("# stepwell ")?.split_once("; seed ")?;
        let (first, count) = rest.split_once(", ")?;
        let seeds = count.split(' ').next()?.parse().ok()?;
        Some(Self { version: version.into(), first_seed: first.parse().ok()?, seeds })
    }
}

/// Reads it.
pub fn read(path: &Path, partial: bool) -> Result<Experiment, Failure> {
    let place = path.join("run.toml");
    let text = text_of(&place)?;
    let (first, body) = text.split_once('\n').unwrap_or((&text, ""));
    let header = Header::parse(first).ok_or_else(|| corrupt(&place, "expected `# stepwell VERSION; seed N, ..`"))?;
    let spec = spec_of(&place, body)?;
    let mut notes = Vec::new();
    let (recorded, summary) = if path.join("summary.json").exists() {
        (records_of(path)?, summary_of(path)?)
    } else if !partial {
        return Err(Failure::other(format!(
            "{}: the run has not ended (no summary.json); `stepwell run .. --resume` completes it, --partial does without",
            path.display()
        )));
    } else {
        notes.push("The run had not ended; what it had recorded is shown.".into());
        (if path.join("records.csv").exists() { records_of(path)? } else { Vec::new() }, Value::Null)
    };
    let title = spec.title.clone().unwrap_or_else(|| name_of(path));
    let settings = if spec.variants.is_empty() {
        vec![(spec.title.clone().unwrap_or_else(|| "run".into()), timetable(&spec))]
    } else {
        spec.variants.iter().map(|variant| (variant.label.clone(), timetable(&spec.with_variant(variant)))).collect()
    };
    let alone = settings.len() == 1 && header.seeds == 1;
    let group = |(label, timetable): (String, _)| {
        let one = |seed: String| {
            let mut found = recorded.iter().filter(|run| alone || (run.label == label && run.seed == seed));
            let records = found.next().map_or_else(Records::default, |run| run.records.clone());
            Run { end: end(&summary, &label, &seed), counts: true, seed, records }
        };
        let runs = (0..header.seeds).map(|k| one(header.first_seed.wrapping_add(k).to_string())).collect();
        Group { label: label.clone(), runs, timetable }
    };
    Ok(Experiment {
        name: name_of(path),
        title,
        version: header.version,
        command: remake::run(body, header.first_seed, header.seeds, &name_of(path)),
        spec: body.to_string(),
        step_size_unit: unit(&spec),
        groups: settings.into_iter().map(group).collect(),
        notes,
    })
}

/// How a run ended, as the summary has it.
fn end(summary: &Value, label: &str, seed: &str) -> End {
    let settings = summary["settings"].as_array().into_iter().flatten();
    let runs = settings.filter(|setting| setting["label"] == label).flat_map(|setting| setting["runs"].as_array());
    let seed: Option<u64> = seed.parse().ok();
    match runs.flatten().find(|run| run["seed"].as_u64() == seed) {
        Some(run) => match (run["status"].as_str(), run["diverged_at"].as_u64()) {
            (Some("diverged"), Some(step)) => End::Diverged(step),
            (Some("finished"), _) => End::Finished,
            _ => End::Unfinished,
        },
        None => End::Unfinished,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_understood() {
        let header = Header::parse("# stepwell 0.1.0; seed 3, 20 seeds").unwrap();
        assert_eq!((header.version.as_str(), header.first_seed, header.seeds), ("0.1.0", 3, 20));
        assert_eq!(Header::parse("# stepwell 0.1.0; seed 3, 1 seed").unwrap().seeds, 1);
        assert!(Header::parse("steps = 3").is_none());
    }
}
