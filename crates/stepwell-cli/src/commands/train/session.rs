//! One training in its folder: claimed, locked, saved from time to time, resumed.

use std::fs::{self, File, TryLockError};
use std::time::{Duration, Instant};

use stepwell::words::short;
use stepwell_deep::checkpoint::{Checkpoint, CheckpointFolder, FILE, PREVIOUS};
use stepwell_deep::engine::Device;
use stepwell_deep::training::{Status, Training, TrainingImages, TrainingSpec};

use super::refused;
use super::report::Trained;
use crate::failure::Failure;
use crate::figures;
use crate::interrupt;
use crate::progress;
use crate::records_rows::{HEADER, append_csv, run_prefix};
use stepwell_store::folder::Folder;

const LOCK: &str = ".stepwell-lock";

/// What is done about a run that is in the folder already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Nothing must be there.
    New,
    /// It is gone on with, and must be there: `train --resume`.
    Resume,
    /// It is replaced: `train --overwrite`.
    Overwrite,
    /// It is gone on with, if one is there: `reproduce`, which has no flags for this.
    GoOn,
}

impl Claim {
    /// What can be done with another run's folder, and with a damaged one.
    fn ways_out(self, place: &str) -> [String; 2] {
        match self {
            Self::GoOn => ["name another folder with --out".into(), format!("without {place} that run begins anew")],
            _ => ["name another folder with --out, or --overwrite it".into(), "--overwrite begins anew".into()],
        }
    }
}

/// A folder that belongs to one training, and to this process while it lasts.
pub struct Session<'a> {
    folder: &'a Folder,
    claim: Claim,
    /// What the training is called.
    label: String,
    checkpoints: CheckpointFolder,
    /// Where to go on.
    start: Option<Checkpoint>,
    _lock: File,
}

impl<'a> Session<'a> {
    /// Claims a folder. Another training's folder is left alone, and so is one with a checkpoint, unless told otherwise.
    pub fn open(folder: &'a Folder, label: &str, spec: &TrainingSpec, claim: Claim) -> Result<Self, Failure> {
        let lock = lock(folder)?;
        let place = folder.path().display();
        let plan = spec.to_toml();
        let there = folder.read("run.toml");
        let same = there.as_deref().is_none_or(|text| without_comments(text) == without_comments(plan.as_bytes()));
        let [for_another, for_damaged] = claim.ways_out(&place.to_string());
        if !same && claim != Claim::Overwrite {
            return Err(Failure::usage(format!("{place} holds another run (its run.toml differs); {for_another}")));
        }
        let checkpoints = CheckpointFolder::new(folder.path());
        checkpoints.remove_unfinished();
        if claim == Claim::Overwrite {
            for name in [FILE, PREVIOUS] {
                _ = fs::remove_file(folder.path().join(name));
            }
        }
        let found = checkpoints.load().map_err(|error| Failure::corrupt(format!("{place}: {error}; {for_damaged}")))?;
        let start = found.map(|found| {
            if let Some(error) = &found.passed_over {
                let step = found.checkpoint.step();
                eprintln!("{place}: {error}; going on from the one before, of step {step}");
            }
            found.checkpoint
        });
        match &start {
            Some(checkpoint) if claim == Claim::New => {
                return Err(Failure::usage(format!(
                    "{place} holds this run up to step {}; --resume goes on with it, --overwrite begins anew",
                    checkpoint.step()
                )));
            }
            None if claim == Claim::Resume && there.is_none() => {
                return Err(Failure::usage(format!("{place} holds no run to resume")));
            }
            _ => {}
        }
        let version = env!("CARGO_PKG_VERSION");
        folder.write("run.toml", format!("# stepwell {version}\n{plan}").as_bytes())?;
        Ok(Self { folder, claim, label: label.into(), checkpoints, start, _lock: lock })
    }

    /// The step at which it goes on; `None` if it has ended.
    pub fn step(&self) -> Option<u64> {
        match &self.start {
            None => Some(0),
            Some(checkpoint) => (checkpoint.status() == Status::Running).then(|| checkpoint.step()),
        }
    }

    /// The message of a training that was stopped on request.
    fn stopped(&self, training: &Training) -> Failure {
        let command = if self.claim == Claim::GoOn { "the same command" } else { "the same command with --resume" };
        Failure::stopped(format!(
            "stopped on request at step {} of {}; {command} goes on from {}",
            training.step(),
            training.steps(),
            self.folder.path().display()
        ))
    }

    /// Checkpoint and records as they stand.
    fn save(&self, training: &Training) -> Result<(), Failure> {
        self.checkpoints.save(&training.checkpoint()).map_err(|error| Failure::other(error.to_string()))?;
        let mut csv = String::from(HEADER);
        append_csv(&mut csv, &run_prefix(&self.label, training.spec().seed), training.records());
        self.folder.write("records.csv", csv.as_bytes())?;
        Ok(())
    }

    /// Summary and figure of a training that has ended.
    pub fn write_results(&self, trained: &Trained) -> Result<(), Failure> {
        self.folder.write("summary.json", format!("{:#}\n", trained.json()).as_bytes())?;
        figures::write(self.folder, &super::report::figure(&trained.label, trained), "figure")
    }
}

/// The lock ends with the process, however that ends.
fn lock(folder: &Folder) -> Result<File, Failure> {
    let path = folder.path().join(LOCK);
    let failed = |error| Failure::other(format!("{}: {error}", path.display()));
    let file = File::create(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(Failure::locked(format!("{}: another process trains there", folder.path().display())))
        }
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// The lines of a spec that are no comments.
fn without_comments(text: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(text).lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

/// Trains to the end. A request to stop saves, and is a failure that says how to go on.
pub fn train(
    session: &mut Session<'_>,
    spec: &TrainingSpec,
    images: &TrainingImages,
    device: &Device,
    every: Duration,
    label: &str,
) -> Result<Training, Failure> {
    let place = session.folder.path().display().to_string();
    let refuse = |error| refused(&place, &error);
    let (images, device) = (images.clone(), device.clone());
    let mut training = match session.start.take() {
        Some(checkpoint) => Training::resume(spec.clone(), images, device, &checkpoint).map_err(refuse)?,
        None => Training::new(spec.clone(), images, device).map_err(refuse)?,
    };
    let bar = progress::training_bar(training.steps(), training.step());
    let mut saved = Instant::now();
    let mut speed = Speed::new(label);
    while training.status() == Status::Running && !interrupt::stopped() {
        training.advance(1);
        speed.count(spec.training.batch);
        bar.set_position(training.step());
        bar.set_message(speed.message(&training));
        if saved.elapsed() >= every {
            session.save(&training)?;
            saved = Instant::now();
        }
    }
    bar.finish_and_clear();
    session.save(&training)?;
    if training.status() == Status::Running {
        return Err(session.stopped(&training));
    }
    Ok(training)
}

/// What the progress bar says beside the steps.
struct Speed<'a> {
    label: &'a str,
    since: Instant,
    images: usize,
    per_second: f64,
}

impl<'a> Speed<'a> {
    fn new(label: &'a str) -> Self {
        Self { label, since: Instant::now(), images: 0, per_second: f64::NAN }
    }

    fn count(&mut self, images: usize) {
        self.images += images;
        let seconds = self.since.elapsed().as_secs_f64();
        if seconds > 2.0 {
            self.per_second = self.images as f64 / seconds;
            (self.since, self.images) = (Instant::now(), 0);
        }
    }

    fn message(&self, training: &Training) -> String {
        let recent = training.recent();
        let images = recent.images.max(1) as f64;
        format!(
            "loss {} error {:.1}% {:.0} images/s, {}",
            short(recent.loss / images),
            100.0 * recent.wrong as f64 / images,
            self.per_second,
            self.label
        )
    }
}
