//! Runs at one step size: what becomes of each, and what is measured of it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use stepwell::metrics::Thresholds;
use stepwell::outcome::Outcome;
use stepwell::probe::Probe;
use stepwell::record::{Entry, RecordPlan};
use stepwell::spec::{ModelSpec, Prepared, Spec};
use stepwell::statistics::{Band, Share, quantile};
use stepwell::words::short;

use super::protocol::Protocol;
use crate::drive::{Job, Watch, all_ended, ensemble};
use crate::error::LabError;
use crate::findings::advice::Evidence;
use crate::findings::phase::{self, Fate, Shares};
use crate::setting::Setting;

/// All runs at one step size.
pub(super) struct Point {
    /// The largest step size of the schedule.
    pub(super) step_size: f64,
    /// The runs, one per seed.
    pub(super) setting: Setting,
    /// What became of each.
    pub(super) shares: Shares,
    /// So many of the first runs were looked at more closely.
    closer: usize,
}

/// Recorded losses of the large phase, but for the first.
const LOSSES: u64 = 200;
/// Gradient-weighted batch sharpness is measured at the start of the large phase and after each of so many parts.
const PARTS: u64 = 10;
/// What is measured of the last parameters of runs that are looked at more closely.
const REACHED: [Probe; 2] = [Probe::GradientDescentThreshold, Probe::MeanSquareThreshold];

impl Point {
    /// The runs of some seeds at a step size; the first `closer` of them are looked at more closely.
    pub(super) fn measure(
        protocol: &Protocol<'_>,
        step_size: f64,
        seeds: Range<u64>,
        closer: u64,
        watch: &dyn Watch,
    ) -> Result<Self, LabError> {
        let prepared = protocol.at(step_size)?;
        let label = short(step_size);
        let first = seeds.start;
        let job = |seed| job(protocol, &prepared, &label, seed, seed - first < closer);
        let jobs: Vec<Job<'_>> = seeds.map(job).collect();
        let outcomes = all_ended(ensemble(&jobs, watch)?)?;
        // the step sizes of so many settings are not drawn
        let setting = Setting { timetable: None, ..Setting::new(label, &prepared, outcomes) };
        Ok(Self::new(step_size, setting, closer as usize))
    }

    pub(super) fn new(step_size: f64, setting: Setting, closer: usize) -> Self {
        let fate = |run: &Outcome| Fate::of(run.diverged(), run.stabilization.behavior);
        let shares = Shares::of(&setting.outcomes.iter().map(fate).collect::<Vec<_>>());
        Self { step_size, setting, shares, closer }
    }

    /// With the runs of other seeds at the same step size.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.setting.outcomes.extend(other.setting.outcomes);
        Self::new(self.step_size, self.setting, self.closer)
    }

    /// Diverged runs.
    pub(super) fn diverged(&self) -> Share {
        self.shares.diverges
    }

    /// The level of the loss in the large phase, over the runs that did not diverge.
    pub(super) fn level(&self) -> Band {
        let survivors = self.setting.outcomes.iter().filter(|run| !run.diverged());
        Band::of(&survivors.map(|run| run.stabilization.level).collect::<Vec<_>>())
    }

    /// The median loss at the start.
    pub(super) fn first_loss(&self) -> f64 {
        let first = |run: &Outcome| run.records.line(Probe::TrainLoss.name()).1.first().copied().unwrap_or(f64::NAN);
        quantile(&self.setting.outcomes.iter().map(first).collect::<Vec<_>>(), 0.5)
    }

    /// A value after the last step, over the runs that did not diverge.
    pub(super) fn end(&self, series: &str) -> Band {
        Band::of(&self.setting.outcomes.iter().map(|run| run.end_value(series)).collect::<Vec<_>>())
    }

    fn ends(&self, series: &[String]) -> BTreeMap<String, Band> {
        series.iter().map(|name| (name.clone(), self.end(name))).collect()
    }

    /// The median of something that was looked at more closely.
    fn closer(&self, value: impl Fn(&Outcome) -> f64) -> f64 {
        quantile(&self.setting.outcomes.iter().take(self.closer).map(value).collect::<Vec<_>>(), 0.5)
    }

    /// Up to which step sizes the last parameters are stable.
    fn reached(&self) -> Thresholds {
        let [gradient_descent, mean_square] =
            REACHED.map(|probe| self.closer(|run| run.end_value(probe.name()) / run.unit));
        Thresholds { gradient_descent, mean_square }
    }

    /// The mean-square one; gradient descent's where that is not known.
    pub(super) fn threshold_reached(&self) -> f64 {
        let [gradient_descent, mean_square] = REACHED.map(Probe::name);
        self.closer(|run| {
            let value = run.end_value(mean_square);
            (if value.is_nan() { run.end_value(gradient_descent) } else { value }) / run.unit
        })
    }

    /// Two over the gradient-weighted batch sharpness after some parts of the large phase.
    fn along(&self, part: u64) -> f64 {
        let step = part_of(self.setting.last_large, part);
        self.closer(|run| 2.0 / sharpness_at(run, step) / run.unit)
    }

    /// Two over the median gradient-weighted batch sharpness in the second half of the large phase.
    fn two_over_gradient_weighted_batch_sharpness(&self) -> f64 {
        let steps: Vec<u64> = (PARTS / 2..=PARTS).map(|part| part_of(self.setting.last_large, part)).collect();
        self.closer(|run| {
            let values: Vec<f64> = steps.iter().map(|step| sharpness_at(run, *step)).collect();
            2.0 / quantile(&values, 0.5) / run.unit
        })
    }

    /// The Lyapunov exponent per step, from the middle of the large phase on: the median over the runs that resolve it.
    pub(super) fn lyapunov(&self) -> f64 {
        self.closer(|run| run.records.last(Probe::Lyapunov.name()))
    }

    /// Between the least and the largest end of these runs' intervals; NaN where no run resolves it.
    fn lyapunov_interval(&self) -> [f64; 2] {
        let names = Probe::Lyapunov.series(0);
        let ends = |name: &str| -> Vec<f64> {
            self.setting.outcomes.iter().take(self.closer).map(|run| run.records.last(name)).collect()
        };
        [ends(&names[1]).into_iter().fold(f64::NAN, f64::min), ends(&names[2]).into_iter().fold(f64::NAN, f64::max)]
    }

    /// What is found, with these series after the last step.
    pub(super) fn findings(&self, series: &[String]) -> phase::Point {
        phase::Point {
            step_size: self.step_size,
            shares: self.shares,
            pooled: self.setting.stabilization(),
            level: self.level(),
            end: self.ends(series),
            reached: self.reached(),
            two_over_gradient_weighted_batch_sharpness: self.two_over_gradient_weighted_batch_sharpness(),
            two_over_gradient_weighted_batch_sharpness_along: (0..=PARTS).map(|part| self.along(part).into()).collect(),
            lyapunov: self.lyapunov(),
            lyapunov_interval: self.lyapunov_interval().map(Into::into),
        }
    }

    /// How the runs end.
    pub(super) fn evidence(&self, series: &[String]) -> Evidence {
        Evidence { step_size: self.step_size, diverged: self.diverged(), end: self.ends(series) }
    }
}

/// The step after so many parts of the large phase.
fn part_of(last_large: u64, part: u64) -> u64 {
    last_large * part / PARTS
}

fn sharpness_at(run: &Outcome, step: u64) -> f64 {
    run.records.get(Probe::GradientWeightedBatchSharpness.name()).map_or(f64::NAN, |series| series.at(step))
}

/// Names of the losses and measures of sparsity that were taken after the last step of any run.
pub(super) fn measured<'a>(points: impl IntoIterator<Item = &'a Point>) -> Vec<String> {
    let mut ends = points.into_iter().flat_map(|point| &point.setting.outcomes).map(|run| &run.end);
    let names = ends.find(|end| !end.is_empty()).into_iter().flatten().map(|(name, _)| name.to_string());
    names.filter(|name| REACHED.iter().all(|probe| probe.name() != name)).collect()
}

fn job<'p>(protocol: &'p Protocol<'_>, prepared: &'p Prepared, label: &str, seed: u64, closer: bool) -> Job<'p> {
    let plan = plan(prepared, closer);
    let job = Job::of_seed(label, prepared, seed, plan.clone());
    let plan = Arc::new(plan);
    Job {
        description: job.description + &protocol.description(),
        open: Box::new(move || {
            let data = protocol.data_of(prepared, seed)?;
            Ok(Box::new(prepared.session_on(seed, data, Arc::clone(&plan))))
        }),
        ..job
    }
}

/// What is recorded of a run.
fn plan(prepared: &Prepared, closer: bool) -> RecordPlan {
    let last_large = prepared.schedule().last_step_before_decay(prepared.spec().steps);
    let losses = (0..=LOSSES).map(|k| last_large * k / LOSSES).collect();
    let mut entries = vec![Entry { steps: losses, probes: vec![Probe::TrainLoss] }];
    let mut end = end(prepared.spec());
    if closer {
        let along = (0..=PARTS).map(|part| part_of(last_large, part)).collect();
        entries.push(Entry { steps: along, probes: vec![Probe::GradientWeightedBatchSharpness] });
        entries.push(Entry { steps: vec![last_large / 2], probes: vec![Probe::Lyapunov] });
        end.extend(REACHED);
    }
    RecordPlan::new(&entries, end)
}

/// The losses and measures of sparsity that the spec records, and the model's own measure of sparsity.
fn end(spec: &Spec) -> Vec<Probe> {
    let sparsity = match spec.model {
        ModelSpec::Linear | ModelSpec::DiagonalLinear => Some(Probe::Nonzero),
        ModelSpec::FullyConnected(_) => Some(Probe::FeatureSparsity),
        _ => None,
    };
    let recorded = spec.record.probes.iter().chain(&spec.record.costly).copied().filter(|probe| is_shown(*probe));
    let mut probes = vec![Probe::TrainLoss];
    for probe in recorded.chain(sparsity) {
        if !probes.contains(&probe) {
            probes.push(probe);
        }
    }
    probes
}

/// Whether a probe tells how good or how sparse the solution is.
fn is_shown(probe: Probe) -> bool {
    let other = matches!(
        probe,
        Probe::StepSize
            | Probe::ParameterNorm
            | Probe::GradientNorm
            | Probe::GradientSquare
            | Probe::Sharpness
            | Probe::SharpnessResidual
            | Probe::SharpnessIterations
            | Probe::BatchSharpness
            | Probe::GradientWeightedBatchSharpness
    );
    !(other || REACHED.contains(&probe) || probe.is_of_run() || probe.is_wide())
}
