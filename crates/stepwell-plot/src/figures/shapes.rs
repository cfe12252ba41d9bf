//! What a run has learned: the predictor of a network with one input, the movement of neurons in the plane for two.

use stepwell::probe::Probe;
use stepwell::record::Series;
use stepwell::words::thousands;
use stepwell_lab::findings::published::Published;
use stepwell_lab::setting::Setting;

use crate::axis::Scale;
use crate::figure::{Entry, Mark};
use crate::panel::{Layer, Panel};
use crate::style::{COLORS, INK, RGBColor};

/// The rows of a series of the run that is shown by itself, where they were recorded.
fn rows(setting: &Setting, probe: Probe) -> Option<&Series> {
    setting.shown()?.records.get(probe.name())
}

/// A panel per setting: the predictor of one seed at several times, early ones pale, with the data.
pub fn predictors(settings: &[Setting], found: &Published, legend: &mut Vec<Entry>) -> Vec<Panel> {
    let mut out = Vec::new();
    let mut times: &[u64] = &[];
    for ((setting, variant), color) in settings.iter().zip(&found.variants).zip(COLORS) {
        let (Some(series), Some(shown)) = (rows(setting, Probe::Predictor), &variant.shown) else { continue };
        times = if series.steps.len() > times.len() { &series.steps } else { times };
        let grid = shown.grid();
        let line = |(step, values): (u64, &[f64])| Layer::Line {
            points: grid.iter().copied().zip(values.iter().copied()).collect(),
            color: pale(color, step as f64 / setting.steps as f64),
            width: if step == setting.steps { 3 } else { 2 },
        };
        let mut layers: Vec<Layer> = series.rows().map(line).collect();
        layers.push(Layer::Dots { points: shown.data.clone(), color: INK, size: 5 });
        let labels = shown.data.iter().map(|point| point.1);
        let (least, most) = labels.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), y| (l.min(y), h.max(y)));
        let room = 0.5 * (most - least);
        let title = format!("Predictor, {}", setting.label);
        let y_range = Some((least - room, most + room));
        out.push(Panel { title, x_label: "x".into(), scale: Scale::Linear, y_range, layers });
    }
    if !out.is_empty() {
        let times: Vec<String> = times.iter().copied().map(thousands).collect();
        let text = format!("predictor of that seed, pale to strong:\nsteps {}", times.join(", "));
        legend.push(Entry { mark: Mark::None, text });
        legend.push(Entry { mark: Mark::Dots(INK), text: "the training data".into() });
    }
    out
}

/// A panel per setting: the path of each neuron `w_j |a_j|` of one seed in the plane of the inputs.
pub fn movements(settings: &[Setting], legend: &mut Vec<Entry>) -> Vec<Panel> {
    let mut out = Vec::new();
    for (setting, color) in settings.iter().zip(COLORS) {
        let Some(series) = rows(setting, Probe::Neurons) else { continue };
        let path = |j: usize| series.rows().map(|(_, row)| (row[2 * j], row[2 * j + 1])).collect::<Vec<_>>();
        let paths: Vec<Vec<(f64, f64)>> = (0..series.width / 2).map(path).collect();
        let ends = paths.iter().filter_map(|path| path.last().copied()).collect();
        let mut layers: Vec<Layer> =
            paths.into_iter().map(|points| Layer::Line { points, color: pale(color, 0.35), width: 1 }).collect();
        layers.push(Layer::Dots { points: ends, color, size: 5 });
        let title = format!("Neurons, {}", setting.label);
        let x_label = "first input (up: the second)".into();
        out.push(Panel { title, x_label, scale: Scale::Linear, y_range: None, layers });
    }
    if !out.is_empty() {
        let text = "neurons w |a| of that seed:\npaths, and where they end".into();
        legend.push(Entry { mark: Mark::Dots(INK), text });
    }
    out
}

/// The color mixed with white: `strength` 1 is the color itself.
fn pale(color: RGBColor, strength: f64) -> RGBColor {
    let strength = 0.25 + 0.75 * strength.sqrt();
    let mix = |c: u8| (255.0 - strength * (255.0 - f64::from(c))).round() as u8;
    RGBColor(mix(color.0), mix(color.1), mix(color.2))
}
