//! Gradient descent below, at and above the threshold, against its closed form.

use stepwell_lab::experiment::Experiment;
use stepwell_lab::findings::quadratic::{Quadratic, Regime};
use stepwell_lab::setting::Setting;

use crate::axis::Scale;
use crate::figure::{Entry, Figure, Mark};
use crate::panel::{Layer, Panel};
use crate::series::{LineInBand, band};
use crate::style::{COLORS, INK, RGBColor};

/// An error of zero has no place on a logarithmic axis.
const LEAST_ERROR: f64 = 1e-17;

/// Losses, the largest error of the closed form, and coordinates along the top eigenvector.
pub fn figure(experiment: &Experiment, found: &Quadratic) -> Figure {
    let settings = || experiment.settings.iter().zip(&found.regimes).zip(COLORS);
    let mut panels: Vec<Panel> =
        settings().map(|((setting, regime), color)| loss_panel(setting, regime, color)).collect();
    panels.push(error_panel(found));
    panels.extend(found.regimes.iter().zip(COLORS).map(|(regime, color)| bouncing_panel(regime, color)));
    let entry = |((setting, _), color): ((&Setting, _), _)| {
        let share = setting.diverged();
        let text = format!("{}\n{} of {} runs diverged", setting.label, share.hits, share.total);
        Entry { mark: Mark::LineInBand(color), text }
    };
    let mut legend: Vec<Entry> = settings().map(entry).collect();
    legend.push(Entry { mark: Mark::None, text: "line: median over data sets, band: 10% to 90%".into() });
    legend.push(Entry { mark: Mark::Dots(INK), text: "the closed form (losses: its median)".into() });
    Figure { title: experiment.title.clone(), columns: 4, panels, legend, below: Vec::new() }
}

fn loss_panel(setting: &Setting, regime: &Regime, color: RGBColor) -> Panel {
    let records: Vec<_> = setting.outcomes.iter().map(|run| &run.records).collect();
    let LineInBand { line, area, .. } = band(&records, "train_loss");
    let expected: Vec<_> = regime.expected_losses.iter().map(|(t, loss)| (*t as f64, loss.0)).collect();
    let shown = expected.last().map_or(0.0, |last| last.0);
    let layers = vec![
        Layer::Band { points: area.into_iter().filter(|p| p.0 <= shown).collect(), color },
        Layer::Line { points: line.into_iter().filter(|p| p.0 <= shown).collect(), color, width: 3 },
        Layer::Dots { points: expected, color: INK, size: 4 },
    ];
    let title = format!("Loss, {}", regime.label);
    Panel { title, x_label: "iteration".into(), scale: Scale::Log, y_range: None, layers }
}

/// The coordinate along the top eigenvector, of the first seed, in units of where it starts.
fn bouncing_panel(regime: &Regime, color: RGBColor) -> Panel {
    let measured = regime.coordinates.iter().map(|at| (at.step as f64, at.measured)).collect();
    let expected = regime.coordinates.iter().map(|at| (at.step as f64, at.expected)).collect();
    let layers =
        vec![Layer::Line { points: measured, color, width: 2 }, Layer::Dots { points: expected, color: INK, size: 4 }];
    let title = "Coordinate along the top eigenvector".into();
    Panel { title, x_label: "iteration".into(), scale: Scale::Linear, y_range: None, layers }
}

fn error_panel(found: &Quadratic) -> Panel {
    let line = |(regime, color): (&Regime, _)| {
        let points = regime.errors.iter().map(|(t, error)| (*t as f64, error.0.max(LEAST_ERROR))).collect();
        Layer::Line { points, color, width: 2 }
    };
    let layers = found.regimes.iter().zip(COLORS).map(line).collect();
    let title = "Largest relative error of the closed form".into();
    Panel { title, x_label: "iteration".into(), scale: Scale::Log, y_range: None, layers }
}
