//! Training a network: batches, gradients, steps, records, and a position that a checkpoint takes up again.

mod evaluate;
mod images;
mod recent;
pub(crate) mod sgd;
mod spec;

pub(crate) use evaluate::{CHUNK, chunks, inputs, inputs_of};
pub use evaluate::{Evaluation, evaluate};
pub use images::TrainingImages;
pub use recent::Recent;
pub use sgd::Sgd;
pub use spec::{ImagesSpec, RecordSpec, SgdSpec, TrainingSpec, VariantSpec};
pub use stepwell::run::Status;

use std::sync::Arc;

use stepwell::container::Container;
use stepwell::record::Records;
use stepwell::schedule::Schedule;
use stepwell::spec::SpecError;

use crate::checkpoint::{self, CheckpointError, Parts};
use crate::data::DataError;
use crate::data::augment::Augment;
use crate::data::batches::{Batch, Batches, MadeBeside};
use crate::engine::{Device, Tensor};
use crate::metrics::{activations, batch_sharpness, jacobian_rank, sharpness, sparsity_options};
use crate::network::{Mode, Network, Weights};
use evaluate::cross_entropy;
use sgd::{all_finite, average_in};

/// Batches that are made ready beside the training.
const AHEAD: usize = 2;

/// Why a training cannot begin or go on.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TrainingError {
    /// The spec was refused.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// The images were refused.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The checkpoint was refused.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

/// A training in progress. Its bits depend on spec, images, device and number of threads, not on how it is cut into calls
/// of [`Training::advance`], nor on interruptions.
pub struct Training {
    spec: TrainingSpec,
    network: Network,
    device: Device,
    images: TrainingImages,
    schedule: Schedule,
    steps: u64,
    every: u64,
    weights: Weights,
    averaged: Option<Weights>,
    sgd: Sgd,
    batches: Option<MadeBeside>,
    /// Its memory is used again.
    batch: Batch,
    step: u64,
    status: Status,
    records: Records,
    recent: Recent,
}

impl Training {
    /// A training at its start.
    ///
    /// # Errors
    /// If the spec is refused.
    pub fn new(spec: TrainingSpec, images: TrainingImages, device: Device) -> Result<Self, TrainingError> {
        spec.check()?;
        let network = spec.network()?;
        let weights = network.draw(spec.seed, &device);
        let SgdSpec { momentum, weight_decay, average, .. } = spec.training;
        Ok(Self {
            schedule: spec.built_schedule()?,
            steps: spec.steps()?,
            every: spec.record.every.map_or_else(|| spec.steps_per_epoch(), Ok)?,
            averaged: average.map(|_| weights.clone()),
            sgd: Sgd::new(&weights, momentum, weight_decay),
            batches: None,
            batch: Batch::default(),
            step: 0,
            status: Status::Running,
            records: Records::default(),
            recent: Recent::default(),
            spec,
            network,
            device,
            images,
            weights,
        })
    }

    /// The training that a checkpoint was taken of, where it stood.
    ///
    /// # Errors
    /// If the spec is refused, or the checkpoint is that of another training.
    pub fn resume(
        spec: TrainingSpec,
        images: TrainingImages,
        device: Device,
        checkpoint: &Container,
    ) -> Result<Self, TrainingError> {
        let mut training = Self::new(spec, images, device)?;
        training.go_to(checkpoint)?;
        Ok(training)
    }

    /// Goes to where a checkpoint of this training was taken; as it is, if it is refused.
    ///
    /// # Errors
    /// If it is that of another training, or lacks a part.
    pub fn go_to(&mut self, checkpoint: &Container) -> Result<(), CheckpointError> {
        let found = checkpoint::restore(checkpoint, &self.spec, &self.network, &self.device)?;
        let (step, status, records) = (checkpoint.word("step")?, checkpoint.status()?, checkpoint.records()?);
        self.weights = found.weights;
        self.averaged = found.averaged;
        self.sgd.set_buffers(found.momentum);
        (self.step, self.status, self.records, self.recent) = (step, status, records, found.recent);
        // made anew from this step on
        self.batches = None;
        Ok(())
    }

    /// All that is needed to go on later.
    pub fn checkpoint(&self) -> Container {
        checkpoint::of(&Parts {
            spec: &self.spec,
            network: &self.network,
            weights: &self.weights,
            averaged: self.averaged.as_ref(),
            momentum: self.sgd.buffers(),
            step: self.step,
            status: self.status,
            records: &self.records,
            recent: self.recent,
        })
    }

    /// Takes up to `count` steps; fewer at the end or if it diverges. Records are taken on the way.
    pub fn advance(&mut self, count: u64) -> Status {
        for _ in 0..count {
            if self.status != Status::Running {
                break;
            }
            if self.step.is_multiple_of(self.every) {
                self.record();
            }
            self.take_step();
        }
        self.status
    }

    fn take_step(&mut self) {
        let used = std::mem::take(&mut self.batch);
        let batch = self.batches().next(used);
        let (gradient, finite) = self.batch_gradient(&batch);
        self.batch = batch;
        if !finite {
            self.status = Status::Overflowed { step: self.step };
            return;
        }
        self.sgd.step(&mut self.weights, gradient, self.schedule.at(self.step));
        if let (Some(average), Some(keep)) = (&mut self.averaged, self.spec.training.average) {
            average_in(average, &self.weights, keep);
        }
        self.step += 1;
        if !all_finite(&self.weights) {
            self.status = Status::Overflowed { step: self.step };
        } else if self.step == self.steps {
            self.record();
            self.status = Status::Finished;
        }
    }

    fn batches(&mut self) -> &mut MadeBeside {
        let Self { images, spec, step, batches, .. } = self;
        batches.get_or_insert_with(|| {
            let augment = spec.data.augment.then(|| Augment::published(spec.seed));
            Batches::new(Arc::clone(&images.train), spec.seed, spec.training.batch, augment).beside(*step, AHEAD)
        })
    }

    /// The gradient of the mean loss of a batch, summed over its parts, and whether the loss is finite.
    fn batch_gradient(&mut self, batch: &Batch) -> (Vec<Tensor<1>>, bool) {
        let size: usize = self.network.input().iter().product();
        let part = self.spec.training.micro_batch.unwrap_or(batch.labels.len()).min(batch.labels.len());
        let mut sum: Option<Vec<Tensor<1>>> = None;
        let mut finite = true;
        for (labels, pixels) in batch.labels.chunks(part).zip(batch.inputs.chunks(part * size)) {
            let images = self.network.batch(pixels.to_vec(), &self.device);
            let classes: Vec<usize> = labels.iter().map(|label| usize::from(*label)).collect();
            let found = self.network.gradient(&self.weights, images, &classes, Mode::Train);
            self.weights.track(found.statistics);
            let (loss, wrong) = cross_entropy(&found.logits, labels, self.network.classes());
            self.recent.loss += loss;
            self.recent.wrong += wrong as u64;
            self.recent.images += labels.len() as u64;
            finite &= found.loss.is_finite() && loss.is_finite();
            sum = Some(add_share(sum, found.parameters, labels.len() as f64 / batch.labels.len() as f64));
        }
        (sum.unwrap_or_default(), finite)
    }

    fn record(&mut self) {
        for (name, value) in self.measurements() {
            self.records.push(name, self.step, value);
        }
        self.recent = Recent::default();
    }

    /// What a record of `theta_t` holds, by name. Nothing of the run is changed by taking it.
    pub fn measurements(&self) -> Vec<(String, f64)> {
        let (step, spec) = (self.step, &self.spec);
        let mut found: Vec<(String, f64)> = Vec::new();
        let mut add = |name: &str, value| found.push((name.to_owned(), value));
        if self.recent.images > 0 {
            let images = self.recent.images as f64;
            add("batch_loss", self.recent.loss / images);
            add("batch_error", self.recent.wrong as f64 / images);
        }
        let evaluated = |weights, images, count| evaluate(&self.network, weights, images, count, &self.device);
        let train = evaluated(&self.weights, &self.images.train, spec.record.train_images);
        let test = evaluated(&self.weights, &self.images.test, usize::MAX);
        add("train_loss", train.loss);
        add("train_error", train.error);
        add("test_loss", test.loss);
        add("test_error", test.error);
        if let Some(averaged) = &self.averaged {
            let test = evaluated(averaged, &self.images.test, usize::MAX);
            add("test_loss/averaged", test.loss);
            add("test_error/averaged", test.error);
        }
        if spec.record.sparsity_images > 0 {
            let places = spec.places(&self.network);
            let images = &self.images.train;
            let count = spec.record.sparsity_images;
            for found in activations(&self.network, &self.weights, images, count, &places, &self.device) {
                // not finite: nothing to count
                let sparsity = found.sparsity(sparsity_options(spec)).map_or(f64::NAN, |s| s.feature_sparsity);
                add(&format!("feature_sparsity/{}", found.place), sparsity);
            }
        }
        if spec.record.jacobian_images > 0 {
            let (images, count) = (&self.images.test, spec.record.jacobian_images);
            let found = jacobian_rank(&self.network, &self.weights, images, count, spec.seed, &self.device);
            add("jacobian_rank", found.rank() as f64);
            add("jacobian_effective_rank", found.effective_rank());
        }
        if spec.record.sharpness_images > 0 {
            let (images, mode) = (&self.images.train, Mode::Train);
            let count = spec.record.sharpness_images;
            add("sharpness", sharpness(&self.network, &self.weights, images, count, mode, &self.device).value);
            let batches = spec.probe_batches();
            let found = batch_sharpness(&self.network, &self.weights, images, batches, mode, &self.device);
            add("batch_sharpness", found.mean_of_ratios.value);
            add("gradient_weighted_batch_sharpness", found.ratio_of_means.value);
        }
        add("step_size", self.schedule.at(step.min(self.steps - 1)));
        found
    }

    /// What is trained.
    pub fn spec(&self) -> &TrainingSpec {
        &self.spec
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Its images.
    pub fn images(&self) -> &TrainingImages {
        &self.images
    }

    /// The weights `theta_t`.
    pub fn weights(&self) -> &Weights {
        &self.weights
    }

    /// The averaged weights, where the spec asks for them.
    pub fn averaged(&self) -> Option<&Weights> {
        self.averaged.as_ref()
    }

    /// The momentum buffers.
    pub fn sgd(&self) -> &Sgd {
        &self.sgd
    }

    /// Step t.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Number T of steps.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Whether it goes on.
    pub fn status(&self) -> Status {
        self.status
    }

    /// What was recorded so far.
    pub fn records(&self) -> &Records {
        &self.records
    }

    /// What the batches since the last record said.
    pub fn recent(&self) -> Recent {
        self.recent
    }
}

/// `sum + share part`, parameter by parameter.
fn add_share(sum: Option<Vec<Tensor<1>>>, part: Vec<Tensor<1>>, share: f64) -> Vec<Tensor<1>> {
    match sum {
        None if share == 1.0 => part,
        None => part.into_iter().map(|tensor| tensor * share).collect(),
        Some(sum) => sum.into_iter().zip(part).map(|(sum, tensor)| sum + tensor * share).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Engine;
    use crate::network::{Architecture, ConvNet};

    /// In evaluation mode every sample is treated by itself, so that parts of any size add up to the whole batch.
    #[test]
    fn parts_of_a_batch_add_up() {
        let device = Engine::Cpu.device().unwrap();
        let network = Network::new(Architecture::ConvNet(ConvNet { width: 3 }), [1, 8, 8], 4).unwrap();
        let weights = network.draw(3, &device);
        let pixels: Vec<f32> = (0..10 * 64).map(|i| (i * 7919 % 1009) as f32 / 1009.0).collect();
        let labels: Vec<usize> = (0..10).map(|i| i % 4).collect();
        let gradient = |from: usize, to: usize| {
            let images = network.batch(pixels[64 * from..64 * to].to_vec(), &device);
            network.gradient(&weights, images, &labels[from..to], Mode::Evaluate)
        };
        let whole = gradient(0, 10).flat();
        let mut sum = None;
        for (from, to) in [(0, 4), (4, 8), (8, 10)] {
            sum = Some(add_share(sum, gradient(from, to).parameters, (to - from) as f64 / 10.0));
        }
        let sum: Vec<f32> = sum.unwrap().into_iter().flat_map(crate::network::weights::values).collect();
        let norm =
            |values: &mut dyn Iterator<Item = f32>| values.map(|v| f64::from(v) * f64::from(v)).sum::<f64>().sqrt();
        let off = norm(&mut sum.iter().zip(&whole).map(|(a, b)| a - b));
        assert!(off < 1e-6 * norm(&mut whole.iter().copied()), "{off}");
    }
}
