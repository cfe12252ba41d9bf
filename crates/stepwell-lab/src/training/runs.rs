//! Trainings are driven as runs are, and are settings with their runs.

use stepwell::container::Container;
use stepwell::loss_blocks::LossBlocks;
use stepwell::outcome::Outcome;
use stepwell::run::Status;
use stepwell::schedule::Timetable;
use stepwell::verdict::{Stabilization, divergence};
use stepwell_deep::training::{Training, TrainingSpec};

use crate::drive::{Drive, Progress};
use crate::runs::apart;
use crate::setting::Setting;

impl Drive for Training {
    fn advance(&mut self, k: u64) -> Status {
        self.advance(k)
    }

    fn progress(&self) -> Progress {
        let recent = self.recent();
        let images = recent.images as f64;
        Progress {
            step: self.step(),
            steps: self.steps(),
            status: self.status(),
            loss: recent.loss / images,
            error: recent.wrong as f64 / images,
        }
    }

    fn save(&self) -> Container {
        self.checkpoint()
    }

    fn resume(&mut self, from: &Container) -> Result<(), String> {
        self.go_to(from).map_err(|error| error.to_string())
    }

    fn outcome(&self) -> Outcome {
        let (status, steps) = (self.status(), self.steps());
        let last_large = self.spec().built_schedule().map_or(steps, |schedule| schedule.last_step_before_decay(steps));
        // the mean over all batches since the last record
        let (at, losses) = self.records().line("batch_loss");
        let loss = LossBlocks::of_records(at, losses, last_large, status != Status::Running);
        let divergence = divergence(status, &loss);
        Outcome {
            status,
            divergence,
            stabilization: Stabilization::of(&loss, divergence.map(|found| found.step)),
            parameters: self.network().tensors(self.weights()),
            records: self.records().clone(),
            ..Outcome::not_begun(self.spec().seed)
        }
    }
}

/// Label and spec of each run: the spec's own, or one per variant.
pub fn labeled(spec: &TrainingSpec) -> Vec<(String, TrainingSpec)> {
    if spec.variants.is_empty() {
        let label = spec.title.clone().unwrap_or_else(|| "run".into());
        return vec![(label, spec.clone())];
    }
    let labels = apart(spec.variants.iter().map(|variant| &*variant.label));
    labels.into_iter().zip(&spec.variants).map(|(label, variant)| (label, spec.with_variant(variant))).collect()
}

/// The setting of a spec without variants, with its runs over seeds.
pub fn setting(label: String, spec: &TrainingSpec, outcomes: Vec<Outcome>) -> Setting {
    let steps = spec.steps().unwrap_or(0);
    let every = spec.record.every.or_else(|| spec.steps_per_epoch().ok()).unwrap_or(1).max(1);
    let schedule = spec.built_schedule().ok();
    let grid = (0..steps).step_by(usize::try_from(every).unwrap_or(usize::MAX)).collect();
    Setting {
        label,
        steps,
        last_large: schedule.as_ref().map_or(steps, |schedule| schedule.last_step_before_decay(steps)),
        timetable: schedule.map(|schedule| Timetable::new(&schedule, steps, grid)),
        outcomes,
        as_published: None,
    }
}
