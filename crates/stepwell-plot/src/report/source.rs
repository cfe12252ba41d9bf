//! What a folder of results holds, whichever command made it.

use stepwell::outcome::Outcome;
use stepwell::record::Series;
use stepwell::run::Status;
use stepwell::statistics::Band;
use stepwell_lab::experiment::Experiment;
use stepwell_lab::setting::Setting;

use crate::series::band;

/// An experiment, and where it comes from.
pub struct Source {
    /// The folder's own name.
    pub name: String,
    /// The version that computed it.
    pub version: String,
    /// The spec with all defaults, as TOML.
    pub spec: String,
    /// A shell command that makes it again.
    pub command: String,
    /// The experiment.
    pub experiment: Experiment,
}

impl Source {
    /// All runs, published ones included.
    pub fn runs(&self) -> impl Iterator<Item = &Outcome> {
        self.experiment.settings.iter().flat_map(Setting::runs)
    }
}

/// Median and quantiles of a series' last values, over the runs that finished and did not diverge.
pub(super) fn last(setting: &Setting, series: &str) -> Band {
    let finished = setting.outcomes.iter().filter(|run| run.status == Status::Finished && !run.diverged());
    Band::of(&finished.map(|run| run.records.last(series)).collect::<Vec<_>>())
}

/// A setting's name among those of several sources.
pub fn full_label(sources: &[Source], source: &Source, setting: &Setting) -> String {
    let Source { name, experiment, .. } = source;
    match sources.len() {
        1 => setting.label.clone(),
        _ if setting.label == experiment.title => name.clone(),
        _ => format!("{name}: {}", setting.label),
    }
}

/// All settings.
pub(super) fn settings(sources: &[Source]) -> impl Iterator<Item = &Setting> {
    sources.iter().flat_map(|source| &source.experiment.settings)
}

/// Names of all series of numbers, in the order in which they are met: losses first, since they are looked at first. Step sizes
/// are left out where they are known.
pub fn series_names(sources: &[Source]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let told = settings(sources).all(|setting| setting.timetable.is_some());
    let numbers = |series: &&Series| series.width == 1;
    for series in sources.iter().flat_map(Source::runs).flat_map(|run| &run.records.series).filter(numbers) {
        if !(names.iter().any(|name| *name == series.name) || told && series.name == "step_size") {
            names.push(series.name.to_string());
        }
    }
    names.sort_by_key(|name| !name.ends_with("loss"));
    names
}

/// Whether a series is looked at on a logarithmic axis: losses, and what is positive and has medians over three decades.
pub fn is_logarithmic(series: &str, sources: &[Source]) -> bool {
    let left = settings(sources).filter(|setting| !setting.all_diverged());
    let medians = left.flat_map(|setting| band(&setting.surviving_records(), series).line).map(|(_, median)| median);
    let (low, high) = medians
        .filter(|median| median.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), median| (low.min(median), high.max(median)));
    series.ends_with("loss") || low > 0.0 && high / low > 1e3
}

/// Leaves the named series alone; the step sizes too are drawn only if they are named.
///
/// # Errors
/// A name that nothing was recorded under, with those that there are.
pub fn select(sources: &mut [Source], wanted: &[String]) -> Result<(), String> {
    let mut known = series_names(sources);
    known.push("step_size".into());
    if let Some(name) = wanted.iter().find(|name| !known.contains(name)) {
        return Err(format!("no series `{name}`, expected some of: {}", known.join(", ")));
    }
    let is_wanted = |name: &str| wanted.iter().any(|wanted| wanted == name);
    for setting in sources.iter_mut().flat_map(|source| &mut source.experiment.settings) {
        for run in setting.as_published.iter_mut().chain(&mut setting.outcomes) {
            run.records.series.retain(|series| is_wanted(&series.name));
        }
        if let Some(timetable) = setting.timetable.as_mut().filter(|_| !is_wanted("step_size")) {
            timetable.line.clear();
        }
    }
    Ok(())
}

/// The last step that a run recorded or reached.
pub fn last_step(run: &Outcome) -> u64 {
    let recorded = run.records.series.iter().filter_map(|series: &Series| series.steps.last().copied()).max();
    recorded.unwrap_or(0).max(run.diverged_at().unwrap_or(0))
}
