//! Checkpoints of runs in files: a watcher about another one, which takes a long run up where it stood and saves it as it goes.

use std::path::{Path, PathBuf};

use stepwell::container::Container;
use stepwell::outcome::Outcome;
use stepwell_lab::drive::{Drive, Job, Next, Pace, Watch};
use stepwell_lab::error::LabError;

use crate::container::{from_bytes, to_bytes};
use crate::digest::sha256;
use crate::error::StoreError;
use crate::folder::Folder;
use crate::pace::Clock;

/// The name of the newest checkpoint in the folder of a run.
pub const FILE: &str = "checkpoint.safetensors";
/// The one before it, which stays until there is a newer one.
const PREVIOUS: &str = "checkpoint.previous.safetensors";
/// What stands in each of our files, of runs and of trainings.
const MARK: &str = r#""stepwell":"sha256:"#;
/// A run that took less, in seconds, is not worth a file when it ends or is stopped.
const SHORT: f64 = 0.2;
/// What tells the run apart from all others.
const RUN: &str = "stepwell.run";

/// Keeps checkpoints of runs that `inner` watches.
pub struct Checkpoints<'a> {
    inner: &'a dyn Watch,
    place: Box<dyn Fn(&Job<'_>) -> PathBuf + Sync + 'a>,
    every: f64,
    short: f64,
    clock: Clock,
    warn: &'a (dyn Fn(&str) + Sync),
}

impl<'a> Checkpoints<'a> {
    /// In the folder that `place` names for a job, `every` so many seconds. Folders are made when there is something to keep;
    /// `warn` is told of a checkpoint that cannot be used, whose run starts anew.
    pub fn new(
        inner: &'a dyn Watch,
        every: f64,
        warn: &'a (dyn Fn(&str) + Sync),
        place: impl Fn(&Job<'_>) -> PathBuf + Sync + 'a,
    ) -> Self {
        Self { inner, place: Box::new(place), every, short: SHORT, clock: Clock::start(), warn }
    }

    /// The same where the last checkpoint is a result itself, of however short a run.
    pub fn to_keep(self) -> Self {
        Self { short: 0.0, ..self }
    }

    /// The newest sound checkpoint of this run in a folder, where there is one.
    fn read(&self, job: &Job<'_>, folder: &Path) -> Option<Container> {
        let mut wrong: Option<String> = None;
        for name in [FILE, PREVIOUS] {
            let Ok(bytes) = std::fs::read(folder.join(name)) else { continue };
            let why = match from_bytes(&bytes) {
                Ok(found) if found.metadata.get(RUN) == Some(&identity(job)) => {
                    let step: String = found.word("step").unwrap_or_default();
                    if let Some(why) = wrong {
                        (self.warn)(&format!("{why}; going on from the one before, of step {step}"));
                        // or it would take the place of the sound one
                        let _ = std::fs::remove_file(folder.join(FILE));
                    }
                    return Some(found);
                }
                Ok(_) => "was taken of another run, or with other data".to_string(),
                Err(damaged) => damaged.to_string(),
            };
            wrong.get_or_insert_with(|| format!("{}: {why}", folder.join(name).display()));
        }
        wrong.iter().for_each(|why| (self.warn)(&format!("{why}; the run starts anew")));
        None
    }

    fn write(&self, job: &Job<'_>, run: &dyn Drive) -> Result<(), StoreError> {
        let mut container = run.save();
        container.metadata.insert(RUN.into(), identity(job));
        let folder = Folder::create(&(self.place)(job))?;
        let bytes = to_bytes(&container)?;
        keep_newest(folder.path())?;
        folder.write(FILE, &bytes).map(|_| ())
    }
}

/// Gives the newest checkpoint the name of the one before, too, so that there is a newest one at any time.
fn keep_newest(folder: &Path) -> Result<(), StoreError> {
    let (newest, previous, spare) = (folder.join(FILE), folder.join(PREVIOUS), folder.join(".stepwell-previous"));
    if !newest.exists() {
        return Ok(());
    }
    let _ = std::fs::remove_file(&spare);
    // a file system without links has none for a moment
    let linked = std::fs::hard_link(&newest, &spare).is_ok();
    std::fs::rename(if linked { &spare } else { &newest }, &previous)
        .map_err(|error| StoreError::failed(format!("{}: {error}", previous.display())))
}

/// The folder of runs that are under way, within a folder of results: one per run, named by five digits or more.
pub const RUNS: &str = "runs";

/// Removes the checkpoint in a folder, and those of its [`RUNS`], with the folders that were made for them; nothing that is not
/// a checkpoint of ours.
///
/// # Errors
/// If the disk refuses.
pub fn remove_all(folder: &Path) -> Result<(), StoreError> {
    remove(folder)?;
    let runs = folder.join(RUNS);
    for entry in std::fs::read_dir(&runs).into_iter().flatten().flatten() {
        let digits = |name: &str| name.len() >= 5 && name.bytes().all(|byte| byte.is_ascii_digit());
        if entry.file_name().to_str().is_some_and(digits) {
            remove_run(&entry.path())?;
        }
    }
    // stays where something else is in it
    let _ = std::fs::remove_dir(&runs);
    Ok(())
}

/// Removes the folder of a run that was under way, unless something else is in it than its checkpoint and its lock.
///
/// # Errors
/// If the disk refuses.
pub fn remove_run(folder: &Path) -> Result<(), StoreError> {
    remove(folder)?;
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if name == "lock" || name.as_encoded_bytes().starts_with(b".stepwell-") {
            let _ = std::fs::remove_file(entry.path());
        }
    }
    let _ = std::fs::remove_dir(folder);
    Ok(())
}

/// Removes the checkpoints in a folder, damaged or not, if they were ours.
fn remove(folder: &Path) -> Result<(), StoreError> {
    for name in [FILE, PREVIOUS] {
        let path = folder.join(name);
        let ours = || std::fs::read(&path).is_ok_and(|bytes| bytes.windows(MARK.len()).any(|at| at == MARK.as_bytes()));
        if path.exists() && ours() {
            std::fs::remove_file(&path).map_err(|error| StoreError::failed(format!("{}: {error}", path.display())))?;
        }
    }
    Ok(())
}

/// A hash of what the run is.
fn identity(job: &Job<'_>) -> String {
    sha256(format!("{}\n{}", env!("CARGO_PKG_VERSION"), job.description).as_bytes())
}

/// The sound checkpoint in a folder that is the newest.
pub fn newest(folder: &Path) -> Option<Container> {
    [FILE, PREVIOUS].into_iter().find_map(|name| from_bytes(&std::fs::read(folder.join(name)).ok()?).ok())
}

/// How many steps the run in a folder has taken up to its checkpoint.
pub fn steps_taken(folder: &Path) -> Option<u64> {
    newest(folder)?.word("step").ok()
}

impl Watch for Checkpoints<'_> {
    fn known(&self, job: &Job<'_>) -> Result<Option<Outcome>, LabError> {
        self.inner.known(job)
    }

    fn begins(&self, job: &Job<'_>, run: &mut dyn Drive) -> Result<(), LabError> {
        let folder = (self.place)(job);
        if let Some(found) = self.read(job, &folder) {
            let place = folder.display();
            let refused = |why| StoreError::corrupt(format!("{place}: {why}; remove its checkpoints to start anew"));
            run.resume(&found).map_err(refused)?;
        }
        self.inner.begins(job, run)
    }

    fn look(&self, job: &Job<'_>, run: &dyn Drive, pace: &mut Pace) -> Result<Next, LabError> {
        let now = self.clock.seconds();
        if pace.began.is_none() {
            (pace.began, pace.saved) = (Some(now), now);
        } else if now - pace.saved >= self.every {
            self.write(job, run)?;
            pace.saved = self.clock.seconds();
        }
        self.inner.look(job, run, pace)
    }

    fn ended(&self, job: &Job<'_>, run: &dyn Drive, outcome: &Outcome, pace: &Pace) -> Result<(), LabError> {
        let took = pace.began.map_or(0.0, |began| self.clock.seconds() - began);
        if took >= self.short || (self.place)(job).join(FILE).exists() {
            self.write(job, run)?;
        }
        self.inner.ended(job, run, outcome, pace)
    }

    fn starts_more(&self) -> bool {
        self.inner.starts_more()
    }

    fn expects(&self, count: u64, what: &str) {
        self.inner.expects(count, what);
    }

    fn done(&self) {
        self.inner.done();
    }
}
