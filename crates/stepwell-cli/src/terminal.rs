//! The terminal as a watcher of runs: a bar that counts them, signals that stop them.

use indicatif::ProgressBar;
use stepwell_lab::drive::{Drive, Job, Next, Pace, Watch};
use stepwell_lab::error::LabError;
use stepwell_store::pace::Clock;

use crate::failure::Failure;
use crate::spec_file::SpecFile;
use crate::{interrupt, progress};

/// Why there is no outcome, as a failure; a spec is one of this file.
pub fn explain(error: LabError, file: &SpecFile) -> Failure {
    match error {
        LabError::Spec(error) => file.explain(&error),
        error => Failure::of(error),
    }
}

/// Sets the number of threads; 0 means one per core, which start when they are first needed.
pub fn use_threads(jobs: usize) -> Result<(), Failure> {
    if jobs == 0 {
        return Ok(());
    }
    rayon::ThreadPoolBuilder::new()
        .num_threads(jobs)
        .build_global()
        .map_err(|error| Failure::other(format!("cannot start threads: {error}")))
}

/// A bar, and the clock by which runs are sliced.
pub struct Terminal {
    bar: ProgressBar,
    clock: Clock,
}

/// A signal is looked for about this often, in seconds.
const SLICE: f64 = 0.05;

impl Terminal {
    /// With a bar that is shown once it is known how many runs there are.
    pub fn new() -> Self {
        Self::with_bar(progress::bar(0, "runs"))
    }

    /// With a bar of one's own.
    pub fn with_bar(bar: ProgressBar) -> Self {
        Self { bar, clock: Clock::start() }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl Watch for Terminal {
    fn look(&self, _: &Job<'_>, _: &dyn Drive, pace: &mut Pace) -> Result<Next, LabError> {
        Ok(if interrupt::stopped() { Next::Stop } else { Next::Go(self.clock.slice(pace, SLICE)) })
    }

    fn starts_more(&self) -> bool {
        !interrupt::stopped()
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
