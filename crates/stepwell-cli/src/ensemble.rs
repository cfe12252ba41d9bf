//! Many runs at once: one a seed, in parallel over runs only, results in order.

use std::sync::Arc;

use indicatif::ProgressBar;
use rayon::prelude::*;
use stepwell::data::Dataset;
use stepwell::metrics::{Stabilization, stabilization};
use stepwell::record::Records;
use stepwell::run::{Checkpoint, Recording, Status};
use stepwell::spec::{Prepared, SpecError};

use crate::checkpoint::{Keeper, run_to_end};
use crate::failure::Failure;
use crate::predictor::Predictor;
use crate::spec_file::SpecFile;

/// How a run ended and what was recorded.
#[derive(Debug)]
pub struct Outcome {
    /// Its seed.
    pub seed: u64,
    /// `Running` if it was interrupted.
    pub status: Status,
    /// Its last parameters.
    pub theta: Vec<f64>,
    /// Its records.
    pub records: Records,
    /// Whether its loss stabilized while the step size was not decayed.
    pub stabilization: Stabilization,
    /// What a network with one input has learned after the last step; `None` for other models and if it diverged.
    pub predictor: Option<Predictor>,
}

impl Outcome {
    /// Whether the run diverged.
    pub fn diverged(&self) -> bool {
        matches!(self.status, Status::Diverged { .. })
    }

    /// The last recorded value of a run that did not diverge; NaN otherwise.
    pub fn final_value(&self, probe: &str) -> f64 {
        if self.diverged() { f64::NAN } else { self.records.last(probe) }
    }
}

/// The names of all series that runs recorded, in order: those of the run that got farthest.
pub fn series_names<'a>(runs: impl Iterator<Item = &'a Outcome>) -> Vec<String> {
    let names = |run: &Outcome| run.records.series.iter().map(|series| series.name.to_string()).collect::<Vec<_>>();
    runs.map(names).max_by_key(Vec::len).unwrap_or_default()
}

/// Which runs of a prepared spec are wanted.
pub struct Job<'a> {
    /// The spec.
    pub prepared: &'a Prepared,
    /// The seed.
    pub seed: u64,
    /// Whether costly probes are measured at every recording point.
    pub costly_everywhere: bool,
    /// Where its checkpoints go, if they are wanted.
    pub keeper: Option<Keeper>,
}

impl<'a> Job<'a> {
    /// Without checkpoints.
    pub fn new(prepared: &'a Prepared, seed: u64, costly_everywhere: bool) -> Self {
        Self { prepared, seed, costly_everywhere, keeper: None }
    }
}

/// Why there is no outcome.
pub enum Trouble {
    /// The spec does not work out for this seed.
    Spec(SpecError),
    /// A checkpoint could not be written or taken up.
    Checkpoint(Failure),
}

impl Trouble {
    /// The message, for a spec of this file.
    pub fn explain(self, file: &SpecFile) -> Failure {
        match self {
            Self::Spec(error) => file.explain(&error),
            Self::Checkpoint(failure) => failure,
        }
    }
}

/// Sets the number of threads; 0 is one a core, which start when they are first needed.
pub fn use_threads(jobs: usize) -> Result<(), Failure> {
    if jobs == 0 {
        return Ok(());
    }
    rayon::ThreadPoolBuilder::new()
        .num_threads(jobs)
        .build_global()
        .map_err(|error| Failure::other(format!("cannot start threads: {error}")))
}

/// Runs all jobs; the outcomes are in the order of the jobs and do not depend on the number of threads.
pub fn run_all(jobs: &[Job<'_>], bar: &ProgressBar) -> Result<Vec<Outcome>, Trouble> {
    let one = |job: &Job<'_>| {
        let outcome = run_one(job);
        bar.inc(1);
        outcome
    };
    jobs.par_iter().with_max_len(1).map(one).collect()
}

/// Runs one job.
pub fn run_one(job: &Job<'_>) -> Result<Outcome, Trouble> {
    let data = job.prepared.data(job.seed).map_err(Trouble::Spec)?;
    let runner = job.prepared.start(job.seed, Arc::clone(&data));
    let instruments = job.prepared.instruments(&data);
    let plan = job.prepared.record_plan(job.costly_everywhere);
    let recording = Recording::new(runner, &instruments, &plan);
    let ended = run_to_end(recording, &data, job.keeper.as_ref());
    let (status, theta, records) = ended.map_err(Trouble::Checkpoint)?;
    let stabilization = stabilization_of(job.prepared, &records, status);
    let predictor = match status {
        Status::Finished => predictor_at(job, &data, &theta, instruments.kink_tol),
        _ => None,
    };
    Ok(Outcome { seed: job.seed, status, theta, records, stabilization, predictor })
}

/// What a network with one input computes at `theta`.
fn predictor_at(job: &Job<'_>, data: &Arc<Dataset>, theta: &[f64], kink_tol: f64) -> Option<Predictor> {
    if data.train.x.cols() != 1 {
        return None;
    }
    let mut runner = job.prepared.start(job.seed, Arc::clone(data));
    let start = runner.checkpoint();
    runner.resume(&Checkpoint { theta: theta.to_vec(), ..start }).ok()?;
    Predictor::of(&*runner, &data.train.x, kink_tol)
}

fn stabilization_of(prepared: &Prepared, records: &Records, status: Status) -> Stabilization {
    let last_large = prepared.schedule().last_step_before_decay(prepared.spec().steps);
    let (steps, losses) = records.get("train_loss").map_or((&[][..], &[][..]), |s| (&s.steps[..], &s.values[..]));
    let diverged_at = if let Status::Diverged { step } = status { Some(step) } else { None };
    stabilization(steps, losses, last_large, diverged_at)
}

/// The share of sign changes along the dominant direction in the middle of the large-step phase; NaN where the run
/// has diverged by then.
pub fn bouncing(prepared: &Prepared, seed: u64) -> Result<f64, SpecError> {
    let mut runner = prepared.start(seed, prepared.data(seed)?);
    let middle = prepared.schedule().last_step_before_decay(prepared.spec().steps) / 2;
    match runner.advance(middle) {
        Status::Diverged { .. } => Ok(f64::NAN),
        _ => Ok(runner.bouncing(200)),
    }
}
