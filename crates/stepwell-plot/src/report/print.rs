//! The figure of folders of results for print: as SVG, PNG or PDF.

use plotters::style::{Color, HSLColor};

use super::experiment::{self, Experiment, Run, full_label, is_logarithmic, series_names};
use super::model::{drawn, ramp};
use crate::axis::Scale;
use crate::figure::{Entry, Figure, Mark};
use crate::series::{Group, legend, panels};
use crate::style::{COLORS, INK, RGBColor};

/// One panel per series over the median and the band of each setting, `columns` side by side.
pub fn figure(experiments: &[Experiment], columns: usize) -> Figure {
    let mut names = series_names(experiments);
    let drawn = drawn(experiments);
    let has_sizes = |group: &experiment::Group| group.timetable.as_ref().is_some_and(|t| !t.line.is_empty());
    if drawn.iter().any(|(_, group)| has_sizes(group)) {
        names.retain(|name| name != "step_size");
        names.push("step_size".into());
    }
    // what was measured only once has no line
    let has_line = |name: &String| {
        let long = |run: &Run| run.records.get(name).is_some_and(|series| series.steps.len() > 1);
        (name == "step_size" && drawn.iter().any(|(_, group)| has_sizes(group)))
            || experiments.iter().flat_map(Experiment::runs).any(long)
    };
    names.retain(has_line);
    let labels: Vec<String> = drawn.iter().map(|(e, group)| full_label(experiments, e, group)).collect();
    // what diverges must not flatten the others
    let some_left = drawn.iter().any(|(_, group)| !group.none_left());
    let groups: Vec<Group<'_>> = drawn
        .iter()
        .zip(&labels)
        .enumerate()
        .map(|(k, ((_, group), label))| Group {
            label,
            timetable: group.timetable.clone(),
            thin: group.runs.iter().find(|run| !run.counts).map(|run| &run.records),
            survivors: if some_left && group.none_left() { Vec::new() } else { group.survivors() },
            diverged: group.diverged(),
            color: color(k, drawn.len()),
        })
        .collect();
    let mut legend = legend(&groups);
    if groups.iter().any(|group| group.thin.is_some()) {
        legend.push(Entry { mark: Mark::Thin(INK), text: "the published data and indices".into() });
    }
    let words: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut panels = panels(&words, &groups);
    for (panel, name) in panels.iter_mut().zip(&names).filter(|(_, name)| *name != "step_size") {
        panel.scale = if is_logarithmic(name, experiments) { Scale::Log } else { Scale::Linear };
    }
    if let (Some(unit), Some("step_size")) = (experiments.iter().find_map(|e| e.step_size_unit), words.last().copied())
    {
        panels.last_mut().into_iter().for_each(|panel| panel.title = format!("Step size, {unit}"));
    }
    Figure { title: title(experiments), columns, panels, legend, below: Vec::new() }
}

/// Few groups have the colors of all figures; many are an order, and get a ramp of hues.
fn color(k: usize, count: usize) -> RGBColor {
    if count <= COLORS.len() {
        return COLORS[k];
    }
    let (r, g, b) = HSLColor(ramp(k, count) / 360.0, 0.75, 0.42).to_backend_color().rgb;
    RGBColor(r, g, b)
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
