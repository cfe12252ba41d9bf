//! The one loop that takes runs to their ends, and what it knows of the world outside.

use std::sync::Arc;

use rayon::prelude::*;
use stepwell::container::Container;
use stepwell::outcome::Outcome;
use stepwell::record::RecordPlan;
use stepwell::run::Status;
use stepwell::session::{Saved, Session};
use stepwell::spec::Prepared;

use crate::error::LabError;

/// What can be driven: a session, or the training of a deep network.
pub trait Drive: Send {
    /// Takes up to `k` steps.
    fn advance(&mut self, k: u64) -> Status;
    /// How far it is.
    fn progress(&self) -> Progress;
    /// All that it takes to go on from here, or to know how it ended.
    fn save(&self) -> Container;
    /// Goes on from there.
    ///
    /// # Errors
    /// Why it does not fit.
    fn resume(&mut self, from: &Container) -> Result<(), String>;
    /// How it stands, as a value.
    fn outcome(&self) -> Outcome;
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Steps taken.
    pub step: u64,
    /// Steps of the whole run.
    pub steps: u64,
    /// Whether it goes on.
    pub status: Status,
    /// The last training loss that was recorded, or seen by recent batches; NaN if there is none.
    pub loss: f64,
    /// Share of recent answers that were wrong, of a classifier; NaN if there is none.
    pub error: f64,
}

impl Drive for Session {
    fn advance(&mut self, k: u64) -> Status {
        self.advance(k)
    }

    fn progress(&self) -> Progress {
        let loss = self.records().last("train_loss");
        Progress { step: self.step(), steps: self.steps(), status: self.status(), loss, error: f64::NAN }
    }

    fn save(&self) -> Container {
        Container::from(&self.save())
    }

    fn resume(&mut self, from: &Container) -> Result<(), String> {
        let saved = Saved::try_from(from).map_err(|error| error.to_string())?;
        self.resume(saved).map_err(|error| error.to_string())
    }

    fn outcome(&self) -> Outcome {
        self.outcome()
    }
}

/// Opens a run: draws its data, say.
type Open<'a> = Box<dyn Fn() -> Result<Box<dyn Drive + 'a>, LabError> + Send + Sync + 'a>;

/// One run that is wanted.
pub struct Job<'a> {
    /// What its setting is called.
    pub label: String,
    /// Its seed.
    pub seed: u64,
    /// A text that tells it apart from all other runs, but for the version of the program and contents of files: resolved
    /// spec, seed, what is recorded.
    pub description: String,
    /// Whether its last parameters are wanted; outcomes of many runs are large with them.
    pub keeps_parameters: bool,
    /// Starts it.
    pub open: Open<'a>,
}

impl<'a> Job<'a> {
    /// A run of a label and a seed that `open` starts.
    pub fn new<D: Drive + 'a>(
        label: impl Into<String>,
        seed: u64,
        description: String,
        open: impl Fn() -> Result<D, LabError> + Send + Sync + 'a,
    ) -> Self {
        let open: Open<'a> = Box::new(move || Ok(Box::new(open()?)));
        Self { label: label.into(), seed, description, keeps_parameters: false, open }
    }

    /// The run of a seed of a spec that is ready to start, recorded as `plan` says.
    pub fn of_seed(label: impl Into<String>, prepared: &'a Prepared, seed: u64, plan: RecordPlan) -> Self {
        Self::changed(label, prepared, seed, plan, "", |_| Ok(()))
    }

    /// The same with something done to it before its first step, which `what` tells.
    pub fn changed(
        label: impl Into<String>,
        prepared: &'a Prepared,
        seed: u64,
        plan: RecordPlan,
        what: &str,
        change: impl Fn(&mut Session) -> Result<(), LabError> + Send + Sync + 'a,
    ) -> Self {
        let spec = toml::to_string(prepared.spec()).expect("a spec that was read can be written");
        let description = format!("{spec}\nrecorded: {plan:?}\nseed: {seed}\n{what}");
        let plan = Arc::new(plan);
        Self::new(label, seed, description, move || {
            let mut session = prepared.session_on(seed, prepared.data(seed)?, Arc::clone(&plan));
            change(&mut session)?;
            Ok(session)
        })
    }
}

/// What the watcher wants next of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Up to so many steps, then another look.
    Go(u64),
    /// To be left as it stands.
    Stop,
}

/// What a watcher remembers of a run between two looks; how long slices are is its own matter.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pace {
    /// Steps of the last slice; 0 before the first.
    pub slice: u64,
    /// When it began, in seconds of the watcher's clock.
    pub since: f64,
    /// When the run was first looked at.
    pub began: Option<f64>,
    /// When it was last saved, or first looked at.
    pub saved: f64,
}

/// The world outside: what is known already, what is to be kept, when to stop. Each method is called from several threads.
pub trait Watch: Sync {
    /// The outcome of a run that is known already; asked before its data are drawn.
    ///
    /// # Errors
    /// What the watcher could not do.
    fn known(&self, job: &Job<'_>) -> Result<Option<Outcome>, LabError> {
        let _ = job;
        Ok(None)
    }

    /// A run is about to begin; it may be taken to where it stood.
    ///
    /// # Errors
    /// What the watcher could not do.
    fn begins(&self, job: &Job<'_>, run: &mut dyn Drive) -> Result<(), LabError> {
        let _ = (job, run);
        Ok(())
    }

    /// Looks at a run on its way and says what is next.
    ///
    /// # Errors
    /// What the watcher could not do.
    fn look(&self, job: &Job<'_>, run: &dyn Drive, pace: &mut Pace) -> Result<Next, LabError>;

    /// A run has ended with this outcome, or was stopped.
    ///
    /// # Errors
    /// What the watcher could not do.
    fn ended(&self, job: &Job<'_>, run: &dyn Drive, outcome: &Outcome, pace: &Pace) -> Result<(), LabError> {
        let _ = (job, run, outcome, pace);
        Ok(())
    }

    /// Whether further runs are to begin.
    fn starts_more(&self) -> bool {
        true
    }

    /// So many pieces of work called `what` are ahead.
    fn expects(&self, count: u64, what: &str) {
        let _ = (count, what);
    }

    /// One of them is done.
    fn done(&self) {}
}

/// A watcher that lets everything run to its end and keeps nothing.
pub struct ToTheEnd;

impl Watch for ToTheEnd {
    fn look(&self, _: &Job<'_>, _: &dyn Drive, _: &mut Pace) -> Result<Next, LabError> {
        Ok(Next::Go(1 << 14))
    }
}

/// Takes a run to its end, or to where it is stopped. How it is sliced changes nothing.
///
/// # Errors
/// What the watcher could not do.
pub fn drive(job: &Job<'_>, run: &mut dyn Drive, watch: &dyn Watch) -> Result<Outcome, LabError> {
    let mut pace = Pace::default();
    watch.begins(job, run)?;
    while run.progress().status == Status::Running {
        match watch.look(job, run, &mut pace)? {
            Next::Go(k) => run.advance(k),
            Next::Stop => break,
        };
    }
    if run.progress().status != Status::Running {
        // a run that was over when it was taken up still records its end
        run.advance(0);
    }
    let mut outcome = run.outcome();
    if !job.keeps_parameters {
        outcome.parameters = Vec::new();
    }
    watch.ended(job, run, &outcome, &pace)?;
    Ok(outcome)
}

/// Takes all runs to their ends, in parallel over runs; the outcomes are in the order of the jobs and do not depend on the
/// number of threads. Runs that were stopped, or did not begin, are `Running`.
///
/// # Errors
/// The first run that could not be opened, or what the watcher could not do.
pub fn ensemble(jobs: &[Job<'_>], watch: &dyn Watch) -> Result<Vec<Outcome>, LabError> {
    jobs.par_iter().with_max_len(1).map(|job| one(job, watch)).collect()
}

/// Takes one run to its end.
///
/// # Errors
/// If it cannot be opened, or what the watcher could not do.
pub fn one(job: &Job<'_>, watch: &dyn Watch) -> Result<Outcome, LabError> {
    if let Some(outcome) = watch.known(job)? {
        watch.done();
        return Ok(outcome);
    }
    if !watch.starts_more() {
        return Ok(Outcome::not_begun(job.seed));
    }
    let mut run = (job.open)()?;
    let outcome = drive(job, &mut *run, watch)?;
    watch.done();
    Ok(outcome)
}

/// The outcomes, or that the watcher wanted to stop, where results need all of them.
///
/// # Errors
/// [`LabError::Stopped`] if a run did not come to its end.
pub fn all_ended(outcomes: Vec<Outcome>) -> Result<Vec<Outcome>, LabError> {
    if outcomes.iter().any(|outcome| outcome.status == Status::Running) { Err(LabError::Stopped) } else { Ok(outcomes) }
}
