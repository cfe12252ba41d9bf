//! What a folder of results holds, whichever command made it.

use stepwell::record::{Records, Series};
use stepwell::schedule::Timetable;
use stepwell::statistics::{Band, Share};

use crate::series::band;

/// One folder.
pub struct Experiment {
    /// The folder's own name.
    pub name: String,
    /// Its spec's title, else the folder's name.
    pub title: String,
    /// The version that computed it.
    pub version: String,
    /// The spec with all defaults, as TOML.
    pub spec: String,
    /// A shell command that makes it again.
    pub command: String,
    /// What the step sizes are counted in, where that is not 1.
    pub step_size_unit: Option<&'static str>,
    /// Its settings.
    pub groups: Vec<Group>,
    /// What a reader must know: parts that are missing.
    pub notes: Vec<String>,
}

/// The runs of one setting.
pub struct Group {
    /// What the setting is called.
    pub label: String,
    /// Its runs, in the order of their seeds.
    pub runs: Vec<Run>,
    /// Its step sizes, where the spec tells them.
    pub timetable: Option<Timetable>,
}

/// One run.
pub struct Run {
    /// Its seed, or another name.
    pub seed: String,
    /// Whether it is one of the runs that statistics are about; a published run stands beside them.
    pub counts: bool,
    /// How it ended.
    pub end: End,
    /// What was recorded.
    pub records: Records,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// All steps were taken.
    Finished,
    /// It diverged at this step.
    Diverged(u64),
    /// It was interrupted, or could not be computed.
    Unfinished,
}

impl Run {
    /// The step at which it diverged.
    pub fn diverged_at(&self) -> Option<u64> {
        if let End::Diverged(step) = self.end { Some(step) } else { None }
    }
}

impl Group {
    /// The runs that statistics are about.
    pub fn counted(&self) -> impl Iterator<Item = &Run> {
        self.runs.iter().filter(|run| run.counts)
    }

    /// How many of them diverged.
    pub fn diverged(&self) -> Share {
        let known: Vec<&Run> = self.counted().filter(|run| run.end != End::Unfinished).collect();
        Share::of(known.iter().filter(|run| run.diverged_at().is_some()).count(), known.len())
    }

    /// Whether all of them diverged.
    pub fn none_left(&self) -> bool {
        self.counted().all(|run| run.diverged_at().is_some())
    }

    /// Records of the runs that did not diverge; of all where none is left, since lines up to there are better than none.
    pub fn survivors(&self) -> Vec<&Records> {
        let all = self.none_left();
        self.counted().filter(|run| all || run.diverged_at().is_none()).map(|run| &run.records).collect()
    }

    /// Median and quantiles of a series' last values, over the runs that finished.
    pub fn last(&self, series: &str) -> Band {
        let finished = self.counted().filter(|run| run.end == End::Finished);
        Band::of(&finished.map(|run| run.records.last(series)).collect::<Vec<_>>())
    }
}

impl Experiment {
    /// All runs.
    pub fn runs(&self) -> impl Iterator<Item = &Run> {
        self.groups.iter().flat_map(|group| &group.runs)
    }
}

/// A group's name among those of several experiments.
pub fn full_label(experiments: &[Experiment], experiment: &Experiment, group: &Group) -> String {
    let Experiment { name, title, .. } = experiment;
    match experiments.len() {
        1 => group.label.clone(),
        _ if group.label == *title => name.clone(),
        _ => format!("{name}: {}", group.label),
    }
}

/// Names of all series, in the order in which they are met: losses first, since they are looked at first. Step sizes are
/// left out where the specs tell them.
pub fn series_names(experiments: &[Experiment]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let told = experiments.iter().flat_map(|e| &e.groups).all(|group| group.timetable.is_some());
    for series in experiments.iter().flat_map(Experiment::runs).flat_map(|run| &run.records.series) {
        if !(names.iter().any(|name| *name == series.name) || told && series.name == "step_size") {
            names.push(series.name.to_string());
        }
    }
    names.sort_by_key(|name| !name.ends_with("loss"));
    names
}

/// Whether a series is looked at on a logarithmic axis: losses, and what is positive and has medians over three decades.
pub fn is_logarithmic(series: &str, experiments: &[Experiment]) -> bool {
    let groups = experiments.iter().flat_map(|experiment| &experiment.groups).filter(|group| !group.none_left());
    let medians = groups.flat_map(|group| band(&group.survivors(), series).0).map(|(_, median)| median);
    let (low, high) = medians
        .filter(|median| median.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), median| (low.min(median), high.max(median)));
    series.ends_with("loss") || low > 0.0 && high / low > 1e3
}

/// Leaves the named series alone; the step sizes too are drawn only if they are named.
///
/// # Errors
/// A name that nothing was recorded under, with those that there are.
pub fn select(experiments: &mut [Experiment], wanted: &[String]) -> Result<(), String> {
    let mut known = series_names(experiments);
    known.push("step_size".into());
    if let Some(name) = wanted.iter().find(|name| !known.contains(name)) {
        return Err(format!("no series `{name}`, expected some of: {}", known.join(", ")));
    }
    for group in experiments.iter_mut().flat_map(|experiment| &mut experiment.groups) {
        for run in &mut group.runs {
            run.records.series.retain(|series| wanted.iter().any(|name| *name == series.name));
        }
        if let Some(timetable) = group.timetable.as_mut().filter(|_| !wanted.iter().any(|name| name == "step_size")) {
            timetable.line.clear();
        }
    }
    Ok(())
}

/// The last step that any run recorded or reached.
pub fn last_step(run: &Run) -> u64 {
    let recorded = run.records.series.iter().filter_map(|series: &Series| series.steps.last().copied()).max();
    recorded.unwrap_or(0).max(run.diverged_at().unwrap_or(0))
}
