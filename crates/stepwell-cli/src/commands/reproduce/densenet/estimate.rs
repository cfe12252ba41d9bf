//! How long trainings will take, from a few steps on the device at hand that are thrown away.

use std::sync::Arc;
use std::time::Instant;

use stepwell::spec::SpecError;
use stepwell::words::{significant, thousands};
use stepwell_deep::engine::Device;
use stepwell_deep::metrics::jacobian_rank;
use stepwell_deep::training::{Training, TrainingError, TrainingImages, TrainingSpec, evaluate};

/// Images that the time of one is measured on.
const FEW: usize = 100;
/// A first step that takes longer, in seconds, tells enough.
const LONG: f64 = 20.0;

/// What the parts of a training take, in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Costs {
    /// A step.
    pub step: f64,
    /// A record.
    pub record: f64,
}

/// What is left of trainings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// How many have not ended.
    pub runs: u64,
    /// Their steps to come.
    pub steps: u64,
    /// Their records to come.
    pub records: u64,
}

impl Left {
    /// A training that stands at step `at` is one more; `None` is one that has ended.
    pub fn add(&mut self, at: Option<u64>, spec: &TrainingSpec) -> Result<(), SpecError> {
        let Some(at) = at else { return Ok(()) };
        let (steps, epoch) = (spec.steps()?, spec.steps_per_epoch()?);
        let every = spec.record.every.unwrap_or(epoch);
        self.runs += 1;
        self.steps += steps - at;
        // at each multiple of `every` from here to before the end, and at the end
        self.records += steps.div_ceil(every) - at.div_ceil(every) + 1;
        Ok(())
    }
}

impl Costs {
    /// Takes up to three steps of the spec's batch, and measures few images as a record does.
    pub fn measure(spec: &TrainingSpec, images: &TrainingImages, device: &Device) -> Result<Self, TrainingError> {
        let record = &spec.record;
        let few = TrainingImages { train: Arc::clone(&images.train), test: Arc::new(images.test.first(1)) };
        let mut short = TrainingSpec { variants: Vec::new(), ..spec.clone() };
        (short.record.train_images, short.record.jacobian_images) = (1, 0);
        // what features cost does not grow with the test set: it is measured as it is
        let features = Training::new(short.clone(), few.clone(), device.clone())?;
        short.record.sparsity_images = 0;
        short.record.every = Some(u64::MAX);
        let mut training = Training::new(short, few, device.clone())?;
        let mut step = seconds(|| training.advance(1));
        if step < LONG && training.steps() > 1 {
            let more = training.steps().min(3) - 1;
            step = seconds(|| training.advance(more)) / more as f64;
        }
        let network = training.network();
        let weights = training.weights();
        let count = FEW.min(images.train.len());
        let looked_at = || evaluate(network, weights, &images.train, count, device);
        looked_at(); // once for whatever a device does at the first time
        let image = seconds(looked_at) / count as f64;
        let gradients = |count| jacobian_rank(network, weights, &images.test, count, spec.seed, device);
        let gradient = match record.jacobian_images {
            0 => 0.0,
            _ => {
                gradients(1);
                seconds(|| gradients(2)) / 2.0
            }
        };
        let tests = images.test.len() * if spec.training.average.is_some() { 2 } else { 1 };
        let evaluated = record.train_images.min(images.train.len()) + tests;
        let record = seconds(|| features.measurements())
            + image * evaluated as f64
            + gradient * record.jacobian_images.min(images.test.len()) as f64;
        Ok(Self { step, record })
    }

    /// Seconds that are left, with so many runs at a time.
    pub fn seconds(&self, left: &Left, at_a_time: u64) -> f64 {
        (self.step * left.steps as f64 + self.record * left.records as f64)
            / at_a_time.clamp(1, left.runs.max(1)) as f64
    }

    /// The estimate as a line for people.
    pub fn words(&self, left: &Left, at_a_time: usize) -> String {
        let at_a_time = (at_a_time as u64).min(left.runs);
        let (step, record) = (significant(self.step, 2), significant(self.record, 2));
        format!(
            "about {}: {} run{}{} with {} steps of {step} s and {} records of {record} s to come, as measured just now",
            duration(self.seconds(left, at_a_time)),
            left.runs,
            if left.runs == 1 { "" } else { "s" },
            if at_a_time > 1 { format!(", {at_a_time} at a time,") } else { String::new() },
            thousands(left.steps),
            thousands(left.records),
        )
    }
}

/// How long something takes.
fn seconds<T>(what: impl FnOnce() -> T) -> f64 {
    let started = Instant::now();
    what();
    started.elapsed().as_secs_f64()
}

/// A time in the largest unit of which there are at least two.
fn duration(seconds: f64) -> String {
    let units = [(86_400.0, "days"), (3600.0, "hours"), (60.0, "minutes")];
    match units.into_iter().find(|(unit, _)| seconds >= 2.0 * unit) {
        Some((unit, name)) => format!("{} {name}", significant(seconds / unit, 2)),
        None => format!("{seconds:.0} seconds"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A training of so many steps, recorded every 40: 4,000 images in batches of 100 are an epoch.
    fn spec(steps: u64) -> TrainingSpec {
        let text = format!(
            "data = {{ set = \"mnist\", train = 4000 }}\nnetwork = {{ kind = \"conv_net\", width = 2 }}\n\
             training = {{ batch = 100, steps = {steps} }}\nschedule = {{ step_size = 0.1 }}"
        );
        toml::from_str(&text).unwrap()
    }

    #[test]
    fn what_is_left_is_counted_as_a_training_records() {
        // records at 0, 40, 80 and at the end, 100
        for (at, steps, records) in [(0, 100, 4), (1, 99, 3), (40, 60, 3), (41, 59, 2), (99, 1, 1)] {
            let mut left = Left::default();
            left.add(Some(at), &spec(100)).unwrap();
            assert_eq!(left, Left { runs: 1, steps, records }, "{at}");
        }
        let mut left = Left::default();
        left.add(Some(0), &spec(120)).unwrap(); // at 0, 40, 80 and at the end, 120
        left.add(None, &spec(120)).unwrap();
        left.add(Some(60), &spec(120)).unwrap();
        assert_eq!(left, Left { runs: 2, steps: 180, records: 4 + 2 });
        let costs = Costs { step: 0.5, record: 10.0 };
        assert_eq!((costs.seconds(&left, 1), costs.seconds(&left, 2), costs.seconds(&left, 8)), (150.0, 75.0, 75.0));
        let words =
            "about 2.5 minutes: 2 runs with 180 steps of 0.50 s and 6 records of 10 s to come, as measured just now";
        assert_eq!(costs.words(&left, 1), words);
    }

    #[test]
    fn times_have_units_for_people() {
        for (seconds, words) in [
            (3.4, "3 seconds"),
            (119.0, "119 seconds"),
            (1980.0, "33 minutes"),
            (9000.0, "2.5 hours"),
            (6e5, "6.9 days"),
        ] {
            assert_eq!(duration(seconds), words);
        }
    }
}
