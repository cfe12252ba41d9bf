//! SGD beside its stochastic differential equations, as distributions over paths.

use stepwell::number::Number;
use stepwell::statistics::Share;
use stepwell::words::percent;
use stepwell_lab::experiment::Experiment;
use stepwell_lab::findings::sde::Sde;
use stepwell_lab::setting::Setting;

use crate::axis::Scale;
use crate::figure::{Entry, Figure, Mark};
use crate::panel::{Layer, Panel};
use crate::series::band;
use crate::style::{COLORS, INK, RGBColor};

/// A panel per series, and one of the distances to SGD.
pub fn figure(experiment: &Experiment, found: &Sde) -> Figure {
    let series = |title, name, scale, y_range| panel(&experiment.settings, title, name, scale, y_range);
    let panels = vec![
        series("Train loss", "train_loss", Scale::Log, None),
        // the noise as written shrinks so fast that it would flatten the others
        series("Log of the multiplicative factors", "log_factor", Scale::Linear, Some((-150.0, 0.0))),
        series("Mean |β| on the support of β*", "on_support", Scale::Linear, None),
        series("Mean |β| off the support of β*", "off_support", Scale::Log, Some((1e-5, 0.2))),
        distances(found),
    ];
    let entry = |(setting, color): (&Setting, RGBColor)| {
        let Share { hits, total, low, high } = setting.diverged();
        let text = format!("{}\n{hits} of {total} diverged [{}, {}]", setting.label, percent(low), percent(high));
        Entry { mark: Mark::LineInBand(color), text }
    };
    let mut legend: Vec<Entry> = experiment.settings.iter().zip(COLORS).map(entry).collect();
    let text = "line: median of the paths that did not diverge\nband: their 10% to 90%".into();
    legend.push(Entry { mark: Mark::None, text });
    legend.push(Entry { mark: Mark::Dashed(INK), text: "distance between two halves of SGD's paths".into() });
    Figure { title: experiment.title.clone(), columns: 3, panels, legend, below: Vec::new() }
}

fn panel(settings: &[Setting], title: &str, series: &str, scale: Scale, y_range: Option<(f64, f64)>) -> Panel {
    let layers = settings.iter().zip(COLORS).flat_map(|(setting, color)| {
        let (line, area) = band(&setting.surviving_records(), series);
        [Layer::Band { points: area, color }, Layer::Line { points: line, color, width: 3 }]
    });
    Panel { title: title.into(), x_label: "iteration".into(), scale, y_range, layers: layers.collect() }
}

fn distances(found: &Sde) -> Panel {
    let line = |values: &[Number]| found.steps.iter().zip(values).map(|(t, d)| (*t as f64, d.0)).collect();
    let laws = found.laws.iter().zip(COLORS);
    let mut layers: Vec<Layer> =
        laws.map(|(law, color)| Layer::Line { points: line(&law.to_sgd), color, width: 3 }).collect();
    layers.push(Layer::Dashed { points: line(&found.floor), color: INK });
    let title = "Distance of β to SGD's distribution".into();
    Panel { title, x_label: "iteration".into(), scale: Scale::Log, y_range: None, layers }
}
