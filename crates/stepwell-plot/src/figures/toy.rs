//! The scalar toy model: bouncing of SGD's paths between the regions of the proof, and orbits of a constant gamma.

use stepwell::statistics::Band;
use stepwell::theory::toy_map;
use stepwell::words::significant;
use stepwell_lab::experiment::Experiment;
use stepwell_lab::findings::toy::{ORBIT, ORBITS, PATHS, PHI, STROKES, Toy};

use crate::axis::Scale;
use crate::figure::{Entry, Figure, Mark};
use crate::panel::{Layer, Panel};
use crate::style::{COLORS, INK};

/// Paths, their loss, and what becomes of orbits.
pub fn figure(experiment: &Experiment, found: &Toy) -> Figure {
    let paths = paths(experiment);
    let orbits = rows(experiment, ORBIT);
    let panels = vec![
        bouncing_panel(&paths, found),
        loss_panel(&paths, found),
        bifurcation_panel(rows(experiment, STROKES)),
        mean_loss_panel(&orbits),
        lyapunov_panel(&orbits),
    ];
    let (low, high) = found.gamma;
    let gamma = format!("{} to {}", significant(low, 5), significant(high, 5));
    let text = format!("SGD, γ drawn from {gamma}\nmedian and 10% to 90% of {} seeds", paths.len());
    let legend = vec![
        Entry { mark: Mark::LineInBand(COLORS[0]), text },
        Entry { mark: Mark::Dots(COLORS[0]), text: "the first seed".into() },
        Entry { mark: Mark::Area(COLORS[2]), text: "the four regions of the proof".into() },
        Entry { mark: Mark::Thin(INK), text: "orbits of a constant γ".into() },
        Entry { mark: Mark::Dashed(COLORS[1]), text: "exact: 2-cycle, its mean loss, the loss bounds".into() },
    ];
    Figure { title: experiment.title.clone(), columns: 3, panels, legend, below: Vec::new() }
}

/// The paths of all seeds, in `phi = theta / theta_*`.
fn paths(experiment: &Experiment) -> Vec<&[f64]> {
    let paths = experiment.settings.iter().filter(|setting| setting.label == PATHS);
    paths.flat_map(|setting| &setting.outcomes).map(|run| run.records.line(PHI).1).collect()
}

/// Rows of three numbers about the orbits.
fn rows(experiment: &Experiment, name: &str) -> Vec<(f64, f64, f64)> {
    let orbits = experiment.settings.iter().filter(|setting| setting.label == ORBITS);
    let series = orbits.flat_map(|setting| &setting.outcomes).filter_map(|run| run.records.get(name));
    series.flat_map(|series| series.rows()).map(|(_, row)| (row[0], row[1], row[2])).collect()
}

fn panel(title: &str, x_label: &str, scale: Scale, layers: Vec<Layer>) -> Panel {
    Panel { title: title.into(), x_label: x_label.into(), scale, y_range: None, layers }
}

fn bouncing_panel(paths: &[&[f64]], found: &Toy) -> Panel {
    let eps = found.eps0;
    let stripe = |low, high, name: &str, color| Layer::Stripe { low, high, color, name: name.into() };
    let first = paths.first().copied().unwrap_or_default();
    let path: Vec<(f64, f64)> = first.iter().take(61).enumerate().map(|(t, phi)| (t as f64, *phi)).collect();
    let layers = vec![
        stripe(0.0, toy_map::LOW, "I₀", COLORS[5]),
        stripe(toy_map::LOW, 1.0 - eps, "I₁", COLORS[2]),
        stripe(1.0 - eps, 1.0, "I₂", COLORS[1]),
        stripe(1.0, toy_map::HIGH, "I₃", COLORS[4]),
        Layer::Line { points: path.clone(), color: COLORS[0], width: 1 },
        Layer::Dots { points: path, color: COLORS[0], size: 4 },
    ];
    Panel { y_range: Some((0.0, 1.2)), ..panel("Bouncing: φ of the first seed", "iteration", Scale::Linear, layers) }
}

fn loss_panel(paths: &[&[f64]], found: &Toy) -> Panel {
    let shown = 200.min(paths.iter().map(|path| path.len()).min().unwrap_or(0));
    let at = |t: usize| Band::of(&paths.iter().map(|path| toy_map::loss(path[t])).collect::<Vec<_>>());
    let bands: Vec<(f64, Band)> = (0..shown).map(|t| (t as f64, at(t))).collect();
    let level = |y: f64| Layer::Dashed { points: vec![(0.0, y), (shown as f64, y)], color: COLORS[1] };
    let layers = vec![
        Layer::Band { points: bands.iter().map(|(t, b)| (*t, b.p10, b.p90)).collect(), color: COLORS[0] },
        Layer::Line { points: bands.iter().map(|(t, b)| (*t, b.median)).collect(), color: COLORS[0], width: 2 },
        level(found.regions().lowest_loss()),
        level(toy_map::HIGHEST_LOSS),
    ];
    panel("Loss, with its bounds on the attracting set", "iteration", Scale::Log, layers)
}

/// The intervals that each orbit fills as vertical strokes, and the exact 2-cycle.
fn bifurcation_panel(strokes: Vec<(f64, f64, f64)>) -> Panel {
    let branch = |upper: bool| -> Vec<(f64, f64)> {
        let point = |k: usize| {
            let gamma = 1.0 + 0.005 * k as f64 + 1e-9;
            toy_map::two_cycle(gamma).map(|(low, high)| (gamma, if upper { high } else { low }))
        };
        (0..=200).filter_map(point).collect()
    };
    let layers = vec![
        Layer::Strokes { points: strokes, color: INK },
        Layer::Dashed { points: branch(false), color: COLORS[1] },
        Layer::Dashed { points: branch(true), color: COLORS[1] },
        Layer::Vertical { x: toy_map::period_doubling(), color: COLORS[2] },
    ];
    panel("Where a constant γ ends: φ", "γ", Scale::Linear, layers)
}

fn mean_loss_panel(orbits: &[(f64, f64, f64)]) -> Panel {
    let measured = orbits.iter().map(|(gamma, loss, _)| (*gamma, *loss)).collect();
    let exact = (0..=200).map(|k| 1.0 + 0.005 * f64::from(k)).map(|g| (g, toy_map::two_cycle_mean_loss(g))).collect();
    let layers = vec![
        Layer::Line { points: measured, color: INK, width: 2 },
        Layer::Dashed { points: exact, color: COLORS[1] },
        Layer::Vertical { x: toy_map::period_doubling(), color: COLORS[2] },
    ];
    panel("Mean loss", "γ", Scale::Linear, layers)
}

fn lyapunov_panel(orbits: &[(f64, f64, f64)]) -> Panel {
    let points = orbits.iter().map(|(gamma, _, lyapunov)| (*gamma, *lyapunov)).collect();
    let layers = vec![
        Layer::Dashed { points: vec![(0.0, 0.0), (2.0, 0.0)], color: COLORS[1] },
        Layer::Line { points, color: INK, width: 1 },
        Layer::Vertical { x: toy_map::period_doubling(), color: COLORS[2] },
    ];
    Panel { y_range: Some((-2.0, 1.2)), ..panel("Lyapunov exponent (chaos above 0)", "γ", Scale::Linear, layers) }
}
