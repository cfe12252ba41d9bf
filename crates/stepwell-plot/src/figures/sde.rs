//! SGD beside its stochastic differential equations, as distributions over paths.

use stepwell_lab::experiment::Experiment;
use stepwell_lab::findings::sde::Sde;

use crate::axis::Scale;
use crate::figure::{Entry, Figure, Mark};
use crate::panel::{Layer, Panel};
use crate::series::{groups, legend, panel};
use crate::style::{COLORS, INK};

/// A panel per series, and one of the distances to SGD.
pub fn figure(experiment: &Experiment, found: &Sde) -> Figure {
    let groups = groups(&experiment.settings);
    let series =
        |title: &str, name, scale, y_range| Panel { title: title.into(), scale, y_range, ..panel(name, &groups) };
    let panels = vec![
        series("Train loss", "train_loss", Scale::Log, None),
        // the noise as written makes them shrink so fast that it would flatten the others
        series("Log of the multiplicative factors", "log_factor", Scale::Linear, Some((-200.0, 0.0))),
        series("Mean |β| on the support of β*", "on_support", Scale::Linear, None),
        series("Mean |β| off the support of β*", "off_support", Scale::Log, Some((1e-5, 0.2))),
        distances(found),
    ];
    let mut legend = legend(&groups);
    let text = "distance between as many paths of SGD:\nmedian and 95% of random groups";
    legend.push(Entry { mark: Mark::Dashed(INK), text: text.into() });
    Figure { title: experiment.title.clone(), columns: 3, panels, legend, below: Vec::new() }
}

/// The distances of each law; below them the floor of the first one of each size.
fn distances(found: &Sde) -> Panel {
    let at = |k: usize| found.steps[k] as f64;
    let mut layers = Vec::new();
    let mut drawn: Vec<[usize; 2]> = Vec::new();
    for law in found.laws.iter().filter(|law| !law.floor.is_empty()) {
        if !drawn.contains(&law.sizes) {
            drawn.push(law.sizes);
            let area = law.floor.iter().enumerate().map(|(k, floor)| (at(k), floor.low, floor.high)).collect();
            layers.push(Layer::Band { points: area, color: INK });
            let line = law.floor.iter().enumerate().map(|(k, floor)| (at(k), floor.median)).collect();
            layers.push(Layer::Dashed { points: line, color: INK });
        }
    }
    layers.extend(found.laws.iter().zip(COLORS).map(|(law, color)| {
        let points = law.to_sgd.iter().enumerate().map(|(k, distance)| (at(k), distance.0)).collect();
        Layer::Line { points, color, width: 3 }
    }));
    let title = "Distance of β to SGD's distribution".into();
    Panel { title, x_label: "iteration".into(), scale: Scale::Log, y_range: None, layers }
}
