//! SGD, label noise at a fixed level, and the label-noise equations, side by side as distributions.

use rayon::prelude::*;
use stepwell::data::Dataset;
use stepwell::linalg::Matrix;
use stepwell::number::Number;
use stepwell::outcome::Outcome;
use stepwell::probe::Probe;
use stepwell::record::{Entry, RecordPlan};
use stepwell::spec::{NoFiles, Prepared, Spec};
use stepwell::statistics::{energy_distance, quantile, sliced_wasserstein};

use super::Question;
use super::over_seeds::over_seeds;
use crate::drive::Watch;
use crate::error::LabError;
use crate::experiment::Experiment;
use crate::findings::Findings;
use crate::findings::sde::{Law, SERIES, Sde};
use crate::setting::Setting;

/// Directions of the sliced Wasserstein distance.
const SLICES: usize = 64;

/// Runs all laws and measures how far they are from SGD's.
pub fn reproduce(question: &Question, spec: &Spec, watch: &dyn Watch) -> Result<Experiment, LabError> {
    let &Question { seeds, fresh, .. } = question;
    watch.expects(seeds * spec.variants.len() as u64, "paths");
    let (mut settings, mut betas, mut steps) = (Vec::new(), Vec::new(), Vec::new());
    for variant in &spec.variants {
        let prepared = spec.with_variant(variant).seeded(fresh).prepare(&NoFiles)?;
        steps = prepared.grid();
        let (outcomes, rows) = paths(&prepared, &variant.label, seeds, watch)?;
        let step_size = prepared.spec().schedule.step_size;
        settings.push(Setting::new(variant.label.clone(), &prepared, outcomes));
        betas.push((step_size, rows));
    }
    let clouds = |law: usize, wanted: fn(u64) -> bool| -> Vec<Matrix> {
        let (setting, (_, betas)) = (&settings[law], &betas[law]);
        (0..steps.len()).map(|k| cloud(&setting.outcomes, betas, k, wanted)).collect()
    };
    let sgd = clouds(0, |_| true);
    let law = |k: usize| {
        let own = clouds(k, |_| true);
        let to_sgd = if k == 0 { Vec::new() } else { distances(&sgd, &own) };
        Law {
            label: settings[k].label.clone(),
            step_size: betas[k].0,
            sliced_wasserstein: to_sgd.last().copied(),
            energy_distance: sgd.last().zip(own.last()).map_or(f64::NAN, |(a, b)| energy(a, b)),
            to_sgd,
        }
    };
    let laws = (0..settings.len()).map(law).collect();
    let floor = distances(&clouds(0, |seed| seed % 2 == 1), &clouds(0, |seed| seed % 2 == 0));
    let title = spec.title.clone().unwrap_or_default();
    let findings = Findings::Sde(Sde { steps, floor, laws });
    Ok(Experiment { title, settings, findings, step_size_unit: None, notes: Vec::new() })
}

/// A row of `beta = u * v` per recording point.
type Rows = Vec<Vec<f64>>;

/// The paths of a law with the [`SERIES`], and their beta. Of the parameters those of one law are held at a time.
fn paths(
    prepared: &Prepared,
    label: &str,
    count: u64,
    watch: &dyn Watch,
) -> Result<(Vec<Outcome>, Vec<Rows>), LabError> {
    let probes = vec![Probe::TrainLoss, Probe::Parameters];
    let plan = RecordPlan::new(&[Entry { steps: prepared.grid(), probes }], vec![Probe::TrainLoss]);
    let mut outcomes = over_seeds(prepared, label, count, |_| plan.clone(), watch)?;
    let beta = |outcome: &mut Outcome| -> Result<Rows, LabError> {
        let data = prepared.data(outcome.seed)?;
        Ok(observe(outcome, &data))
    };
    let betas = outcomes.par_iter_mut().map(beta).collect::<Result<Vec<_>, _>>()?;
    Ok((outcomes, betas))
}

/// Puts what is known of a path in place of its parameters; its beta.
fn observe(outcome: &mut Outcome, data: &Dataset) -> Rows {
    let snapshots = outcome.records.split_off_snapshots();
    let Some(parameters) = snapshots.get(Probe::Parameters.name()) else { return Vec::new() };
    let (start, mut betas) = (parameters.row(0), Vec::with_capacity(parameters.steps.len()));
    for (step, theta) in parameters.rows() {
        let (values, beta) = observed(theta, start, data);
        for (name, value) in SERIES[1..].iter().zip(values) {
            outcome.records.push(*name, step, value);
        }
        betas.push(beta);
    }
    betas
}

/// Log factor, mean `|beta|` on and off the support, and beta itself. `|u^2 - v^2|` is known to the round-off of
/// `u^2 + v^2` only, and is taken for that where it is smaller.
fn observed(theta: &[f64], start: &[f64], data: &Dataset) -> ([f64; 3], Vec<f64>) {
    let gap = |theta: &[f64], j: usize| {
        let (u, v) = theta.split_at(theta.len() / 2);
        ((u[j] - v[j]).abs() * (u[j] + v[j]).abs()).max(f64::EPSILON * (u[j] * u[j] + v[j] * v[j]))
    };
    let d = theta.len() / 2;
    let factors: Vec<f64> = (0..d).map(|j| libm::log(gap(theta, j) / gap(start, j))).collect();
    let beta: Vec<f64> = (0..d).map(|j| theta[j] * theta[d + j]).collect();
    let target = data.target.as_deref().unwrap_or(&[]);
    let mean = |wanted: bool| {
        let chosen: Vec<f64> =
            beta.iter().zip(target).filter(|(_, t)| (**t != 0.0) == wanted).map(|(b, _)| b.abs()).collect();
        chosen.iter().sum::<f64>() / chosen.len() as f64
    };
    ([quantile(&factors, 0.5), mean(true), mean(false)], beta)
}

/// Beta at recording point `k` (m x d), a row per path that is wanted by its seed and did not diverge.
fn cloud(outcomes: &[Outcome], betas: &[Rows], k: usize, wanted: impl Fn(u64) -> bool) -> Matrix {
    let alive = outcomes.iter().zip(betas).filter(|(outcome, _)| wanted(outcome.seed) && !outcome.diverged());
    let rows: Vec<&Vec<f64>> = alive.filter_map(|(_, betas)| betas.get(k)).collect();
    Matrix::from_fn(rows.len(), rows.first().map_or(0, |row| row.len()), |i, j| rows[i][j])
}

fn distances(a: &[Matrix], b: &[Matrix]) -> Vec<Number> {
    let distance = |(a, b): (&Matrix, &Matrix)| if few(a, b) { f64::NAN } else { sliced_wasserstein(a, b, SLICES) };
    a.par_iter().zip(b).map(|pair| Number(distance(pair))).collect()
}

fn energy(a: &Matrix, b: &Matrix) -> f64 {
    if few(a, b) { f64::NAN } else { energy_distance(a, b) }
}

/// Whether fewer than two paths are left on a side.
fn few(a: &Matrix, b: &Matrix) -> bool {
    a.rows() < 2 || b.rows() < 2
}
