//! Deep networks on images, with bands over seeds where there are several.

use stepwell::words::{capitalized, probe_label};
use stepwell_lab::experiment::Experiment;
use stepwell_lab::setting::{Setting, series_names};

use crate::axis::Scale;
use crate::figure::{Entry, Figure, Mark};
use crate::panel::{Layer, Panel};
use crate::series::band;
use crate::style::{COLORS, INK, RGBColor};

/// Training loss, test error, sparsity at each place, effective rank of the Jacobian, schedule. (Its rank at few images is
/// their number all the time.)
pub fn figure(experiment: &Experiment) -> Figure {
    let settings = &experiment.settings;
    let shown = |name: &String| {
        matches!(&**name, "train_loss" | "test_error" | "jacobian_effective_rank" | "step_size")
            || name.starts_with("feature_sparsity")
    };
    let panels = series_names(settings).iter().filter(|name| shown(name)).map(|name| panel(name, settings)).collect();
    let entry = |(setting, color): (&Setting, RGBColor)| {
        let end = match &setting.outcomes[..] {
            [run] => setting.end_words(run),
            runs => format!("median and 10% to 90% of {} seeds", runs.len()),
        };
        Entry { mark: Mark::LineInBand(color), text: format!("{}\n{end}", setting.label) }
    };
    let mut legend: Vec<Entry> = colored(settings).map(entry).collect();
    if settings.iter().flat_map(|setting| &setting.timetable).any(|timetable| !timetable.decays.is_empty()) {
        legend.push(Entry { mark: Mark::Dashed(INK), text: "the step size is divided".into() });
    }
    Figure { title: experiment.title.clone(), columns: 3, panels, legend, below: Vec::new() }
}

fn colored(settings: &[Setting]) -> impl Iterator<Item = (&Setting, RGBColor)> {
    settings.iter().zip(COLORS.into_iter().cycle())
}

fn panel(name: &str, settings: &[Setting]) -> Panel {
    let (mut layers, mut lines) = (Vec::new(), Vec::new());
    for (setting, color) in colored(settings) {
        let decays = setting.timetable.as_ref().map_or(&[][..], |timetable| &timetable.decays);
        layers.extend(decays.iter().map(|t| Layer::Vertical { x: *t as f64, color }));
        let records = setting.surviving_records();
        let (line, area) = band(&records, name);
        if records.len() > 1 {
            layers.push(Layer::Band { points: area, color });
        }
        lines.push(Layer::Line { points: line, color, width: 3 });
    }
    layers.append(&mut lines);
    let log = name.ends_with("loss") || name.ends_with("error") || name == "step_size";
    let scale = if log { Scale::Log } else { Scale::Linear };
    Panel { title: capitalized(&probe_label(name)), x_label: "step".into(), scale, y_range: None, layers }
}
