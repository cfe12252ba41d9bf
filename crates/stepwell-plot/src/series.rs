//! Recorded series of settings over seeds as panels of lines and bands.

use stepwell::record::{Records, Series};
use stepwell::schedule::Timetable;
use stepwell::statistics::{Band, Share};
use stepwell::words::{capitalized, percent, probe_label};
use stepwell_lab::setting::Setting;

use crate::axis::Scale;
use crate::figure::{Entry, Mark};
use crate::panel::{Layer, Panel};
use crate::style::{COLORS, INK, RGBColor};

/// How a setting is drawn.
pub struct Group<'a> {
    /// The setting.
    pub setting: &'a Setting,
    /// What it is called in the legend.
    pub label: String,
    /// A run of its own, drawn as a thin line.
    pub thin: Option<&'a Records>,
    /// The runs whose median and band are drawn.
    pub survivors: Vec<&'a Records>,
    /// Its color.
    pub color: RGBColor,
}

/// Settings in the colors of all figures, without thin lines.
pub fn groups(settings: &[Setting]) -> Vec<Group<'_>> {
    settings.iter().zip(COLORS.into_iter().cycle()).map(|(setting, color)| Group::new(setting, color)).collect()
}

impl<'a> Group<'a> {
    /// A setting in a color, without a thin line.
    pub fn new(setting: &'a Setting, color: RGBColor) -> Self {
        Self { setting, label: setting.label.clone(), thin: None, survivors: setting.surviving_records(), color }
    }

    /// Its step sizes, where they are known.
    fn timetable(&self) -> Option<&Timetable> {
        self.setting.timetable.as_ref()
    }
}

/// One panel per series: bands below, thin lines next, medians on top, decays dashed.
pub fn panels(names: &[&str], groups: &[Group<'_>]) -> Vec<Panel> {
    let told = groups.iter().any(|group| group.timetable().is_some());
    let one = |name: &&str| if *name == "step_size" && told { schedule_panel(groups) } else { panel(name, groups) };
    names.iter().map(one).collect()
}

fn panel(name: &str, groups: &[Group<'_>]) -> Panel {
    let scale = if name.ends_with("loss") { Scale::Log } else { Scale::Linear };
    let (mut areas, mut thin, mut lines) = (decays(groups), Vec::new(), Vec::new());
    for group in groups {
        let color = group.color;
        let (line, area) = band(&group.survivors, name);
        areas.push(Layer::Band { points: area, color });
        lines.push(Layer::Line { points: line, color, width: 3 });
        if let Some(records) = group.thin {
            thin.push(Layer::Line { points: points(records, name), color, width: 1 });
        }
    }
    areas.append(&mut thin);
    areas.append(&mut lines);
    let title = capitalized(&probe_label(name));
    Panel { title, x_label: "iteration".into(), scale, y_range: None, layers: areas }
}

fn schedule_panel(groups: &[Group<'_>]) -> Panel {
    let mut layers = decays(groups);
    layers.extend(groups.iter().filter_map(|group| {
        let points = group.timetable()?.line.iter().map(|(t, eta)| (*t as f64, *eta)).collect();
        Some(Layer::Line { points, color: group.color, width: 3 })
    }));
    Panel { title: "Step size".into(), x_label: "iteration".into(), scale: Scale::Linear, y_range: None, layers }
}

fn decays(groups: &[Group<'_>]) -> Vec<Layer> {
    let of = |group: &Group<'_>| {
        let steps = group.timetable().map_or(&[][..], |timetable| &timetable.decays);
        steps.iter().map(|t| Layer::Vertical { x: *t as f64, color: group.color }).collect::<Vec<_>>()
    };
    groups.iter().flat_map(of).collect()
}

/// One line per setting, with its share of diverged runs, and how to read the panels.
pub fn legend(groups: &[Group<'_>]) -> Vec<Entry> {
    let one = |group: &Group<'_>| {
        let Share { hits, total, low, high } = group.setting.diverged();
        let interval = format!("[{}, {}]", percent(low), percent(high));
        let text = format!("{}\n{hits} of {total} runs diverged {interval}", group.label);
        Entry { mark: Mark::LineInBand(group.color), text }
    };
    let mut entries: Vec<Entry> = groups.iter().map(one).collect();
    let text = "thick: median of the seeds that did not diverge\nband: their 10% to 90%".into();
    entries.push(Entry { mark: Mark::None, text });
    if groups.iter().filter_map(Group::timetable).any(|timetable| !timetable.decays.is_empty()) {
        entries.push(Entry { mark: Mark::Dashed(INK), text: "the step size is divided".into() });
    }
    entries
}

/// A recorded series as points.
pub fn points(records: &Records, name: &str) -> Vec<(f64, f64)> {
    let pairs = |series: &Series| series.steps.iter().map(|t| *t as f64).zip(series.values.iter().copied()).collect();
    records.get(name).map_or(Vec::new(), pairs)
}

/// A line, and the area about it: x, lower, upper.
pub type LineInBand = (Vec<(f64, f64)>, Vec<(f64, f64, f64)>);

/// Median line and 10 to 90% band of a series over runs that recorded the same steps; runs that measured it only once
/// (at their end) are left out.
pub fn band(runs: &[&Records], name: &str) -> LineInBand {
    let series = runs.iter().filter_map(|records| records.get(name)).filter(|s| s.steps.len() > 1);
    let series: Vec<&Series> = series.collect();
    let Some(first) = series.first() else { return LineInBand::default() };
    let at = |k: usize| Band::of(&series.iter().filter_map(|s| s.values.get(k).copied()).collect::<Vec<_>>());
    let bands: Vec<(f64, Band)> = first.steps.iter().enumerate().map(|(k, t)| (*t as f64, at(k))).collect();
    let line = bands.iter().map(|(t, band)| (*t, band.median)).collect();
    let area = bands.iter().map(|(t, band)| (*t, band.p10, band.p90)).collect();
    (line, area)
}
