//! Trainings as settings with their runs.

use stepwell::outcome::Outcome;
use stepwell::schedule::Timetable;
use stepwell_deep::training::{Training, TrainingSpec};
use stepwell_lab::setting::Setting;

/// Label and spec of each run: the spec's own, or one per variant.
pub fn labeled(spec: &TrainingSpec) -> Vec<(String, TrainingSpec)> {
    if spec.variants.is_empty() {
        let label = spec.title.clone().unwrap_or_else(|| "run".into());
        return vec![(label, spec.clone())];
    }
    spec.variants.iter().map(|variant| (variant.label.clone(), spec.with_variant(variant))).collect()
}

/// How a training stands.
pub fn outcome(training: &Training) -> Outcome {
    Outcome {
        status: training.status(),
        records: training.records().clone(),
        ..Outcome::not_begun(training.spec().seed)
    }
}

/// A setting without runs.
pub fn setting(label: String, spec: &TrainingSpec) -> Setting {
    let steps = spec.steps().unwrap_or(0);
    let every = spec.record.every.or_else(|| spec.steps_per_epoch().ok()).unwrap_or(1).max(1);
    let schedule = spec.built_schedule().ok();
    let grid = (0..steps).step_by(usize::try_from(every).unwrap_or(usize::MAX)).collect();
    Setting {
        label,
        steps,
        last_large: schedule.as_ref().map_or(steps, |schedule| schedule.last_step_before_decay(steps)),
        timetable: schedule.map(|schedule| Timetable::new(&schedule, steps, grid)),
        outcomes: Vec::new(),
        as_published: None,
    }
}
