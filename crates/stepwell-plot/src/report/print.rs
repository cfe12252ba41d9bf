//! The figure of folders of results for print: as SVG, PNG or PDF.

use plotters::style::{Color, HSLColor};
use stepwell::outcome::Outcome;
use stepwell_lab::setting::Setting;

use super::model::{drawn, ramp};
use super::source::{Source, full_label, is_logarithmic, series_names};
use crate::axis::Scale;
use crate::figure::{Entry, Figure, Mark};
use crate::series::{grouped, legend, panels};
use crate::style::{COLORS, INK, RGBColor};

/// One panel per series over the median and the band of each setting, `columns` side by side.
pub fn figure(sources: &[Source], columns: usize) -> Figure {
    let mut names = series_names(sources);
    let drawn = drawn(sources);
    let has_sizes = |setting: &Setting| setting.timetable.as_ref().is_some_and(|t| !t.line.is_empty());
    if drawn.iter().any(|(_, setting)| has_sizes(setting)) {
        names.retain(|name| name != "step_size");
        names.push("step_size".into());
    }
    // what was measured only once has no line
    let has_line = |name: &String| {
        let long = |run: &Outcome| run.records.get(name).is_some_and(|series| series.steps.len() > 1);
        (name == "step_size" && drawn.iter().any(|(_, setting)| has_sizes(setting)))
            || sources.iter().flat_map(Source::runs).any(long)
    };
    names.retain(has_line);
    let mut groups = grouped(drawn.iter().enumerate().map(|(k, (_, setting))| (*setting, color(k, drawn.len()))));
    for (group, (source, setting)) in groups.iter_mut().zip(&drawn) {
        group.label = full_label(sources, source, setting);
        group.thin = setting.as_published.as_ref().map(|run| &run.records);
    }
    let mut legend = legend(&groups);
    if groups.iter().any(|group| group.thin.is_some()) {
        legend.push(Entry { mark: Mark::Thin(INK), text: "the published data and indices".into() });
    }
    let words: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut panels = panels(&words, &groups);
    for (panel, name) in panels.iter_mut().zip(&names).filter(|(_, name)| *name != "step_size") {
        panel.scale = if is_logarithmic(name, sources) { Scale::Log } else { Scale::Linear };
    }
    let unit = sources.iter().find_map(|source| source.experiment.step_size_unit.as_ref());
    if let (Some(unit), Some("step_size")) = (unit, words.last().copied()) {
        panels.last_mut().into_iter().for_each(|panel| panel.title = format!("Step size, {unit}"));
    }
    Figure { title: title(sources), columns, panels, legend, below: Vec::new() }
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
pub fn title(sources: &[Source]) -> String {
    let mut titles: Vec<&str> = Vec::new();
    for Source { experiment, .. } in sources {
        if !titles.contains(&experiment.title.as_str()) {
            titles.push(&experiment.title);
        }
    }
    titles.join(" · ")
}
