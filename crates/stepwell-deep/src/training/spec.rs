//! The training of a network as data (TOML, say), and the checks of its numbers.

use serde::{Deserialize, Serialize};
use stepwell::schedule::Schedule;
use stepwell::spec::{ScheduleSpec, SpecError};

use crate::data::catalog::DataSet;
use crate::data::{Expected, Part};
use crate::metrics::ProbeBatches;
use crate::network::{Architecture, Network};

/// A training: which images, which network, how, and what is recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TrainingSpec {
    /// A title, in one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The seed of everything random: which images, their order and augmentation, initial values, flipped labels.
    #[serde(default = "one")]
    pub seed: u64,
    /// Which images.
    pub data: ImagesSpec,
    /// Which network.
    pub network: Architecture,
    /// How it is trained.
    pub training: SgdSpec,
    /// Step sizes.
    pub schedule: ScheduleSpec,
    /// What is recorded, and when.
    #[serde(default)]
    pub record: RecordSpec,
    /// The runs of a figure: the same training with another schedule.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variants: Vec<VariantSpec>,
}

/// One run of a figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct VariantSpec {
    /// What it is called.
    pub label: String,
    /// Its step sizes.
    pub schedule: ScheduleSpec,
}

/// Which images a network is trained and tested on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ImagesSpec {
    /// The data set: `fashion-mnist`, `mnist`, `cifar10`, `cifar100` or `tiny-imagenet`.
    pub set: String,
    /// How many training images, at random; all of them if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train: Option<usize>,
    /// How many test images, at random; all of them if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<usize>,
    /// Whether height and width are halved.
    #[serde(default)]
    pub halved: bool,
    /// Whether each training image is cropped at random from a frame of 4 black pixels and flipped half of the time.
    #[serde(default)]
    pub augment: bool,
    /// The share of training images whose label is replaced by another class, at random, once for the whole training.
    #[serde(default)]
    pub label_noise: f64,
}

/// SGD with momentum `mu` and weight decay `lambda` over all parameters: `buf <- mu buf + (g + lambda theta)`,
/// `theta <- theta - eta buf`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SgdSpec {
    /// Images per step; the last batch of an epoch may be smaller.
    pub batch: usize,
    /// Images that are in memory at a time: the gradient of a batch is the sum over such parts. Batch normalization sees
    /// one part at a time. The whole batch if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub micro_batch: Option<usize>,
    /// How often each image is seen; this or `steps`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epochs: Option<u64>,
    /// How many steps are taken; this or `epochs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
    /// `mu`.
    #[serde(default)]
    pub momentum: f64,
    /// `lambda`.
    #[serde(default)]
    pub weight_decay: f64,
    /// Also keeps averaged weights, `avg <- a avg + (1 - a) theta` after each step with this `a`; none if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average: Option<f64>,
}

/// What is recorded. Each record at step t is of `theta_t`, before the step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct RecordSpec {
    /// Steps between two records; an epoch if not given. The end is recorded in any case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<u64>,
    /// How many training images, without augmentation, `train_loss` and `train_error` are taken on.
    pub train_images: usize,
    /// How many training images, without augmentation, feature sparsity (lower is sparser) is taken on; 0 for none.
    pub sparsity_images: usize,
    /// Where feature sparsity is taken; the last two places and the pooled features if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub places: Option<Vec<String>>,
    /// How many neurons of a wider place, at random, feature sparsity is taken on.
    pub neurons: usize,
    /// The correlation above which neurons are duplicates.
    pub threshold: f64,
    /// How many test images the rank of the Jacobian is taken on; 0 for none. As costly as that many steps of batch 1.
    pub jacobian_images: usize,
    /// How many training images, without augmentation and in one batch, `sharpness` is taken on; 0 for none. As costly as
    /// some 80 steps with a batch of that many. Then `batch_sharpness` and `gradient_weighted_batch_sharpness`
    /// are taken as well, on 8 batches of the training's size: as costly as 40 steps.
    #[serde(skip_serializing_if = "is_zero")]
    pub sharpness_images: usize,
}

impl Default for RecordSpec {
    fn default() -> Self {
        Self {
            every: None,
            train_images: 1000,
            sparsity_images: 500,
            places: None,
            neurons: 1000,
            threshold: 0.95,
            jacobian_images: 0,
            sharpness_images: 0,
        }
    }
}

fn one() -> u64 {
    1
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(value: &usize) -> bool {
    *value == 0
}

fn refuse(key: &str, found: impl ToString, expected: impl Into<String>) -> SpecError {
    SpecError::Value { key: key.into(), found: found.to_string(), expected: expected.into() }
}

fn at_least_one(key: &str, value: usize) -> Result<(), SpecError> {
    if value == 0 { Err(refuse(key, 0, "at least 1")) } else { Ok(()) }
}

/// A number from 0 to below `limit`.
fn from_zero(key: &str, value: f64, limit: f64) -> Result<(), SpecError> {
    let good = value >= 0.0 && value < limit;
    let expected =
        if limit.is_finite() { format!("a number from 0 to below {limit}") } else { "a number from 0 on".into() };
    if good { Ok(()) } else { Err(refuse(key, value, expected)) }
}

impl TrainingSpec {
    /// Checks every number and name.
    ///
    /// # Errors
    /// If one is out of range or unknown: its key, what stands there, what was expected.
    pub fn check(&self) -> Result<(), SpecError> {
        let set = self.data_set()?;
        let available = set.expected(Part::Train).images;
        let count = self.count(Part::Train)?;
        if count > available {
            return Err(refuse("data.train", count, format!("at most {available}, as many as there are")));
        }
        at_least_one("data.train", count)?;
        at_least_one("data.test", self.data.test.unwrap_or(1))?;
        if !(0.0..=1.0).contains(&self.data.label_noise) {
            return Err(refuse("data.label_noise", self.data.label_noise, "a share between 0 and 1"));
        }
        self.training.check()?;
        if i64::try_from(self.seed).is_err() {
            return Err(refuse("seed", self.seed, "a number below 2^63"));
        }
        let network = self.network()?;
        if let Some(place) = self.places(&network).iter().find(|place| !network.places().contains(place)) {
            return Err(refuse("record.places", place, format!("some of {}", network.places().join(", "))));
        }
        at_least_one("record.every", self.record.every.map_or(1, |every| every as usize))?;
        at_least_one("record.train_images", self.record.train_images)?;
        at_least_one("record.neurons", self.record.neurons)?;
        if !(0.0..=1.0).contains(&self.record.threshold) {
            return Err(refuse("record.threshold", self.record.threshold, "a correlation between 0 and 1"));
        }
        let steps = self.steps()?;
        for schedule in self.variants.iter().map(|variant| &variant.schedule).chain([&self.schedule]) {
            if schedule.relative {
                return Err(refuse("schedule.relative", "true", "an absolute step size for a deep network"));
            }
            schedule.build(steps)?;
        }
        Ok(())
    }

    /// The data set.
    ///
    /// # Errors
    /// If none is known by that name.
    pub fn data_set(&self) -> Result<DataSet, SpecError> {
        let known = DataSet::ALL.map(DataSet::name).join(", ");
        DataSet::named(&self.data.set).ok_or_else(|| refuse("data.set", &self.data.set, format!("one of {known}")))
    }

    /// How many images a part has.
    ///
    /// # Errors
    /// If the data set is unknown.
    pub fn count(&self, part: Part) -> Result<usize, SpecError> {
        let all = self.data_set()?.expected(part).images;
        Ok(match part {
            Part::Train => self.data.train.unwrap_or(all),
            Part::Test => self.data.test.unwrap_or(all).min(all),
        })
    }

    /// The network, for the images of the data set.
    ///
    /// # Errors
    /// If its numbers are out of range.
    pub fn network(&self) -> Result<Network, SpecError> {
        let Expected { channels, height, width, classes, .. } = self.data_set()?.expected(Part::Train);
        let by = if self.data.halved { 2 } else { 1 };
        let input = [channels, height / by, width / by];
        Network::new(self.network, input, classes).map_err(|error| refuse("network", error, "another network"))
    }

    /// Steps of an epoch.
    ///
    /// # Errors
    /// If the data set is unknown.
    pub fn steps_per_epoch(&self) -> Result<u64, SpecError> {
        Ok(self.count(Part::Train)?.div_ceil(self.training.batch.max(1)) as u64)
    }

    /// Number T of steps.
    ///
    /// # Errors
    /// If not exactly one of `epochs` and `steps` is given, or it is 0.
    pub fn steps(&self) -> Result<u64, SpecError> {
        let steps = match (self.training.epochs, self.training.steps) {
            (Some(epochs), None) => epochs.saturating_mul(self.steps_per_epoch()?),
            (None, Some(steps)) => steps,
            (Some(_), Some(_)) => return Err(refuse("training", "both `epochs` and `steps`", "one of them")),
            (None, None) => return Err(refuse("training", "neither `epochs` nor `steps`", "one of them")),
        };
        if steps == 0 { Err(refuse("training", "0 steps", "at least 1")) } else { Ok(steps) }
    }

    /// Step sizes of the whole run.
    ///
    /// # Errors
    /// If a number is out of range.
    pub fn built_schedule(&self) -> Result<Schedule, SpecError> {
        self.schedule.build(self.steps()?)
    }

    /// Where feature sparsity is taken.
    pub fn places(&self, network: &Network) -> Vec<String> {
        self.record.places.clone().unwrap_or_else(|| {
            let all = network.places();
            all[all.len().saturating_sub(3)..].to_vec()
        })
    }

    /// The batches that batch sharpness is recorded on: of the training's size, at random from its seed.
    pub fn probe_batches(&self) -> ProbeBatches {
        let SgdSpec { batch, micro_batch, .. } = self.training;
        ProbeBatches { size: batch, part: micro_batch.unwrap_or(batch), count: 8, seed: self.seed }
    }

    /// The training of one variant.
    pub fn with_variant(&self, variant: &VariantSpec) -> Self {
        Self { schedule: variant.schedule.clone(), variants: Vec::new(), ..self.clone() }
    }

    /// The whole of it as TOML, with all defaults: what a run is recognized by.
    ///
    /// # Panics
    /// If the spec was not [checked](Self::check): a seed that TOML cannot hold.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a checked spec can be written as TOML")
    }
}

impl SgdSpec {
    fn check(&self) -> Result<(), SpecError> {
        at_least_one("training.batch", self.batch)?;
        at_least_one("training.micro_batch", self.micro_batch.unwrap_or(1))?;
        from_zero("training.momentum", self.momentum, 1.0)?;
        from_zero("training.weight_decay", self.weight_decay, f64::INFINITY)?;
        from_zero("training.average", self.average.unwrap_or(0.0), 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: &str = r#"
        data = { set = "fashion-mnist", train = 1000, halved = true }
        network = { kind = "dense_net", depth = 16, growth = 12, bottleneck = false, compression = 1.0 }
        training = { batch = 128, epochs = 3 }
        schedule = { step_size = 0.1 }
    "#;

    #[test]
    fn a_spec_survives_toml() {
        let spec: TrainingSpec = toml::from_str(SPEC).unwrap();
        spec.check().unwrap();
        assert_eq!((spec.steps_per_epoch().unwrap(), spec.steps().unwrap()), (8, 24));
        assert_eq!(spec.places(&spec.network().unwrap()), ["block2", "block3", "pooled"]);
        assert_eq!(toml::from_str::<TrainingSpec>(&spec.to_toml()).unwrap(), spec);
    }

    #[test]
    fn what_is_out_of_range_is_named() {
        for (from, to, key) in [
            ("fashion-mnist", "fashion", "data.set"),
            ("1000", "70000", "data.train"),
            ("epochs = 3", "epochs = 3, steps = 5", "training"),
            ("epochs = 3", "epochs = 0", "training"),
            ("batch = 128", "batch = 0", "training.batch"),
            ("batch = 128", "batch = 128, momentum = 1.0", "training.momentum"),
            ("step_size = 0.1", "step_size = -0.1", "schedule.step_size"),
            ("step_size = 0.1", "step_size = 0.1, relative = true", "schedule.relative"),
            ("depth = 16", "depth = 17", "network"),
            ("halved = true", "halved = true, label_noise = 1.5", "data.label_noise"),
        ] {
            assert!(SPEC.contains(from));
            let spec: TrainingSpec = toml::from_str(&SPEC.replace(from, to)).unwrap();
            match spec.check() {
                Err(SpecError::Value { key: found, .. }) => assert_eq!(found, key),
                other => panic!("{to}: {other:?}"),
            }
        }
        assert!(toml::from_str::<TrainingSpec>(&SPEC.replace("batch", "bach")).is_err());
    }
}
