//! The phase diagram: shares of fates over the step size, what runs reach, and the thresholds.

use stepwell::statistics::{Band, Share};
use stepwell::words::{capitalized, probe_label, short};
use stepwell_lab::findings::phase::{Fate, Phase, Point};

use crate::axis::Scale;
use crate::figure::{Entry, Figure, Mark};
use crate::panel::{Layer, Panel};
use crate::style::{COLORS, INK, RGBColor};

const GRADIENT_DESCENT: RGBColor = COLORS[4];
const MEAN_SQUARE: RGBColor = COLORS[3];
const LYAPUNOV: RGBColor = COLORS[5];

/// The color of a fate.
fn color(fate: Fate) -> RGBColor {
    match fate {
        Fate::Converges => COLORS[0],
        Fate::Stabilizes => COLORS[2],
        Fate::Flat => COLORS[3],
        Fate::Rises => COLORS[5],
        Fate::Diverges => COLORS[1],
        Fate::Undecided => RGBColor(140, 140, 140),
    }
}

/// A fate in the legend.
fn words(fate: Fate) -> &'static str {
    match fate {
        Fate::Converges => "converges: the loss falls",
        Fate::Stabilizes => "stabilizes: the loss hovers at a level δ",
        Fate::Diverges => "diverges",
        Fate::Flat => "flat, but not held up by the step size",
        Fate::Rises => "rises without diverging",
        Fate::Undecided => "one run by itself cannot tell",
    }
}

/// The figure of a phase diagram.
pub fn figure(title: &str, phase: &Phase) -> Figure {
    let mut panels = vec![shares(phase), bands(phase, "Level δ of the loss", Scale::Log, |p| Some(&p.level))];
    for name in &phase.series {
        let scale = if name.ends_with("loss") { Scale::Log } else { Scale::Linear };
        let title = format!("{} after the decay", capitalized(&probe_label(name)));
        panels.push(bands(phase, &title, scale, |point| point.end.get(name)));
    }
    panels.extend([reached(phase), exponents(phase)]);
    Figure { title: title.into(), columns: 3, panels, legend: legend(phase), below: Vec::new() }
}

fn panel(phase: &Phase, title: &str, scale: Scale, y_range: Option<(f64, f64)>, layers: Vec<Layer>) -> Panel {
    let mut all = verticals(phase, &layers);
    all.extend(layers);
    Panel { title: title.into(), x_label: "step size η".into(), scale, y_range, layers: all }
}

/// The thresholds that lie within the range that lines are drawn over.
fn verticals(phase: &Phase, layers: &[Layer]) -> Vec<Layer> {
    let drawn = layers.iter().flat_map(|layer| if let Layer::Line { points, .. } = layer { &points[..] } else { &[] });
    let (low, high) = drawn
        .filter(|(_, y)| y.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), (x, _)| (low.min(*x), high.max(*x)));
    let known = [
        (Some(phase.small_steps.gradient_descent), GRADIENT_DESCENT),
        (Some(phase.small_steps.mean_square), MEAN_SQUARE),
        (phase.lyapunov_zero, LYAPUNOV),
    ];
    let within = known.into_iter().filter_map(|(x, color)| x.map(|x| (x, color)));
    within.filter(|(x, _)| low <= *x && *x <= high).map(|(x, color)| Layer::Vertical { x, color }).collect()
}

/// Fates that some run has.
fn present(phase: &Phase) -> impl Iterator<Item = Fate> {
    Fate::ALL.into_iter().filter(|fate| phase.points.iter().any(|point| point.shares.get(*fate).hits > 0))
}

/// A value over the step size.
fn line(phase: &Phase, value: impl Fn(&Point) -> f64) -> Vec<(f64, f64)> {
    phase.points.iter().map(|point| (point.step_size, value(point))).collect()
}

fn shares(phase: &Phase) -> Panel {
    let mut layers = Vec::new();
    for fate in present(phase) {
        let shares: Vec<(f64, Share)> = phase.points.iter().map(|p| (p.step_size, p.shares.get(fate))).collect();
        let color = color(fate);
        layers.push(Layer::Band { points: shares.iter().map(|(x, s)| (*x, s.low, s.high)).collect(), color });
        let points = line(phase, |point| point.shares.get(fate).value());
        layers.push(Layer::Line { points: points.clone(), color, width: 3 });
        layers.push(Layer::Dots { points, color, size: 3 });
    }
    panel(phase, "Share of runs", Scale::Linear, Some((0.0, 1.0)), layers)
}

/// Medians in the band of 10% to 90%.
fn bands(phase: &Phase, title: &str, scale: Scale, value: impl Fn(&Point) -> Option<&Band>) -> Panel {
    let of = |point: &Point| value(point).copied().unwrap_or_else(|| Band::of(&[]));
    let bands: Vec<(f64, Band)> = phase.points.iter().map(|point| (point.step_size, of(point))).collect();
    let points: Vec<(f64, f64)> = bands.iter().map(|(x, band)| (*x, band.median)).collect();
    let layers = vec![
        Layer::Band { points: bands.iter().map(|(x, band)| (*x, band.p10, band.p90)).collect(), color: COLORS[0] },
        Layer::Line { points: points.clone(), color: COLORS[0], width: 3 },
        Layer::Dots { points, color: COLORS[0], size: 3 },
    ];
    panel(phase, title, scale, None, layers)
}

fn reached(phase: &Phase) -> Panel {
    let stable = |threshold: fn(&Point) -> f64, color| {
        let points = line(phase, threshold);
        Layer::Line { points, color, width: 3 }
    };
    let layers = vec![
        Layer::Dashed { points: line(phase, |point| point.step_size), color: INK },
        stable(|point| point.reached.gradient_descent, GRADIENT_DESCENT),
        stable(|point| point.reached.mean_square, MEAN_SQUARE),
        Layer::Line {
            points: line(phase, |point| point.two_over_gradient_weighted_batch_sharpness),
            color: INK,
            width: 2,
        },
    ];
    panel(phase, "Thresholds at the solution reached", Scale::Log, None, layers)
}

fn exponents(phase: &Phase) -> Panel {
    let points = line(phase, |point| point.lyapunov);
    let ends = |point: &Point| (point.step_size, point.lyapunov_interval[0].0, point.lyapunov_interval[1].0);
    let layers = vec![
        Layer::Band { points: phase.points.iter().map(ends).collect(), color: LYAPUNOV },
        Layer::Dashed { points: line(phase, |_| 0.0), color: INK },
        Layer::Line { points: points.clone(), color: LYAPUNOV, width: 3 },
        Layer::Dots { points, color: LYAPUNOV, size: 3 },
    ];
    panel(phase, "Lyapunov exponent per step, in the large phase", Scale::Linear, None, layers)
}

fn legend(phase: &Phase) -> Vec<Entry> {
    let of_fate = |fate| Entry { mark: Mark::LineInBand(color(fate)), text: words(fate).into() };
    let mut entries: Vec<Entry> = present(phase).map(of_fate).collect();
    let dashed = |color, text| Entry { mark: Mark::Dashed(color), text };
    let thresholds = phase.small_steps;
    let text = format!("2/λmax; dashed: {}\nat the small-step solution", short(thresholds.gradient_descent));
    entries.push(dashed(GRADIENT_DESCENT, text));
    if thresholds.mean_square.is_finite() {
        let threshold = short(thresholds.mean_square);
        let text = format!("mean-square threshold; dashed: {threshold}\nat the small-step solution");
        entries.push(dashed(MEAN_SQUARE, text));
    }
    if let Some(zero) = phase.lyapunov_zero {
        entries.push(dashed(LYAPUNOV, format!("the Lyapunov exponent's zero: {}", short(zero))));
    }
    let text = "2 / gradient-weighted batch sharpness\nin the large phase; dashed: η itself".into();
    entries.push(Entry { mark: Mark::Thin(INK), text });
    let text = format!("{} runs per step size; bands: 95% intervals\nof shares, 10% to 90% of values", phase.seeds);
    entries.push(Entry { mark: Mark::None, text });
    entries
}
