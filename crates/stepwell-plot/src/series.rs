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
    /// The runs whose median and band are drawn: those that did not diverge. Where all runs of all settings did, the start
    /// of all of them; where others are left, none, so that what diverges does not flatten these.
    pub survivors: Vec<&'a Records>,
    /// Its color.
    pub color: RGBColor,
}

/// Settings in the colors of all figures, without thin lines.
pub fn groups(settings: &[Setting]) -> Vec<Group<'_>> {
    grouped(settings.iter().zip(COLORS.into_iter().cycle()))
}

/// Settings in colors of their own, without thin lines.
pub fn grouped<'a>(settings: impl IntoIterator<Item = (&'a Setting, RGBColor)>) -> Vec<Group<'a>> {
    let settings: Vec<(&Setting, RGBColor)> = settings.into_iter().collect();
    let some_left = settings.iter().any(|(setting, _)| !setting.all_diverged());
    let group = |(setting, color): (&'a Setting, RGBColor)| {
        let hidden = some_left && setting.all_diverged();
        let survivors = if hidden { Vec::new() } else { setting.surviving_records() };
        Group { setting, label: setting.label.clone(), thin: None, survivors, color }
    };
    settings.into_iter().map(group).collect()
}

impl Group<'_> {
    /// Its step sizes, where they are known.
    fn timetable(&self) -> Option<&Timetable> {
        self.setting.timetable.as_ref()
    }

    /// What is drawn of it where all of its runs diverged.
    pub fn remark(&self) -> Option<String> {
        let words = self.setting.all_diverged_words()?;
        let drawn = if self.survivors.is_empty() { "not drawn" } else { "their start is drawn" };
        Some(format!("{words}: {drawn}"))
    }
}

/// One panel per series: bands below, thin lines next, medians on top, decays dashed.
pub fn panels(names: &[&str], groups: &[Group<'_>]) -> Vec<Panel> {
    let told = groups.iter().any(|group| group.timetable().is_some());
    let one = |name: &&str| if *name == "step_size" && told { schedule_panel(groups) } else { panel(name, groups) };
    names.iter().map(one).collect()
}

/// The panel of a series.
pub fn panel(name: &str, groups: &[Group<'_>]) -> Panel {
    let scale = if name.ends_with("loss") { Scale::Log } else { Scale::Linear };
    let (mut areas, mut thin, mut lines) = (decays(groups), Vec::new(), Vec::new());
    for group in groups {
        let color = group.color;
        let LineInBand { line, area, .. } = band_of(group.setting, &group.survivors, name);
        if group.setting.outcomes.len() > 1 {
            areas.push(Layer::Band { points: area, color });
        }
        lines.push(Layer::Line { points: line, color, width: 3 });
        if let Some(records) = group.thin {
            thin.push(Layer::Line { points: points(records, name), color, width: 1 });
        }
    }
    areas.append(&mut thin);
    areas.append(&mut lines);
    let title = capitalized(&probe_label(name));
    let x_label = rests_on(name, groups).map_or("iteration".into(), |runs| format!("iteration ({runs})"));
    Panel { title, x_label, scale, y_range: None, layers: areas }
}

/// More settings than these are summed up.
const MOST_NAMED: usize = 5;

/// On how many runs the medians of a series rest, `median of 8, 8, 3 and 2 of 100 runs`, where that is not all that did not
/// diverge.
pub fn rests_on(name: &str, groups: &[Group<'_>]) -> Option<String> {
    let drawn = groups.iter().filter(|group| !group.survivors.is_empty());
    let all: Vec<(usize, usize, usize)> = drawn
        .map(|group| (band(&group.survivors, name).runs, group.survivors.len(), group.setting.outcomes.len()))
        .filter(|(runs, ..)| *runs > 0)
        .collect();
    if all.iter().all(|(runs, survivors, _)| runs == survivors) {
        return None;
    }
    let range = |values: Vec<usize>| {
        let (least, most) = (values.iter().min()?, values.iter().max()?);
        Some(if least == most { least.to_string() } else { format!("{least} to {most}") })
    };
    let runs: Vec<usize> = all.iter().map(|one| one.0).collect();
    let of = range(all.iter().map(|one| one.2).collect())?;
    let few = if runs.len() > MOST_NAMED || runs.windows(2).all(|pair| pair[0] == pair[1]) {
        range(runs)?
    } else {
        let words: Vec<String> = runs.iter().map(ToString::to_string).collect();
        let (last, first) = words.split_last()?;
        format!("{} and {last}", first.join(", "))
    };
    Some(format!("median of {few} of {of} runs"))
}

fn schedule_panel(groups: &[Group<'_>]) -> Panel {
    let mut layers = decays(groups);
    layers.extend(groups.iter().map(|group| {
        let points = group.setting.step_sizes().iter().map(|(t, eta)| (*t as f64, *eta)).collect();
        Layer::Line { points, color: group.color, width: 3 }
    }));
    Panel { title: "Step size".into(), x_label: "iteration".into(), scale: Scale::Linear, y_range: None, layers }
}

/// A dashed line where the step size was divided.
pub fn decays(groups: &[Group<'_>]) -> Vec<Layer> {
    let of = |group: &Group<'_>| {
        let color = group.color;
        group.setting.decays().into_iter().map(move |t| Layer::Vertical { x: t as f64, color }).collect::<Vec<_>>()
    };
    groups.iter().flat_map(of).collect()
}

/// One line per setting, with its share of diverged runs, and how to read the panels.
pub fn legend(groups: &[Group<'_>]) -> Vec<Entry> {
    let one = |group: &Group<'_>| {
        let Share { hits, total, low, high } = group.setting.diverged();
        let interval = format!("[{}, {}]", percent(low), percent(high));
        let words = group.remark().unwrap_or_else(|| format!("{hits} of {total} runs diverged {interval}"));
        Entry { mark: Mark::LineInBand(group.color), text: format!("{}\n{words}", group.label) }
    };
    let mut entries: Vec<Entry> = groups.iter().map(one).collect();
    entries.push(Entry { mark: Mark::None, text: whose_median(groups).into() });
    if groups.iter().any(|group| !group.setting.decays().is_empty()) {
        entries.push(Entry { mark: Mark::Dashed(INK), text: "the step size is divided".into() });
    }
    entries
}

/// What thick lines and bands are.
fn whose_median(groups: &[Group<'_>]) -> &'static str {
    if groups.iter().all(|group| group.setting.all_diverged()) {
        "thick: median of all seeds until the first diverges\nband: their 10% to 90%"
    } else {
        "thick: median of the seeds that did not diverge\nband: their 10% to 90%"
    }
}

/// A recorded series as points.
pub fn points(records: &Records, name: &str) -> Vec<(f64, f64)> {
    let pairs = |series: &Series| series.steps.iter().map(|t| *t as f64).zip(series.values.iter().copied()).collect();
    records.get(name).map_or(Vec::new(), pairs)
}

/// A line, and the area about it.
#[derive(Default)]
pub struct LineInBand {
    /// x, median.
    pub line: Vec<(f64, f64)>,
    /// x, lower, upper.
    pub area: Vec<(f64, f64, f64)>,
    /// How many runs they are over.
    pub runs: usize,
    /// So many points are recorded of all of these.
    pub shortest: usize,
}

/// Median and band of some runs of a setting; where all of its runs diverged, as long as all of them go on.
pub fn band_of(setting: &Setting, runs: &[&Records], name: &str) -> LineInBand {
    let mut band = band(runs, name);
    if setting.all_diverged() {
        band.line.truncate(band.shortest);
        band.area.truncate(band.shortest);
    }
    band
}

/// Median line and 10 to 90% band of a series over runs that recorded the same steps, as far as they came; runs that
/// measured it only at their end are left out.
pub fn band(runs: &[&Records], name: &str) -> LineInBand {
    let series = runs.iter().filter_map(|records| records.get(name)).filter(|s| s.steps.len() > 1);
    let mut series: Vec<&Series> = series.collect();
    let Some(first) = series.iter().copied().max_by_key(|s| s.steps.len()) else { return LineInBand::default() };
    series.retain(|s| first.steps.starts_with(&s.steps));
    let at = |k: usize| Band::of(&series.iter().filter_map(|s| s.values.get(k).copied()).collect::<Vec<_>>());
    let bands: Vec<(f64, Band)> = first.steps.iter().enumerate().map(|(k, t)| (*t as f64, at(k))).collect();
    let line = bands.iter().map(|(t, band)| (*t, band.median)).collect();
    let area = bands.iter().map(|(t, band)| (*t, band.p10, band.p90)).collect();
    let shortest = series.iter().map(|s| s.steps.len()).min().unwrap_or(0);
    LineInBand { line, area, runs: series.len(), shortest }
}

#[cfg(test)]
mod tests {
    use stepwell::outcome::Outcome;
    use stepwell::run::Status;
    use stepwell::verdict::{Divergence, Sign};

    use super::*;

    fn setting(runs: &[&[u64]], diverges: bool) -> Setting {
        let run = |steps: &&[u64]| {
            let mut records = Records::default();
            steps.iter().for_each(|step| records.push("rank", *step, *step as f64));
            let divergence = diverges.then_some(Divergence { step: 9, by: Sign::Overflow });
            let status = if diverges { Status::Overflowed { step: 9 } } else { Status::Finished };
            Outcome { status, divergence, records, ..Outcome::not_begun(1) }
        };
        let timetable = Some(Timetable { decays: vec![8, 20], line: vec![(0, 1.0), (8, 0.5), (20, 0.1)] });
        let outcomes = runs.iter().map(run).collect();
        Setting { label: "one".into(), steps: 30, last_large: 7, timetable, outcomes, as_published: None }
    }

    #[test]
    fn a_median_says_on_how_many_runs_it_rests() {
        let all = setting(&[&[0, 10, 20], &[0, 10, 20]], false);
        // the rank was measured along the way in one run, in the others at the end: on the grid, and after it
        let some = setting(&[&[0, 10, 20, 30], &[20, 30], &[20, 30]], false);
        let words = |settings: &[Setting]| rests_on("rank", &groups(settings));
        assert_eq!(words(std::slice::from_ref(&all)), None);
        assert_eq!(words(std::slice::from_ref(&some)), Some("median of 1 of 3 runs".into()));
        assert_eq!(words(&[all.clone(), some.clone()]), Some("median of 2 and 1 of 2 to 3 runs".into()));
        let found = band(&some.surviving_records(), "rank");
        assert_eq!(found.line, [(0.0, 0.0), (10.0, 10.0), (20.0, 20.0), (30.0, 30.0)]);
        assert_eq!(panel("rank", &groups(&[some])).x_label, "iteration (median of 1 of 3 runs)");
    }

    #[test]
    fn of_what_diverged_the_start_is_drawn_and_no_decay_that_did_not_happen() {
        let diverged = setting(&[&[0, 1], &[0, 1, 2, 3]], true);
        let groups_of = |settings: &[Setting]| groups(settings).iter().map(|group| group.remark()).collect::<Vec<_>>();
        let words = "2 of 2 diverged, median step 9";
        assert_eq!(groups_of(std::slice::from_ref(&diverged)), [Some(format!("{words}: their start is drawn"))]);
        let fine = setting(&[&[0, 1, 2, 3]], false);
        assert_eq!(groups_of(&[diverged.clone(), fine.clone()]), [Some(format!("{words}: not drawn")), None]);
        let found = band_of(&diverged, &diverged.surviving_records(), "rank");
        assert_eq!(found.line, [(0.0, 0.0), (1.0, 1.0)]);
        assert_eq!((diverged.decays(), fine.decays()), (vec![8], vec![8, 20]));
        assert_eq!(diverged.step_sizes(), [(0, 1.0), (8, 0.5)]);
    }
}
