//! SGD, label noise at a fixed level, and the label-noise equations, side by side as distributions.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use rayon::prelude::*;
use stepwell::data::Dataset;
use stepwell::linalg::Matrix;
use stepwell::number::Number;
use stepwell::outcome::Outcome;
use stepwell::probe::Probe;
use stepwell::record::{Entry, RecordPlan};
use stepwell::spec::{DynamicsSpec, FixedLabelNoiseSpec, NoFiles, Prepared, SdeSpec, Spec};
use stepwell::statistics::{Slices, energy_distance, quantile};
use stepwell::words::short;

use super::Question;
use super::over_seeds::over_seeds;
use crate::drive::Watch;
use crate::error::LabError;
use crate::experiment::Experiment;
use crate::findings::Findings;
use crate::findings::sde::{Floor, Law, SERIES, Sde};
use crate::setting::Setting;

/// Directions of the sliced Wasserstein distance.
const SLICES: usize = 64;
/// SGD has so many times as many paths as the other laws: distances between groups of them are the floor.
const PATHS_OF_SGD: u64 = 4;
/// Random groups of SGD's paths that are compared at each recording point.
const SPLITS: usize = 200;

/// Runs all laws and measures how far they are from SGD's. The level of the loss that the noise of the others has is
/// measured on SGD's paths first.
pub fn reproduce(question: &Question, spec: &Spec, watch: &dyn Watch) -> Result<Experiment, LabError> {
    let &Question { seeds, fresh, .. } = question;
    watch.expects(seeds * (spec.variants.len() as u64 + PATHS_OF_SGD - 1), "paths");
    let mut title = spec.title.clone().unwrap_or_default();
    let (mut settings, mut betas, mut step_sizes) = (Vec::new(), Vec::new(), Vec::new());
    let (mut steps, mut delta, mut more) = (Vec::new(), f64::NAN, Vec::new());
    for (k, variant) in spec.variants.iter().enumerate() {
        let mut own = spec.with_variant(variant).seeded(fresh);
        if delta.is_finite() {
            own.dynamics = at_level(&own.dynamics, delta);
        }
        let prepared = own.prepare(&NoFiles)?;
        let (outcomes, rows) = paths(&prepared, &variant.label, 1..=seeds, watch)?;
        let setting = Setting::new(variant.label.clone(), &prepared, outcomes);
        if k == 0 {
            steps = prepared.grid();
            delta = setting.band(Probe::MeanSampledLoss.name()).median;
            let (outcomes, rows) = paths(&prepared, &variant.label, seeds + 1..=PATHS_OF_SGD * seeds, watch)?;
            more = alive(&outcomes, &rows).cloned().collect();
        }
        step_sizes.push(own.schedule.step_size);
        settings.push(setting);
        betas.push(rows);
    }
    if delta.is_finite() {
        title += &format!(", δ = {}", short(delta));
    }
    let clouds: Vec<Vec<Cloud>> = settings
        .iter()
        .zip(&betas)
        .map(|(setting, betas)| {
            let alive: Vec<&Rows> = alive(&setting.outcomes, betas).collect();
            (0..steps.len()).into_par_iter().map(|k| Cloud::of(&alive, k)).collect()
        })
        .collect();
    let all: Vec<&Rows> =
        settings.first().map_or(Vec::new(), |sgd| alive(&sgd.outcomes, &betas[0]).chain(&more).collect());
    let all: Vec<Cloud> = (0..steps.len()).into_par_iter().map(|k| Cloud::of(&all, k)).collect();
    let mut floors: BTreeMap<[usize; 2], Vec<Floor>> = BTreeMap::new();
    let law = |k: usize| {
        let (sgd, own) = (&clouds[0], &clouds[k]);
        let sizes = [sgd, own].map(|clouds| clouds.first().map_or(0, |cloud| cloud.points.rows()));
        let (to_sgd, floor) = if k == 0 {
            (Vec::new(), Vec::new())
        } else {
            (distances(sgd, own), floors.entry(sizes).or_insert_with(|| floor(&all, sizes)).clone())
        };
        Law {
            label: settings[k].label.clone(),
            step_size: step_sizes[k],
            sliced_wasserstein: to_sgd.last().copied(),
            energy_distance: sgd.last().zip(own.last()).map_or(f64::NAN, |(a, b)| energy(a, b)),
            to_sgd,
            floor,
            sizes,
        }
    };
    let laws = (0..settings.len()).map(law).collect();
    let findings = Findings::Sde(Sde { steps, delta, laws });
    Ok(Experiment { title, settings, findings, step_size_unit: None, notes: Vec::new() })
}

/// The same law with its noise at another level of the loss.
fn at_level(dynamics: &DynamicsSpec, delta: f64) -> DynamicsSpec {
    match dynamics {
        DynamicsSpec::FixedLabelNoise(spec) => DynamicsSpec::FixedLabelNoise(FixedLabelNoiseSpec { delta, ..*spec }),
        DynamicsSpec::Sde(spec) => DynamicsSpec::Sde(SdeSpec { delta: spec.delta.map(|_| delta), ..*spec }),
        other => other.clone(),
    }
}

/// A row of `beta = u * v` per recording point.
type Rows = Vec<Vec<f64>>;

/// The paths of a law with the [`SERIES`], and their beta. Of the parameters those of one law are held at a time.
fn paths(
    prepared: &Prepared,
    label: &str,
    seeds: RangeInclusive<u64>,
    watch: &dyn Watch,
) -> Result<(Vec<Outcome>, Vec<Rows>), LabError> {
    let probes = vec![Probe::TrainLoss, Probe::MeanSampledLoss, Probe::LogFactor, Probe::Parameters];
    let plan = RecordPlan::new(&[Entry { steps: prepared.grid(), probes }], vec![Probe::TrainLoss]);
    let mut outcomes = over_seeds(prepared, label, seeds, |_| plan.clone(), watch)?;
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
    let mut betas = Vec::with_capacity(parameters.steps.len());
    for (step, theta) in parameters.rows() {
        let (values, beta) = observed(theta, data);
        for (name, value) in SERIES[3..].iter().zip(values) {
            outcome.records.push(*name, step, value);
        }
        betas.push(beta);
    }
    betas
}

/// Mean `|beta|` on and off the support, and beta itself.
fn observed(theta: &[f64], data: &Dataset) -> ([f64; 2], Vec<f64>) {
    let (u, v) = theta.split_at(theta.len() / 2);
    let beta: Vec<f64> = u.iter().zip(v).map(|(u, v)| u * v).collect();
    let target = data.target.as_deref().unwrap_or(&[]);
    let mean = |wanted: bool| {
        let chosen: Vec<f64> =
            beta.iter().zip(target).filter(|(_, t)| (**t != 0.0) == wanted).map(|(b, _)| b.abs()).collect();
        chosen.iter().sum::<f64>() / chosen.len() as f64
    };
    ([mean(true), mean(false)], beta)
}

/// The rows of the paths that did not diverge.
fn alive<'a>(outcomes: &'a [Outcome], betas: &'a [Rows]) -> impl Iterator<Item = &'a Rows> {
    outcomes.iter().zip(betas).filter(|(outcome, _)| !outcome.diverged()).map(|(_, betas)| betas)
}

/// Beta of several paths at one recording point.
struct Cloud {
    /// A row per path.
    points: Matrix,
    slices: Slices,
}

impl Cloud {
    fn of(paths: &[&Rows], k: usize) -> Self {
        let rows: Vec<&Vec<f64>> = paths.iter().filter_map(|betas| betas.get(k)).collect();
        let points = Matrix::from_fn(rows.len(), rows.first().map_or(0, |row| row.len()), |i, j| rows[i][j]);
        let slices = Slices::of(&points, SLICES);
        Self { points, slices }
    }
}

fn distances(a: &[Cloud], b: &[Cloud]) -> Vec<Number> {
    let distance =
        |(a, b): (&Cloud, &Cloud)| if few(a, b) { f64::NAN } else { a.slices.distance(None, &b.slices, None) };
    a.par_iter().zip(b).map(|pair| Number(distance(pair))).collect()
}

fn floor(sgd: &[Cloud], sizes: [usize; 2]) -> Vec<Floor> {
    let at = |cloud: &Cloud| {
        let found = cloud.slices.floor(sizes, SPLITS);
        let [low, median, high] = [0.025, 0.5, 0.975].map(|p| quantile(&found, p));
        (!found.is_empty()).then_some(Floor { median, low, high })
    };
    if sizes.contains(&0) || sizes.contains(&1) { Vec::new() } else { sgd.par_iter().filter_map(at).collect() }
}

fn energy(a: &Cloud, b: &Cloud) -> f64 {
    if few(a, b) { f64::NAN } else { energy_distance(&a.points, &b.points) }
}

/// Whether fewer than two paths are left on a side.
fn few(a: &Cloud, b: &Cloud) -> bool {
    a.points.rows() < 2 || b.points.rows() < 2
}
