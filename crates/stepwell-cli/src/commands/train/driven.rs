//! One training, driven to its end with a bar and checkpoints.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use stepwell::outcome::Outcome;
use stepwell::words::short;
use stepwell_deep::engine::Device;
use stepwell_deep::training::{Training, TrainingImages, TrainingSpec};
use stepwell_lab::drive::{Drive, Job, Next, Pace, Watch, one};
use stepwell_lab::error::LabError;
use stepwell_store::checkpoints::Checkpoints;

use super::refused;
use crate::checkpoint::warn;
use crate::failure::Failure;
use crate::{interrupt, progress};

/// What is trained, and what it is called on its bar.
pub struct Wanted<'a> {
    /// The spec, without variants.
    pub spec: &'a TrainingSpec,
    /// Its images.
    pub images: &'a TrainingImages,
    /// What computes.
    pub device: &'a Device,
    /// Its name.
    pub label: &'a str,
    /// Time between checkpoints.
    pub every: Duration,
    /// Whether its last weights are wanted.
    pub keeps_parameters: bool,
}

impl Wanted<'_> {
    /// Trains to the end, or until a signal comes: then the outcome is `Running`. Its checkpoints are in the folder `place`, from
    /// which it goes on; the last one stays there.
    pub fn train(&self, place: &Path) -> Result<Outcome, Failure> {
        let (spec, label) = (self.spec, self.label);
        let open = || {
            let training = Training::new(spec.clone(), self.images.clone(), self.device.clone());
            training.map_err(|error| LabError::Outside(Box::new(error)))
        };
        let job = Job::new(label, spec.seed, spec.to_toml(), open);
        let job = Job { keeps_parameters: self.keeps_parameters, ..job };
        let bar = Bar::new(label, spec.training.batch);
        let watch = Checkpoints::new(&bar, self.every.as_secs_f64(), &warn, |_| place.into()).to_keep();
        one(&job, &watch).map_err(|error| match error {
            LabError::Outside(error) => match error.downcast() {
                Ok(error) => refused(&place.display().to_string(), &error),
                Err(error) => Failure::of(LabError::Outside(error)),
            },
            error => Failure::of(error),
        })
    }
}

/// A bar of steps that says how the training goes.
struct Bar<'a> {
    label: &'a str,
    batch: usize,
    shown: Mutex<Option<Shown>>,
}

struct Shown {
    bar: ProgressBar,
    since: Instant,
    images: usize,
    per_second: f64,
}

impl<'a> Bar<'a> {
    fn new(label: &'a str, batch: usize) -> Self {
        Self { label, batch, shown: Mutex::default() }
    }
}

impl Watch for Bar<'_> {
    fn look(&self, _: &Job<'_>, run: &dyn Drive, _: &mut Pace) -> Result<Next, LabError> {
        let progress = run.progress();
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *shown {
            None => {
                let bar = progress::training_bar(progress.steps, progress.step);
                *shown = Some(Shown { bar, since: Instant::now(), images: 0, per_second: f64::NAN });
            }
            Some(shown) => {
                shown.images += self.batch;
                let seconds = shown.since.elapsed().as_secs_f64();
                if seconds > 2.0 {
                    shown.per_second = shown.images as f64 / seconds;
                    (shown.since, shown.images) = (Instant::now(), 0);
                }
                shown.bar.set_position(progress.step);
                shown.bar.set_message(format!(
                    "loss {} error {:.1}% {:.0} images/s, {}",
                    short(progress.loss),
                    100.0 * progress.error,
                    shown.per_second,
                    self.label
                ));
            }
        }
        Ok(if interrupt::stopped() { Next::Stop } else { Next::Go(1) })
    }

    fn ended(&self, _: &Job<'_>, _: &dyn Drive, _: &Outcome, _: &Pace) -> Result<(), LabError> {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.iter().for_each(|shown| shown.bar.finish_and_clear());
        Ok(())
    }

    fn starts_more(&self) -> bool {
        !interrupt::stopped()
    }
}
