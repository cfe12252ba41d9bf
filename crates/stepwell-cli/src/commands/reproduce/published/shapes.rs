//! What a run looks like: the predictor of a network with one input, the neurons' movement for two.

use std::sync::Arc;

use stepwell::data::Dataset;
use stepwell::metrics::predictor_grid;
use stepwell::record::RecordPlan;
use stepwell::session::Session;
use stepwell::words::thousands;
use stepwell_plot::axis::Scale;
use stepwell_plot::figure::{Entry, Mark};
use stepwell_plot::panel::{Layer, Panel};
use stepwell_plot::style::{COLORS, INK, RGBColor};

use super::{Measured, Setting};
use crate::failure::Failure;
use crate::spec_file::SpecFile;

/// How many times the predictor is drawn.
const TIMES: u64 = 6;
/// How many points of a neuron's path are drawn.
const PATH_POINTS: u64 = 150;

/// The run that is shown, started once more, and its data.
fn started(file: &SpecFile, setting: &Setting, seed: u64) -> Result<(Session, Arc<Dataset>), Failure> {
    let data = setting.over_seeds.data(seed).map_err(|error| file.explain(&error))?;
    Ok((setting.over_seeds.session_on(seed, Arc::clone(&data), RecordPlan::default()), data))
}

/// A panel a setting: the predictor of one seed at six times, early ones pale, with the data.
pub fn predictors(
    file: &SpecFile,
    settings: &[Setting],
    measured: &[Measured],
    legend: &mut Vec<Entry>,
) -> Result<Vec<Panel>, Failure> {
    let mut out = Vec::new();
    for ((setting, measured), color) in settings.iter().zip(measured).zip(COLORS) {
        let (mut session, data) = started(file, setting, measured.first().seed)?;
        let grid = predictor_grid(&data.train.x);
        let mut layers = Vec::new();
        for step in times(session.steps()) {
            session.advance(step - session.step());
            let line =
                grid.as_slice().iter().copied().zip(session.landscape().predict(session.theta(), &grid)).collect();
            let last = step == session.steps();
            let shade = pale(color, step as f64 / session.steps() as f64);
            layers.push(Layer::Line { points: line, color: shade, width: if last { 3 } else { 2 } });
        }
        layers.push(Layer::Dots {
            points: data.train.x.as_slice().iter().copied().zip(data.train.y.iter().copied()).collect(),
            color: INK,
            size: 5,
        });
        let labels = &data.train.y;
        let (least, most) = labels.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), y| (l.min(*y), h.max(*y)));
        let room = 0.5 * (most - least);
        let title = format!("Predictor, {}", setting.label);
        let y_range = Some((least - room, most + room));
        out.push(Panel { title, x_label: "x".into(), scale: Scale::Linear, y_range, layers });
    }
    let steps = settings[0].over_seeds.spec().steps;
    let times: Vec<String> = times(steps).into_iter().map(thousands).collect();
    let text = format!("predictor of that seed, pale to strong:\nsteps {}", times.join(", "));
    legend.push(Entry { mark: Mark::None, text });
    legend.push(Entry { mark: Mark::Dots(INK), text: "the training data".into() });
    Ok(out)
}

/// Six times: early ones close to each other, the last one the end.
fn times(steps: u64) -> Vec<u64> {
    let mut out: Vec<u64> = (0..TIMES).map(|k| steps >> (2 * (TIMES - 1 - k))).collect();
    out.dedup();
    out
}

/// A panel a setting: the path of each neuron `w_j |a_j|` of one seed in the plane of the inputs.
pub fn movements(
    file: &SpecFile,
    settings: &[Setting],
    measured: &[Measured],
    legend: &mut Vec<Entry>,
) -> Result<Vec<Panel>, Failure> {
    let mut out = Vec::new();
    for ((setting, measured), color) in settings.iter().zip(measured).zip(COLORS) {
        let (mut session, _) = started(file, setting, measured.first().seed)?;
        let mut paths: Vec<Vec<(f64, f64)>> = Vec::new();
        for k in 0..=PATH_POINTS {
            session.advance(session.steps() * k / PATH_POINTS - session.step());
            let Some(neurons) = session.landscape().neurons(session.theta()) else { break };
            paths.resize(neurons.rows(), Vec::new());
            for (path, neuron) in paths.iter_mut().zip(neurons.iter_rows()) {
                path.push((neuron[0], neuron[1]));
            }
        }
        let ends = paths.iter().filter_map(|path| path.last().copied()).collect();
        let mut layers: Vec<Layer> =
            paths.into_iter().map(|points| Layer::Line { points, color: pale(color, 0.35), width: 1 }).collect();
        layers.push(Layer::Dots { points: ends, color, size: 5 });
        let title = format!("Neurons, {}", setting.label);
        out.push(Panel {
            title,
            x_label: "first input (up: the second)".into(),
            scale: Scale::Linear,
            y_range: None,
            layers,
        });
    }
    let text = "neurons w |a| of that seed:\npaths, and where they end".into();
    legend.push(Entry { mark: Mark::Dots(INK), text });
    Ok(out)
}

/// The color mixed with white: `strength` 1 is the color itself.
fn pale(color: RGBColor, strength: f64) -> RGBColor {
    let strength = 0.25 + 0.75 * strength.sqrt();
    let mix = |c: u8| (255.0 - strength * (255.0 - f64::from(c))).round() as u8;
    RGBColor(mix(color.0), mix(color.1), mix(color.2))
}
