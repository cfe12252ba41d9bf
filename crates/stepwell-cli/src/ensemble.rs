//! Many runs at once: one per seed, in parallel over runs only, results in order.

use indicatif::ProgressBar;
use stepwell::probe::Probe;
use stepwell::record::{RecordPlan, Records};
use stepwell::run::Status;
use stepwell::spec::{Prepared, SpecError};
use stepwell::tensor::Tensor;
use stepwell::verdict::{Stabilization, stabilization_of};
use stepwell_lab::drive::{self, Drive, Next, Pace, Watch};
use stepwell_lab::error::LabError;
use stepwell_store::pace::Clock;

use crate::failure::Failure;
use crate::interrupt;
use crate::predictor::Predictor;
use crate::spec_file::SpecFile;

/// How a run ended and what was recorded.
#[derive(Debug)]
pub struct Outcome {
    /// Its seed.
    pub seed: u64,
    /// `Running` if it was interrupted.
    pub status: Status,
    /// Its last parameters, by name.
    pub parameters: Vec<Tensor>,
    /// Its records on the grid.
    pub records: Records,
    /// The same with the values after the last step.
    pub all_records: Records,
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
    /// What tells it apart from all other runs, where that matters.
    pub description: String,
}

impl<'a> Job<'a> {
    /// Without a description.
    pub fn new(prepared: &'a Prepared, seed: u64, costly_everywhere: bool) -> Self {
        Self { prepared, seed, costly_everywhere, description: String::new() }
    }
}

/// Why there is no outcome, as a failure; a spec is one of this file.
pub fn explain(error: LabError, file: &SpecFile) -> Failure {
    match error {
        LabError::Spec(error) => file.explain(&error),
        error => Failure::of(error),
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

/// The terminal: a bar that counts runs, signals that stop them.
pub struct Terminal<'a> {
    /// The bar.
    pub bar: &'a ProgressBar,
    /// The clock by which runs are sliced.
    pub clock: Clock,
}

/// A signal is looked for about this often, in seconds.
const SLICE: f64 = 0.05;

impl Watch for Terminal<'_> {
    fn look(&self, _: &drive::Job<'_>, _: &dyn Drive, pace: &mut Pace) -> Result<Next, LabError> {
        Ok(if interrupt::stopped() { Next::Stop } else { Next::Go(self.clock.slice(pace, SLICE)) })
    }

    fn expects(&self, count: u64, what: &str) {
        self.bar.reset();
        self.bar.set_length(count);
        self.bar.set_message(what.to_string());
    }

    fn done(&self) {
        self.bar.inc(1);
    }
}

/// Runs all jobs; the outcomes are in the order of the jobs and do not depend on the number of threads.
pub fn run_all(jobs: &[Job<'_>], bar: &ProgressBar) -> Result<Vec<Outcome>, LabError> {
    run_watched(jobs, &Terminal { bar, clock: Clock::start() })
}

/// The same under a watcher of one's own.
pub fn run_watched(jobs: &[Job<'_>], watch: &dyn Watch) -> Result<Vec<Outcome>, LabError> {
    let opened: Vec<drive::Job<'_>> = jobs.iter().map(opened).collect();
    let outcomes = drive::ensemble(&opened, watch)?;
    outcomes.into_iter().zip(jobs).map(|(outcome, job)| seen(job, outcome)).collect()
}

/// Runs one job.
pub fn run_one(job: &Job<'_>, watch: &dyn Watch) -> Result<Outcome, LabError> {
    seen(job, drive::one(&opened(job), watch)?)
}

fn opened<'a>(job: &Job<'a>) -> drive::Job<'a> {
    let (prepared, seed, costly_everywhere) = (job.prepared, job.seed, job.costly_everywhere);
    let open = move || Ok(prepared.session_on(seed, prepared.data(seed)?, prepared.record_plan(costly_everywhere)));
    drive::Job { keeps_parameters: true, ..drive::Job::new("", seed, job.description.clone(), open) }
}

/// An outcome with what is told of it.
fn seen(job: &Job<'_>, outcome: stepwell::outcome::Outcome) -> Result<Outcome, LabError> {
    let prepared = job.prepared;
    let stabilization = stabilization_of(&outcome, prepared.schedule(), prepared.spec().steps);
    let all_records = outcome.all_records(prepared.spec().steps);
    let stepwell::outcome::Outcome { seed, status, parameters, records, .. } = outcome;
    let mut predictor = None;
    if status == Status::Finished && !parameters.is_empty() {
        let landscape = prepared.landscape(seed)?;
        let theta = landscape.theta_of(&parameters).map_err(LabError::Failed)?;
        predictor = Predictor::of(&*landscape, &theta, prepared.instruments(landscape.data()).kink_tol);
    }
    Ok(Outcome { seed, status, parameters, records, all_records, stabilization, predictor })
}

/// The share of sign changes along the dominant direction in the middle of the large-step phase; NaN where the run
/// has diverged by then.
pub fn bouncing(prepared: &Prepared, seed: u64) -> Result<f64, SpecError> {
    let mut session = prepared.session_on(seed, prepared.data(seed)?, RecordPlan::default());
    let middle = prepared.schedule().last_step_before_decay(prepared.spec().steps) / 2;
    match session.advance(middle) {
        Status::Diverged { .. } => Ok(f64::NAN),
        _ => Ok(session.measure(&[Probe::Bouncing])[0].1),
    }
}
