//! The protocol of an experiment in which the step size alone varies: warm-up, large phase, decay.

use std::sync::Arc;

use rayon::prelude::*;
use stepwell::data::Dataset;
use stepwell::metrics::{BatchMoments, Thresholds};
use stepwell::record::RecordPlan;
use stepwell::session::Session;
use stepwell::spec::{ArraySource, DecaySpec, LinearWarmup, ModelSpec, Prepared, Spec, WarmupSpec};
use stepwell::statistics::quantile;

use crate::error::LabError;

/// An experiment whose step size varies. A *step size* is the largest one of the schedule, after its warm-up.
#[derive(Clone)]
pub struct Protocol<'a> {
    /// Its indices (and data) drawn anew for each seed.
    spec: Spec,
    files: &'a dyn ArraySource,
    fresh: bool,
    /// Whether a warm-up, or that there is none, was asked for.
    warmup_asked: bool,
    /// Data that were read are read once.
    first: Arc<Prepared>,
    /// The data set of all seeds, where it is not the spec's own.
    data: Option<Arc<Dataset>>,
    /// Tells the data set of seed 1 apart: data that differ from seed to seed follow from the spec.
    fingerprint: u64,
}

/// Seeds whose starts stand for all where thresholds are measured.
const THRESHOLD_SEEDS: u64 = 5;

impl<'a> Protocol<'a> {
    /// The protocol of a spec without its variants. `fresh` says whether each seed draws a data set of its own.
    ///
    /// # Errors
    /// If the spec is refused, or its data are not drawn where fresh ones are wanted.
    pub fn new(spec: Spec, files: &'a dyn ArraySource, fresh: bool) -> Result<Self, LabError> {
        let mut spec = spec.seeded(fresh);
        spec.variants.clear();
        let first = spec.prepare(files)?;
        if fresh {
            check_drawn(&spec, "fresh data sets")?;
        }
        let data = first.data(1)?;
        let fingerprint = fingerprint(&data);
        let warmup_asked = spec.schedule.warmup.is_some();
        Ok(Self { spec, files, fresh, warmup_asked, first: Arc::new(first), data: None, fingerprint })
    }

    /// The protocol on the data set that `seed` draws, for all seeds of batches.
    ///
    /// # Errors
    /// If the spec's data are not drawn.
    pub fn on_data_of(&self, seed: u64) -> Result<Self, LabError> {
        let spec = self.spec.seeded(true);
        check_drawn(&spec, "validation")?;
        let first = spec.prepare(self.files)?;
        let data = first.data(seed)?;
        let fingerprint = fingerprint(&data);
        Ok(Self { spec, first: Arc::new(first), data: Some(data), fingerprint, ..self.clone() })
    }

    /// A decay of its own after a share of the run, where the spec has none or it is asked for. Without words of one's own
    /// it comes after half of the run and divides by 4.
    pub fn decay(&mut self, after: Option<f64>, divide_by: Option<f64>) {
        if after.is_some() || divide_by.is_some() || self.spec.schedule.decay.is_empty() {
            *self = self.with_decay(after.unwrap_or(0.5), divide_by.unwrap_or(4.0));
        }
    }

    /// A linear warm-up from a tenth of the step size over a share of the run, in place of the spec's; 0 means none.
    pub fn warm_up(&mut self, until: f64) {
        let warmup = || WarmupSpec::Linear(LinearWarmup { gain: 9.0 / until, until });
        self.spec.schedule.warmup = (until > 0.0).then(warmup);
        self.warmup_asked = true;
    }

    /// Whether the spec has a warm-up, or somebody has asked for one or for none.
    pub(super) fn is_warmup_asked(&self) -> bool {
        self.warmup_asked
    }

    /// With this decay alone.
    pub(super) fn with_decay(&self, after: f64, divide_by: f64) -> Self {
        let mut out = self.clone();
        out.spec.schedule.decay = vec![DecaySpec { after: Some(after), at: None, divide_by }];
        out
    }

    /// Without decays.
    pub(super) fn without_decay(&self) -> Self {
        let mut out = self.clone();
        out.spec.schedule.decay.clear();
        out
    }

    /// Without a warm-up.
    pub(super) fn without_warmup(&self) -> Self {
        let mut out = self.clone();
        out.spec.schedule.warmup = None;
        out
    }

    /// The spec, of any step size.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Whether each seed draws a data set of its own.
    pub fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// The spec at a step size.
    ///
    /// # Errors
    /// If the schedule is refused.
    pub fn spec_at(&self, step_size: f64) -> Result<Spec, LabError> {
        let mut spec = self.spec.clone();
        spec.schedule.step_size = 1.0;
        let schedule = spec.schedule.build(spec.steps)?;
        let times = (0..=1000).map(|k| (spec.steps - 1) * k / 1000).chain(schedule.decay_steps());
        let largest = times.chain([schedule.last_step_before_decay(spec.steps)]).map(|t| schedule.at(t));
        spec.schedule.step_size = step_size / largest.fold(0.0, f64::max);
        Ok(spec)
    }

    /// The spec at a step size, ready to start.
    ///
    /// # Errors
    /// If the spec is refused.
    pub fn at(&self, step_size: f64) -> Result<Prepared, LabError> {
        Ok(self.spec_at(step_size)?.prepare_like(Some(&self.first), self.files)?)
    }

    /// The data set of a seed.
    pub(super) fn data_of(&self, prepared: &Prepared, seed: u64) -> Result<Arc<Dataset>, LabError> {
        match &self.data {
            Some(data) => Ok(Arc::clone(data)),
            None => Ok(prepared.data(seed)?),
        }
    }

    /// What tells its runs apart from others of the same spec.
    pub(super) fn description(&self) -> String {
        let of = if self.data.is_some() { "all seeds" } else { "seed 1" };
        format!("data of {of}: {:016x}", self.fingerprint)
    }

    /// The thresholds at the solution that small steps lead to, in the spec's unit: medians over a few seeds.
    ///
    /// # Errors
    /// If the spec is refused, or its data cannot be drawn.
    pub fn small_step_thresholds(&self) -> Result<Thresholds, LabError> {
        self.thresholds(|session, moments| session.landscape().small_step_thresholds(session.theta(), moments))
    }

    /// The smallest threshold of the step size that is known, at the starts or at the solution that small steps lead to, with
    /// the thresholds `small_steps`, in the spec's unit.
    ///
    /// # Errors
    /// If none can be computed.
    pub(super) fn smallest_threshold(&self, small_steps: Thresholds) -> Result<f64, LabError> {
        let at_start = self.thresholds(|session, moments| session.landscape().thresholds(session.theta(), moments))?;
        let found = [at_start, small_steps];
        let known = found.iter().flat_map(|t| [t.gradient_descent, t.mean_square]);
        let smallest = known.filter(|value| *value > 0.0 && value.is_finite()).fold(f64::INFINITY, f64::min);
        let unknown = "no threshold of the step size can be computed, at the start or where small steps lead to; give a range \
                       of step sizes";
        if smallest.is_finite() { Ok(smallest) } else { Err(LabError::Failed(unknown.into())) }
    }

    /// The step size that the mean loss must not exceed, whatever the start: for linear models with a square loss the mean-square
    /// threshold, or `2/lambda_max` where there are no batches. Those models have one Hessian everywhere, that of `small_steps`.
    pub(super) fn bound(&self, small_steps: Thresholds) -> Option<f64> {
        let known = |value: &f64| *value > 0.0 && value.is_finite();
        let found = [small_steps.mean_square, small_steps.gradient_descent].into_iter().find(known);
        found.filter(|_| self.spec.model == ModelSpec::Linear && self.spec.loss.is_square())
    }

    /// Whether all seeds are one and the same run.
    pub(super) fn is_deterministic(&self) -> bool {
        let draws_data = self.data.is_none() && self.spec.draws_data();
        !draws_data && !self.spec.draws_runs()
    }

    /// How many of `seeds` seeds are runs of their own.
    pub(super) fn different(&self, seeds: u64) -> u64 {
        if self.is_deterministic() { seeds.min(1) } else { seeds }
    }

    /// Whether there is a test set.
    pub(super) fn has_test(&self) -> Result<bool, LabError> {
        Ok(self.data_of(&self.first, 1)?.test.is_some())
    }

    /// Medians over a few seeds.
    fn thresholds(
        &self,
        of: impl Fn(&Session, Option<BatchMoments>) -> Thresholds + Sync,
    ) -> Result<Thresholds, LabError> {
        let prepared = self.at(1.0)?;
        let one = |seed| -> Result<Thresholds, LabError> {
            let session = prepared.session_on(seed, self.data_of(&prepared, seed)?, RecordPlan::default());
            let (moments, unit) = (session.instruments().moments, session.unit());
            let found = of(&session, moments);
            let (gradient_descent, mean_square) = (found.gradient_descent / unit, found.mean_square / unit);
            Ok(Thresholds { gradient_descent, mean_square })
        };
        let all = (1..=THRESHOLD_SEEDS).into_par_iter().map(one).collect::<Result<Vec<_>, _>>()?;
        let median = |f: fn(&Thresholds) -> f64| quantile(&all.iter().map(f).collect::<Vec<_>>(), 0.5);
        Ok(Thresholds { gradient_descent: median(|t| t.gradient_descent), mean_square: median(|t| t.mean_square) })
    }
}

/// That a seed draws a data set.
fn check_drawn(spec: &Spec, what: &str) -> Result<(), LabError> {
    let refused = || LabError::Usage(format!("{what}: the spec's data are given, expected data that are drawn"));
    if spec.draws_data() { Ok(()) } else { Err(refused()) }
}

/// FNV-1a over the bits of all inputs and labels.
fn fingerprint(data: &Dataset) -> u64 {
    let samples = [Some(&data.train), data.test.as_ref()].into_iter().flatten();
    let values = samples.flat_map(|samples| samples.x.iter_rows().flatten().chain(&samples.y));
    let bytes = values.flat_map(|value| value.to_le_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
