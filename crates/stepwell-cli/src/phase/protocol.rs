//! The protocol of an experiment in which the step size alone varies: warm-up, large phase, decay.

use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use stepwell::data::Dataset;
use stepwell::metrics::Thresholds;
use stepwell::record::RecordPlan;
use stepwell::spec::{DataSpec, DecaySpec, Draw, LinearWarmup, Prepared, Spec, WarmupSpec};
use stepwell::statistics::quantile;

use super::kept::KeptTrials;
use crate::commands::reproduce::embedded_spec;
use crate::failure::Failure;
use crate::spec_file::SpecFile;
use crate::sweep::plan::hex;

/// An experiment whose step size varies. A *step size* is the largest one of the schedule, after its warm-up.
#[derive(Clone)]
pub struct Protocol {
    /// Where the spec came from, for messages and paths.
    pub file: SpecFile,
    /// The spec, its indices (and data) drawn anew for each seed.
    pub spec: Spec,
    /// The data set of all seeds, where it is not the spec's own.
    pub data: Option<Arc<Dataset>>,
    /// Trials that are done, where they are kept.
    pub kept: Option<Arc<KeptTrials>>,
}

/// Seeds whose starts stand for all where thresholds are measured.
const THRESHOLD_SEEDS: u64 = 5;

impl Protocol {
    /// The protocol of a spec file, or of a figure's spec without its variants.
    pub fn open(path: &Path, sets: &[String], fresh: bool) -> Result<Self, Failure> {
        let file = match path.to_str().and_then(embedded_spec) {
            Some(text) if !path.exists() => SpecFile::embedded(&format!("{}.toml", path.display()), text, sets)?,
            _ => SpecFile::read(path, sets)?,
        };
        let mut spec = file.spec.seeded(fresh);
        spec.variants.clear();
        file.prepare(&spec)?;
        if fresh && !is_drawn(&spec.data) {
            return Err(Failure::usage("--fresh: the spec's data are given, expected data that are drawn"));
        }
        Ok(Self { file, spec, data: None, kept: None })
    }

    /// The protocol on the data set that `seed` draws, for all seeds of batches.
    pub fn on_data_of(&self, seed: u64) -> Result<Self, Failure> {
        let spec = self.spec.seeded(true);
        if !is_drawn(&spec.data) {
            return Err(Failure::usage("--validate: the spec's data are given, expected data that are drawn"));
        }
        let data = self.file.prepare(&spec)?.data(seed).map_err(|error| self.file.explain(&error))?;
        Ok(Self { spec, data: Some(data), ..self.clone() })
    }

    /// A decay of its own after a share of the run, where the spec has none or it is asked for.
    pub fn decay(&mut self, after: Option<f64>, divide_by: Option<f64>) {
        if after.is_some() || divide_by.is_some() || self.spec.schedule.decay.is_empty() {
            let (after, divide_by) = (after.unwrap_or(0.5), divide_by.unwrap_or(4.0));
            self.spec.schedule.decay = vec![DecaySpec { after: Some(after), at: None, divide_by }];
        }
    }

    /// A linear warm-up from a tenth of the step size over a share of the run, in place of the spec's.
    pub fn warm_up(&mut self, until: f64) {
        let warmup = || WarmupSpec::Linear(LinearWarmup { gain: 9.0 / until, until });
        self.spec.schedule.warmup = (until > 0.0).then(warmup);
    }

    /// The spec at a step size.
    pub fn spec_at(&self, step_size: f64) -> Result<Spec, Failure> {
        let mut spec = self.spec.clone();
        spec.schedule.step_size = 1.0;
        let schedule = spec.schedule.build(spec.steps).map_err(|error| self.file.explain(&error))?;
        let times = (0..=1000).map(|k| (spec.steps - 1) * k / 1000).chain(schedule.decay_steps());
        let largest = times.chain([schedule.last_step_before_decay(spec.steps)]).map(|t| schedule.at(t));
        spec.schedule.step_size = step_size / largest.fold(0.0, f64::max);
        Ok(spec)
    }

    /// The spec at a step size, ready to start.
    pub fn at(&self, step_size: f64) -> Result<Prepared, Failure> {
        self.file.prepare(&self.spec_at(step_size)?)
    }

    /// A hash of what trials at a step size are trials of: version, spec, and the data where they are the same for all.
    pub fn trials_name(&self, prepared: &Prepared, seed: u64) -> Result<String, Failure> {
        let mut hash = Sha256::new();
        let spec = self.file.with_spec(prepared.spec().clone());
        hash.update(format!("{}\n{}", env!("CARGO_PKG_VERSION"), spec.resolved_anywhere()));
        let data = self.data_of(prepared, seed)?;
        for value in data.train.x.iter_rows().flatten().chain(&data.train.y) {
            hash.update(value.to_le_bytes());
        }
        Ok(hex(&hash.finalize()[..16]))
    }

    /// The data set of a seed.
    pub fn data_of(&self, prepared: &Prepared, seed: u64) -> Result<Arc<Dataset>, Failure> {
        match &self.data {
            Some(data) => Ok(Arc::clone(data)),
            None => prepared.data(seed).map_err(|error| self.file.explain(&error)),
        }
    }

    /// The thresholds at the solution that small steps lead to, in the spec's unit: medians over a few seeds.
    pub fn small_step_thresholds(&self) -> Result<Thresholds, Failure> {
        let prepared = self.at(1.0)?;
        let one = |seed| -> Result<Thresholds, Failure> {
            let data = self.data_of(&prepared, seed)?;
            let moments = prepared.batch_moments(data.train.len());
            let start = prepared.session_on(seed, data, RecordPlan::default());
            let thresholds = start.landscape().small_step_thresholds(start.theta(), moments);
            Ok(in_units(thresholds, start.step_size() / prepared.schedule().at(0)))
        };
        let all = (1..=THRESHOLD_SEEDS).map(one).collect::<Result<Vec<_>, _>>()?;
        let median = |f: fn(&Thresholds) -> f64| quantile(&all.iter().map(f).collect::<Vec<_>>(), 0.5);
        Ok(Thresholds { gradient_descent: median(|t| t.gradient_descent), mean_square: median(|t| t.mean_square) })
    }
}

/// Whether a seed can draw a data set.
fn is_drawn(data: &DataSpec) -> bool {
    match data {
        DataSpec::SparseRegression(s) => s.draw == Draw::Seed,
        DataSpec::TeacherStudent(s) => s.draw == Draw::Seed,
        DataSpec::Grid(_) | DataSpec::Scalar(_) | DataSpec::File(_) => false,
    }
}

/// Thresholds in a unit of step sizes.
pub fn in_units(thresholds: Thresholds, unit: f64) -> Thresholds {
    let Thresholds { gradient_descent, mean_square } = thresholds;
    Thresholds { gradient_descent: gradient_descent / unit, mean_square: mean_square / unit }
}

/// The threshold that step sizes are measured by: the mean-square one, gradient descent's where that is not known.
pub fn scale(thresholds: Thresholds) -> Result<f64, Failure> {
    let known = |value: &f64| *value > 0.0 && value.is_finite();
    let found = [thresholds.mean_square, thresholds.gradient_descent].into_iter().find(known);
    found.ok_or_else(|| {
        Failure::other(
            "no threshold of the step size can be computed at the start's solution; give --step-sizes lo:hi:k",
        )
    })
}
