//! Where the checkpoints of one training are: taken up, saved from time to time.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use stepwell::words::short;
use stepwell_deep::checkpoint::{Checkpoint, CheckpointFolder};
use stepwell_deep::engine::Device;
use stepwell_deep::training::{Status, Training, TrainingImages, TrainingSpec};
use stepwell_store::folder::Folder;

use super::refused;
use crate::failure::Failure;
use crate::{interrupt, progress};

/// The folder of one training, within a folder of results that is claimed.
pub struct Place {
    path: PathBuf,
    checkpoints: CheckpointFolder,
    /// Where to go on.
    start: Option<Checkpoint>,
}

impl Place {
    /// Makes the folder, and reads the checkpoint where there is one.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        Folder::create(path)?;
        let place = path.display();
        let checkpoints = CheckpointFolder::new(path);
        checkpoints.remove_unfinished();
        let damaged = |error| Failure::corrupt(format!("{place}: {error}; --overwrite begins anew"));
        let start = checkpoints.load().map_err(damaged)?.map(|found| {
            if let Some(error) = &found.passed_over {
                let step = found.checkpoint.step();
                eprintln!("{place}: {error}; going on from the one before, of step {step}");
            }
            found.checkpoint
        });
        Ok(Self { path: path.to_path_buf(), checkpoints, start })
    }

    /// The step at which it goes on; `None` if it has ended.
    pub fn step(&self) -> Option<u64> {
        match &self.start {
            None => Some(0),
            Some(checkpoint) => (checkpoint.status() == Status::Running).then(|| checkpoint.step()),
        }
    }

    /// Trains to the end, or until a signal comes: then the training is left `Running`, and saved.
    pub fn train(
        &mut self,
        spec: &TrainingSpec,
        images: &TrainingImages,
        device: &Device,
        every: Duration,
        label: &str,
    ) -> Result<Training, Failure> {
        let place = self.path.display().to_string();
        let (images, device) = (images.clone(), device.clone());
        let mut training = match self.start.take() {
            Some(checkpoint) => Training::resume(spec.clone(), images, device, &checkpoint),
            None => Training::new(spec.clone(), images, device),
        }
        .map_err(|error| refused(&place, &error))?;
        let bar = progress::training_bar(training.steps(), training.step());
        let mut saved = Instant::now();
        let mut speed = Speed::new(label);
        while training.status() == Status::Running && !interrupt::stopped() {
            training.advance(1);
            speed.show(&bar, &training);
            if saved.elapsed() >= every {
                self.save(&training)?;
                saved = Instant::now();
            }
        }
        bar.finish_and_clear();
        self.save(&training)?;
        Ok(training)
    }

    fn save(&self, training: &Training) -> Result<(), Failure> {
        self.checkpoints.save(&training.checkpoint()).map_err(|error| Failure::other(error.to_string()))
    }
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

    /// After a step.
    fn show(&mut self, bar: &ProgressBar, training: &Training) {
        self.images += training.spec().training.batch;
        let seconds = self.since.elapsed().as_secs_f64();
        if seconds > 2.0 {
            self.per_second = self.images as f64 / seconds;
            (self.since, self.images) = (Instant::now(), 0);
        }
        let recent = training.recent();
        let images = recent.images.max(1) as f64;
        bar.set_position(training.step());
        bar.set_message(format!(
            "loss {} error {:.1}% {:.0} images/s, {}",
            short(recent.loss / images),
            100.0 * recent.wrong as f64 / images,
            self.per_second,
            self.label
        ));
    }
}
