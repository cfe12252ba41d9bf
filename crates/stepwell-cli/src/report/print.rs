//! The figure of folders of results for print: as SVG, PNG or PDF.

use super::experiment::{Experiment, Run, series_names};
use super::model::{drawn, full_label};
use crate::figures::series::{Group, legend, panels};
use crate::figures::{COLORS, Entry, Figure, INK, Mark};

/// A panel a series over the median and the band of each setting, `columns` side by side.
pub fn figure(experiments: &[Experiment], columns: usize) -> Figure {
    let mut names = series_names(experiments);
    let drawn = drawn(experiments);
    if drawn.iter().any(|(_, group)| group.timetable.is_some()) {
        names.retain(|name| name != "step_size");
        names.push("step_size".into());
    }
    // what was measured only once has no line
    let has_line = |name: &String| {
        let long = |run: &Run| run.records.get(name).is_some_and(|series| series.steps.len() > 1);
        name == "step_size" || experiments.iter().flat_map(Experiment::runs).any(long)
    };
    names.retain(has_line);
    let labels: Vec<String> = drawn.iter().map(|(e, group)| full_label(experiments, e, group)).collect();
    let groups: Vec<Group<'_>> = drawn
        .iter()
        .zip(&labels)
        .zip(COLORS.into_iter().cycle())
        .map(|(((_, group), label), color)| Group {
            label,
            timetable: group.timetable.clone(),
            thin: group.runs.iter().find(|run| !run.counts).map(|run| &run.records),
            survivors: group.survivors(),
            diverged: group.diverged(),
            color,
        })
        .collect();
    let mut legend = legend(&groups);
    if groups.iter().any(|group| group.thin.is_some()) {
        legend.push(Entry { mark: Mark::Thin(INK), text: "the published data and indices".into() });
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    Figure { title: title(experiments), columns, panels: panels(&names, &groups), legend }
}

/// The titles of all folders, each once.
pub fn title(experiments: &[Experiment]) -> String {
    let mut titles: Vec<&str> = Vec::new();
    for experiment in experiments {
        if !titles.contains(&experiment.title.as_str()) {
            titles.push(&experiment.title);
        }
    }
    titles.join(" · ")
}
