//! `reproduce quadratic`: gradient descent below, at and above the threshold, against its closed form.

use std::process::ExitCode;
use std::sync::Arc;

use serde_json::{Value, json};
use stepwell::record::RecordPlan;
use stepwell::run::Status;
use stepwell::spec::Prepared;
use stepwell::statistics::{Band, Share};
use stepwell::theory::quadratic::Quadratic;
use stepwell::words::{band_text, share_text, short, significant};
use stepwell_plot::axis::Scale;
use stepwell_plot::figure::{Entry, Figure, Mark};
use stepwell_plot::panel::{Layer, Panel};
use stepwell_plot::series::{band, points};
use stepwell_plot::style::{COLORS, INK, RGBColor};

use super::{DivergedRun, Reproduction, diverged_of, reproduce};
use crate::cli::ReproduceArgs;
use crate::ensemble::{Job, Outcome, explain, run_all};
use crate::failure::Failure;
use crate::output::{band_json, number, table};
use crate::progress;
use crate::records_rows::{HEADER, append_csv, run_prefix};
use crate::spec_file::SpecFile;

/// The panels show the first steps; the table the last ones.
const SHOWN_STEPS: u64 = 60;
/// What round-off leaves of the agreement after some thousand steps.
const SAME: f64 = 1e-9;

/// One regime over seeds, each seed its own data set and start.
struct Regime {
    label: String,
    prepared: Prepared,
    runs: Vec<Compared>,
}

/// A run beside its closed form.
struct Compared {
    outcome: Outcome,
    quadratic: Quadratic,
    step_size: f64,
    /// `|F_t / closed form - 1|` at each recorded step.
    errors: Vec<(f64, f64)>,
}

/// The regimes, and the spec that they come from.
struct Regimes {
    title: String,
    steps: u64,
    regimes: Vec<Regime>,
}

/// Runs the figure.
pub fn run(args: &ReproduceArgs) -> Result<ExitCode, Failure> {
    reproduce(args, |file, count| {
        let regimes = measure(file, count)?;
        Ok(Regimes { title: file.spec.title.clone().unwrap_or_default(), steps: file.spec.steps, regimes })
    })
}

impl Reproduction for Regimes {
    fn csv(&self) -> String {
        csv(&self.regimes)
    }

    fn figure(&self) -> Result<Figure, Failure> {
        Ok(figure(&self.title, &self.regimes))
    }

    fn summary(&self) -> Value {
        summary(&self.regimes)
    }

    fn diverged(&self) -> Vec<DivergedRun> {
        let of_regime = |regime: &'_ Regime| {
            diverged_of(&regime.label, regime.runs.iter().map(|run| &run.outcome)).collect::<Vec<_>>()
        };
        self.regimes.iter().flat_map(of_regime).collect()
    }

    fn report(&self) -> String {
        format!(
            "{}\n{} steps; {} data sets, each with its own threshold 2/λ (λ: largest eigenvalue of the Hessian 2 XᵀX)\n{}\n",
            self.title,
            self.steps,
            self.regimes[0].runs.len(),
            report(&self.regimes)
        )
    }
}

fn measure(file: &SpecFile, count: u64) -> Result<Vec<Regime>, Failure> {
    let mut regimes = Vec::new();
    let bar = progress::bar(count * file.spec.variants.len() as u64, "runs");
    for variant in &file.spec.variants {
        let prepared = file.prepare(&file.spec.with_variant(variant))?;
        let jobs: Vec<Job<'_>> = (1..=count).map(|seed| Job::new(&prepared, seed, false)).collect();
        let outcomes = run_all(&jobs, &bar).map_err(|error| explain(error, file))?;
        drop(jobs);
        let runs = outcomes.into_iter().map(|outcome| compare(file, &prepared, outcome)).collect::<Result<_, _>>()?;
        regimes.push(Regime { label: variant.label.clone(), prepared, runs });
    }
    bar.finish_and_clear();
    Ok(regimes)
}

fn compare(file: &SpecFile, prepared: &Prepared, outcome: Outcome) -> Result<Compared, Failure> {
    let data = prepared.data(outcome.seed).map_err(|error| file.explain(&error))?;
    let start = prepared.session_on(outcome.seed, Arc::clone(&data), RecordPlan::default());
    let quadratic = Quadratic::new(&data.train, start.theta());
    let step_size = start.step_size();
    let error = |(t, loss): (f64, f64)| {
        let expected = quadratic.loss(step_size, t as u64);
        (t, if loss == expected { 0.0 } else { (loss / expected - 1.0).abs() })
    };
    let errors = points(&outcome.records, "train_loss").into_iter().map(error).collect();
    Ok(Compared { outcome, quadratic, step_size, errors })
}

impl Regime {
    fn band(&self, value: impl Fn(&Compared) -> f64) -> Band {
        Band::of(&self.runs.iter().map(value).collect::<Vec<_>>())
    }

    fn diverged(&self) -> Share {
        Share::of(self.runs.iter().filter(|run| run.outcome.diverged()).count(), self.runs.len())
    }

    fn worst_error(&self) -> f64 {
        self.runs.iter().flat_map(|run| &run.errors).map(|e| e.1).fold(0.0, f64::max)
    }
}

impl Compared {
    /// What the closed form says of the end: the last loss, or the first step whose loss is beyond double precision.
    fn expected_end(&self) -> f64 {
        match self.outcome.status {
            Status::Diverged { .. } => {
                (0..).find(|t| self.quadratic.loss(self.step_size, *t).is_infinite()).unwrap_or(0) as f64
            }
            _ => self.quadratic.loss(self.step_size, self.last_step()),
        }
    }

    fn end(&self) -> f64 {
        match self.outcome.status {
            Status::Diverged { step } => step as f64,
            _ => self.outcome.records.last("train_loss"),
        }
    }

    fn last_step(&self) -> u64 {
        self.outcome.records.get("train_loss").and_then(|s| s.steps.last().copied()).unwrap_or(0)
    }
}

fn report(regimes: &[Regime]) -> String {
    let mut table = table(&[
        "regime",
        "diverged [95%]",
        "last loss (or step of overflow), median [10%, 90%]",
        "closed form",
        "largest |F_t / closed form − 1|",
        "verdict",
    ]);
    for regime in regimes {
        let error = regime.worst_error();
        table.add_row([
            regime.label.clone(),
            share_text(&regime.diverged()),
            band_text(&regime.band(Compared::end)),
            band_text(&regime.band(Compared::expected_end)),
            significant(error, 2),
            if error < SAME { "as the closed form".into() } else { format!("differs by more than {}", short(SAME)) },
        ]);
    }
    table.trim_fmt()
}

fn summary(regimes: &[Regime]) -> Value {
    let one = |regime: &Regime| {
        let share = regime.diverged();
        let finished =
            |value: fn(&Compared) -> f64| regime.band(|run| if run.outcome.diverged() { f64::NAN } else { value(run) });
        let mut loss = band_json(&finished(Compared::end));
        loss["closed_form_median"] = number(finished(Compared::expected_end).median);
        json!({
            "label": regime.label,
            "step_size": regime.prepared.spec().schedule.step_size,
            "step_size_unit": "2/lambda_max",
            "seeds": share.total,
            "diverged": share.hits,
            "diverged_interval": [share.low, share.high],
            "final": { "train_loss": loss },
            "diverged_at": band_json(&regime.band(|run| if run.outcome.diverged() { run.end() } else { f64::NAN })),
            "largest_relative_error": number(regime.worst_error()),
        })
    };
    let runs: Vec<Value> = regimes.iter().map(one).collect();
    json!({ "figure": "quadratic", "version": env!("CARGO_PKG_VERSION"), "runs": runs })
}

fn csv(regimes: &[Regime]) -> String {
    let mut out = String::from(HEADER);
    for regime in regimes {
        for run in &regime.runs {
            append_csv(&mut out, &run_prefix(&regime.label, run.outcome.seed), &run.outcome.all_records);
        }
    }
    out
}

fn figure(title: &str, regimes: &[Regime]) -> Figure {
    let mut panels: Vec<Panel> = regimes.iter().zip(COLORS).map(|(regime, color)| loss_panel(regime, color)).collect();
    panels.push(error_panel(regimes));
    panels.extend(regimes.iter().zip(COLORS).map(|(regime, color)| bouncing_panel(regime, color)));
    let mut legend: Vec<Entry> = regimes
        .iter()
        .zip(COLORS)
        .map(|(regime, color)| {
            let share = regime.diverged();
            let text = format!("{}\n{} of {} runs diverged", regime.label, share.hits, share.total);
            Entry { mark: Mark::LineInBand(color), text }
        })
        .collect();
    legend.push(Entry { mark: Mark::None, text: "line: median over data sets, band: 10% to 90%".into() });
    legend.push(Entry { mark: Mark::Dots(INK), text: "the closed form (losses: its median)".into() });
    Figure { title: title.into(), columns: 4, panels, legend, below: Vec::new() }
}

fn loss_panel(regime: &Regime, color: RGBColor) -> Panel {
    let records: Vec<_> = regime.runs.iter().map(|run| &run.outcome.records).collect();
    let (line, area) = band(&records, "train_loss");
    let shown = SHOWN_STEPS as f64;
    let expected = |t: u64| (t as f64, regime.band(|run| run.quadratic.loss(run.step_size, t)).median);
    let layers = vec![
        Layer::Band { points: area.into_iter().filter(|p| p.0 <= shown).collect(), color },
        Layer::Line { points: line.into_iter().filter(|p| p.0 <= shown).collect(), color, width: 3 },
        Layer::Dots { points: (0..=SHOWN_STEPS).step_by(3).map(expected).collect(), color: INK, size: 4 },
    ];
    let title = format!("Loss, {}", regime.label);
    Panel { title, x_label: "iteration".into(), scale: Scale::Log, y_range: None, layers }
}

/// The coordinate along the top eigenvector, of the first seed, in units of where it starts.
fn bouncing_panel(regime: &Regime, color: RGBColor) -> Panel {
    let steps = 24;
    let (measured, expected) = match regime.runs.first() {
        Some(run) => (
            measured_coordinate(regime, run, steps),
            (0..=steps)
                .map(|t| (t as f64, run.quadratic.top_coordinate(run.step_size, t) / run.quadratic.start[0]))
                .collect(),
        ),
        None => (Vec::new(), Vec::new()),
    };
    let layers =
        vec![Layer::Line { points: measured, color, width: 2 }, Layer::Dots { points: expected, color: INK, size: 4 }];
    let title = "Coordinate along the top eigenvector".into();
    Panel { title, x_label: "iteration".into(), scale: Scale::Linear, y_range: None, layers }
}

fn measured_coordinate(regime: &Regime, run: &Compared, steps: u64) -> Vec<(f64, f64)> {
    let Ok(data) = regime.prepared.data(run.outcome.seed) else { return Vec::new() };
    let mut session = regime.prepared.session_on(run.outcome.seed, data, RecordPlan::default());
    let top = run.quadratic.eigenvectors.row(0);
    let mut out = Vec::new();
    for t in 0..=steps {
        let error = session.theta().iter().zip(&run.quadratic.minimum).zip(top).map(|((b, m), q)| (b - m) * q);
        out.push((t as f64, error.sum::<f64>() / run.quadratic.start[0]));
        session.advance(1);
    }
    out
}

fn error_panel(regimes: &[Regime]) -> Panel {
    let worst = |regime: &Regime| -> Vec<(f64, f64)> {
        let longest = regime.runs.iter().map(|run| run.errors.len()).max().unwrap_or(0);
        let at = |k: usize| {
            let errors: Vec<(f64, f64)> = regime.runs.iter().filter_map(|run| run.errors.get(k).copied()).collect();
            (errors[0].0, errors.iter().map(|e| e.1).fold(1e-17, f64::max))
        };
        (0..longest).map(at).collect()
    };
    let line = |(regime, color): (&Regime, _)| Layer::Line { points: worst(regime), color, width: 2 };
    let layers = regimes.iter().zip(COLORS).map(line).collect();
    let title = "Largest relative error of the closed form".into();
    Panel { title, x_label: "iteration".into(), scale: Scale::Log, y_range: None, layers }
}
