//! Gradient descent below, at and above the threshold, against its closed form.

use stepwell::number::Number;
use stepwell::outcome::Outcome;
use stepwell::probe::Probe;
use stepwell::record::{Entry, RecordPlan, Series};
use stepwell::run::Status;
use stepwell::spec::{NoFiles, Prepared, Spec};
use stepwell::statistics::Band;
use stepwell::theory::quadratic::Quadratic;
use stepwell::verdict::Finding;

use super::Question;
use super::over_seeds::over_seeds;
use crate::drive::Watch;
use crate::error::LabError;
use crate::experiment::Experiment;
use crate::findings::Findings;
use crate::findings::quadratic::{self, Coordinate, Regime, SAME};
use crate::setting::Setting;

/// The closed form's losses are drawn at every third of the first steps; a table shows the last ones.
const SHOWN_STEPS: u64 = 60;
/// So many steps of the first seed are drawn along the top eigenvector.
const BOUNCING_STEPS: u64 = 24;

/// Runs all regimes and compares them with the closed form.
pub fn reproduce(question: &Question, spec: &Spec, watch: &dyn Watch) -> Result<Experiment, LabError> {
    let &Question { seeds, .. } = question;
    watch.expects(seeds * spec.variants.len() as u64, "runs");
    let (mut settings, mut regimes) = (Vec::new(), Vec::new());
    for variant in &spec.variants {
        let prepared = spec.with_variant(variant).prepare(&NoFiles)?;
        let plan = |seed: u64| plan(&prepared, seed == 1);
        let mut outcomes = over_seeds(&prepared, &variant.label, 1..=seeds, plan, watch)?;
        regimes.push(regime(&variant.label, &prepared, &mut outcomes)?);
        settings.push(Setting::new(variant.label.clone(), &prepared, outcomes));
    }
    Ok(Experiment {
        title: spec.title.clone().unwrap_or_default(),
        settings,
        findings: Findings::Quadratic(quadratic::Quadratic { regimes }),
        step_size_unit: Some("2/lambda_max".into()),
        notes: Vec::new(),
    })
}

/// What the spec says; of the first seed the first parameters too.
fn plan(prepared: &Prepared, first: bool) -> RecordPlan {
    let probes = prepared.spec().record.probes.clone();
    let mut entries = vec![Entry { steps: prepared.grid(), probes: probes.clone() }];
    if first {
        let steps = (0..=BOUNCING_STEPS.min(prepared.spec().steps)).collect();
        entries.push(Entry { steps, probes: vec![Probe::Parameters] });
    }
    RecordPlan::new(&entries, probes)
}

/// Compares the runs of a regime; takes their parameters out of the records.
fn regime(label: &str, prepared: &Prepared, outcomes: &mut [Outcome]) -> Result<Regime, LabError> {
    let runs = outcomes.iter().map(|outcome| Compared::new(prepared, outcome)).collect::<Result<Vec<_>, _>>()?;
    let band = |value: &dyn Fn(&Compared) -> f64| Band::of(&runs.iter().map(value).collect::<Vec<_>>());
    let expected = |t: u64| (t, Number(band(&|run| run.quadratic.loss(run.step_size, t)).median));
    let largest_error = runs.iter().flat_map(|run| &run.errors).map(|e| e.1).fold(0.0, f64::max);
    let mut found = Regime {
        label: label.into(),
        step_size: prepared.spec().schedule.step_size,
        end: band(&|run| run.end),
        expected_end: band(&|run| run.expected_end),
        largest_error,
        finding: Finding::checked(largest_error < SAME),
        expected_losses: (0..=SHOWN_STEPS).step_by(3).map(expected).collect(),
        errors: worst(&runs),
        coordinates: Vec::new(),
    };
    for (run, outcome) in runs.iter().zip(outcomes) {
        if let Some(parameters) = outcome.records.split_off_snapshots().get(Probe::Parameters.name()) {
            found.coordinates = run.coordinates(parameters);
        }
    }
    Ok(found)
}

/// The largest error over runs at each recorded step.
fn worst(runs: &[Compared]) -> Vec<(u64, Number)> {
    let longest = runs.iter().map(|run| run.errors.len()).max().unwrap_or(0);
    let at = |k: usize| {
        let errors: Vec<(u64, f64)> = runs.iter().filter_map(|run| run.errors.get(k).copied()).collect();
        (errors[0].0, Number(errors.iter().map(|e| e.1).fold(0.0, f64::max)))
    };
    (0..longest).map(at).collect()
}

/// A run beside its closed form.
struct Compared {
    quadratic: Quadratic,
    step_size: f64,
    /// `|F_t / closed form - 1|` at each recorded step.
    errors: Vec<(u64, f64)>,
    /// The last loss, or the step of overflow.
    end: f64,
    expected_end: f64,
}

impl Compared {
    fn new(prepared: &Prepared, outcome: &Outcome) -> Result<Self, LabError> {
        let data = prepared.data(outcome.seed)?;
        let start = prepared.session_on(outcome.seed, data.clone(), RecordPlan::default());
        let (quadratic, step_size) = (Quadratic::new(&data.train, start.theta()), start.step_size());
        let error = |(t, loss): (&u64, &f64)| {
            let expected = quadratic.loss(step_size, *t);
            (*t, if *loss == expected { 0.0 } else { (loss / expected - 1.0).abs() })
        };
        let (steps, losses) = outcome.records.line("train_loss");
        let errors = steps.iter().zip(losses).map(error).collect();
        let (end, expected_end) = match outcome.status {
            Status::Overflowed { step } => {
                let first = (0..).find(|t| quadratic.loss(step_size, *t).is_infinite());
                (step as f64, first.unwrap_or(0) as f64)
            }
            _ => {
                let last = steps.last().copied().unwrap_or(0);
                (outcome.records.last("train_loss"), quadratic.loss(step_size, last))
            }
        };
        Ok(Self { errors, end, expected_end, quadratic, step_size })
    }

    /// The coordinate along the top eigenvector, in units of where it starts, where parameters were recorded and after.
    fn coordinates(&self, parameters: &Series) -> Vec<Coordinate> {
        let Quadratic { eigenvectors, minimum, start, .. } = &self.quadratic;
        let measured = |theta: &[f64]| {
            let along = theta.iter().zip(minimum).zip(eigenvectors.row(0)).map(|((b, m), q)| (b - m) * q);
            along.sum::<f64>() / start[0]
        };
        let at = |step: u64| Coordinate {
            step,
            measured: parameters.steps.binary_search(&step).map_or(f64::NAN, |k| measured(parameters.row(k))),
            expected: self.quadratic.top_coordinate(self.step_size, step) / start[0],
        };
        (0..=BOUNCING_STEPS).map(at).collect()
    }
}
