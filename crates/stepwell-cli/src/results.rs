//! Folders of results, whichever command made them, and what is wrong with those that cannot be read.

use std::path::Path;

use stepwell_plot::report::source::{Source, full_label};
use stepwell_store::run_folder::{self, is_a_sweep, refuse_older};
use stepwell_store::sweep;
use stepwell_store::tensorboard::Named;

use crate::failure::Failure;
use crate::remake;

/// Reads a folder. Where results are missing it is refused, unless `partial`.
pub fn read(path: &Path, partial: bool) -> Result<Source, Failure> {
    let place = path.display();
    let refuse = |why: &str| Err(Failure::usage(format!("{place}: {why}")));
    if !path.exists() {
        return refuse("no such folder; expected a folder of results");
    }
    if !path.is_dir() {
        return refuse("is a file; expected a folder of results");
    }
    if std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none()) {
        return refuse("is empty; expected a folder of results");
    }
    refuse_older(path)?;
    if !path.join(run_folder::HEAD).exists() {
        return refuse("holds no results of stepwell (no run.toml)");
    }
    let name = name_of(path);
    let mut source = if is_a_sweep(path) {
        let (plan, experiment) = sweep::results::read(path, partial)?;
        let command = remake::sweep(&plan, &name);
        let spec = toml::to_string_pretty(&plan.base).unwrap_or_default();
        Source { name, version: plan.version, spec, command, experiment }
    } else {
        let (heading, experiment) = run_folder::read(path, partial)?;
        let command = remake::again(&heading, &name);
        Source { name, version: heading.version, spec: heading.spec, command, experiment }
    };
    if source.experiment.title.is_empty() {
        source.experiment.title.clone_from(&source.name);
    }
    // pages and event files show where runs end, too
    for setting in &mut source.experiment.settings {
        let steps = setting.steps;
        for run in setting.as_published.iter_mut().chain(&mut setting.outcomes) {
            run.records = run.all_records(steps);
        }
    }
    Ok(source)
}

/// The last part of a path.
fn name_of(path: &Path) -> String {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    absolute.file_name().map_or_else(|| "results".into(), |name| name.to_string_lossy().into_owned())
}

/// All runs with names of their own.
pub fn named(sources: &[Source]) -> Vec<Named<'_>> {
    let mut out = Vec::new();
    for source in sources {
        for setting in &source.experiment.settings {
            let label = full_label(sources, source, setting);
            out.extend(setting.as_published.iter().map(|run| Named {
                setting: label.clone(),
                run: "published".into(),
                outcome: run,
            }));
            out.extend(setting.outcomes.iter().map(|run| Named {
                setting: label.clone(),
                run: run.seed.to_string(),
                outcome: run,
            }));
        }
    }
    out
}
