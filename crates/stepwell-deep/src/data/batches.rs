//! Epochs without replacement, cut into batches that are made ready beside the training.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;

use stepwell::rng::{Purpose, Stream};

use super::Images;
use super::augment::Augment;

/// Which samples the batch of a step consists of: a fresh permutation for each epoch, cut into batches of one size; the
/// last of an epoch may be smaller.
///
/// The permutation of epoch e is a Fisher-Yates shuffle of `0..n` by the words from `e n` on of the batch stream, so any
/// step can be asked for at any time, at the cost of at most one shuffle.
#[derive(Clone, Debug)]
pub struct Epochs {
    samples: usize,
    batch: usize,
    stream: Stream,
    order: Vec<u32>,
    epoch: Option<u64>,
}

impl Epochs {
    /// Epochs of `samples` samples in batches of `batch`, both at least 1 (0 is taken as 1).
    pub fn new(seed: u64, samples: usize, batch: usize) -> Self {
        let (samples, batch) = (samples.max(1), batch.max(1));
        Self { samples, batch, stream: Stream::new(seed, Purpose::Batch), order: Vec::new(), epoch: None }
    }

    /// Steps of an epoch, `ceil(n / batch)`.
    pub fn steps_per_epoch(&self) -> u64 {
        self.samples.div_ceil(self.batch) as u64
    }

    /// Samples drawn before a step.
    pub fn samples_before(&self, step: u64) -> u64 {
        let (epoch, within) = (step / self.steps_per_epoch(), step % self.steps_per_epoch());
        epoch * self.samples as u64 + within * self.batch as u64
    }

    /// The samples of a step, counted from 0.
    pub fn indices(&mut self, step: u64) -> &[u32] {
        let (epoch, within) = (step / self.steps_per_epoch(), (step % self.steps_per_epoch()) as usize);
        if self.epoch != Some(epoch) {
            self.shuffle(epoch);
        }
        let from = within * self.batch;
        &self.order[from..(from + self.batch).min(self.samples)]
    }

    fn shuffle(&mut self, epoch: u64) {
        let n = self.samples;
        self.order.clear();
        self.order.extend(0..n as u32);
        self.stream.seek(epoch.wrapping_mul(n as u64));
        for k in 0..n {
            self.order.swap(k, k + self.stream.below((n - k) as u32) as usize);
        }
        self.epoch = Some(epoch);
    }
}

/// What one step is taken on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// The step, counted from 0.
    pub step: u64,
    /// Which images.
    pub indices: Vec<u32>,
    /// B x C x H x W, in `[0, 1]`.
    pub inputs: Vec<f32>,
    /// B labels.
    pub labels: Vec<u16>,
}

/// Makes batches of images. The batch of a step depends on the seeds and the step alone.
#[derive(Clone, Debug)]
pub struct Batches {
    images: Arc<Images>,
    epochs: Epochs,
    augment: Option<Augment>,
}

impl Batches {
    /// Batches of `size` images, with augmentation or without.
    pub fn new(images: Arc<Images>, seed: u64, size: usize, augment: Option<Augment>) -> Self {
        let epochs = Epochs::new(seed, images.len(), size);
        Self { images, epochs, augment }
    }

    /// The order of the samples.
    pub fn epochs(&self) -> &Epochs {
        &self.epochs
    }

    /// Fills `batch` with what a step is taken on; its memory is used again.
    pub fn fill(&mut self, step: u64, batch: &mut Batch) {
        let before = self.epochs.samples_before(step);
        let chosen = if self.images.is_empty() { &[] } else { self.epochs.indices(step) };
        let size: usize = self.images.shape().iter().product();
        batch.step = step;
        batch.indices.clear();
        batch.indices.extend_from_slice(chosen);
        batch.labels.clear();
        batch.labels.extend(chosen.iter().map(|k| self.images.labels()[*k as usize]));
        batch.inputs.resize(chosen.len() * size, 0.0);
        for ((k, sample), out) in chosen.iter().zip(before..).zip(batch.inputs.chunks_exact_mut(size)) {
            match &mut self.augment {
                Some(augment) => augment.input(&self.images, *k as usize, sample, out),
                None => self.images.input(*k as usize, out),
            }
        }
    }

    /// The same batches from a step on, made by a thread of their own, up to `ahead` of them before they are asked for.
    pub fn beside(mut self, from: u64, ahead: usize) -> MadeBeside {
        let (ready, next) = sync_channel(ahead);
        let (used, empty) = channel();
        let thread = std::thread::spawn(move || {
            let mut step = from;
            loop {
                let mut batch: Batch = empty.try_recv().unwrap_or_default();
                self.fill(step, &mut batch);
                if !send(&ready, batch) {
                    return;
                }
                step += 1;
            }
        });
        MadeBeside { next: Some(next), used, thread: Some(thread) }
    }
}

/// Whether somebody still waits for batches.
fn send(ready: &SyncSender<Batch>, batch: Batch) -> bool {
    ready.send(batch).is_ok()
}

/// Batches that a thread makes ready. The thread ends when this is dropped.
#[derive(Debug)]
pub struct MadeBeside {
    next: Option<Receiver<Batch>>,
    used: Sender<Batch>,
    thread: Option<JoinHandle<()>>,
}

impl MadeBeside {
    /// The batch of the next step; `used` is the one before, whose memory is used again (an empty one at first).
    pub fn next(&mut self, used: Batch) -> Batch {
        // without memory to use again the thread takes fresh memory: no reason to stop
        _ = self.used.send(used);
        let batch = self.next.as_ref().and_then(|next| next.recv().ok());
        batch.unwrap_or_else(|| self.stopped())
    }

    /// The thread only ends early by a panic, which is passed on.
    fn stopped(&mut self) -> Batch {
        match self.thread.take().map(JoinHandle::join) {
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            _ => unreachable!("the thread goes on as long as batches are asked for"),
        }
    }
}

impl Drop for MadeBeside {
    fn drop(&mut self) {
        // the thread notices that nobody listens
        self.next = None;
        if let Some(thread) = self.thread.take() {
            _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images(n: usize) -> Arc<Images> {
        let pixels = (0..n * 12).map(|k| (k * 7 % 251) as u8).collect();
        Arc::new(Images::new(pixels, (0..n).map(|k| (k % 3) as u16).collect(), [3, 2, 2], 3).unwrap())
    }

    #[test]
    fn an_epoch_is_a_permutation() {
        let mut epochs = Epochs::new(5, 23, 8);
        assert_eq!(epochs.steps_per_epoch(), 3);
        let mut orders = Vec::new();
        for epoch in 0..4 {
            let order: Vec<u32> = (0..3).flat_map(|k| epochs.indices(3 * epoch + k).to_vec()).collect();
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert!(sorted.into_iter().eq(0..23));
            orders.push(order);
        }
        orders.sort();
        orders.dedup();
        assert_eq!(orders.len(), 4);
        assert_eq!([0, 1, 2, 3].map(|step| epochs.samples_before(step)), [0, 8, 16, 23]);
        assert_eq!(epochs.indices(2).len(), 7);
    }

    #[test]
    fn permutations_are_uniform() {
        let mut epochs = Epochs::new(2, 4, 4);
        let mut counts = std::collections::HashMap::new();
        for epoch in 0..24_000 {
            *counts.entry(epochs.indices(epoch).to_vec()).or_insert(0_u32) += 1;
        }
        assert_eq!(counts.len(), 24);
        let chi2: f64 = counts.values().map(|&c| (f64::from(c) - 1e3) * (f64::from(c) - 1e3) / 1e3).sum();
        assert!(chi2 < 60.0, "chi2 = {chi2}"); // p = 4e-5 at 23 degrees of freedom
    }

    #[test]
    fn any_step_at_any_time() {
        let mut in_order = Batches::new(images(23), 5, 8, Some(Augment::published(9)));
        let mut jumping = in_order.clone();
        let (mut a, mut b) = (Batch::default(), Batch::default());
        let all: Vec<Batch> = (0..12).map(|step| (in_order.fill(step, &mut a), a.clone()).1).collect();
        for step in [11, 2, 7, 0, 3] {
            jumping.fill(step, &mut b);
            assert_eq!(b, all[step as usize]);
        }
        // far away, in no time
        jumping.fill(u64::from(u32::MAX) * 1000, &mut b);
        assert_eq!(b.indices.len(), b.labels.len());
    }

    #[test]
    fn a_thread_changes_nothing() {
        let mut inline = Batches::new(images(23), 5, 8, Some(Augment::published(9)));
        let mut expected = Batch::default();
        for ahead in [0, 1, 4] {
            let mut beside = inline.clone().beside(4, ahead);
            let mut batch = Batch::default();
            for step in 4..20 {
                batch = beside.next(batch);
                inline.fill(step, &mut expected);
                assert_eq!(batch, expected);
            }
        }
    }

    #[test]
    fn inputs_are_the_images() {
        let images = images(10);
        let mut batch = Batch::default();
        Batches::new(Arc::clone(&images), 1, 4, None).fill(2, &mut batch);
        assert_eq!(batch.indices.len(), 2);
        for (k, input) in batch.indices.iter().zip(batch.inputs.chunks_exact(12)) {
            let bytes: Vec<u8> = input.iter().map(|v| (v * 255.0).round() as u8).collect();
            assert_eq!(bytes, images.image(*k as usize));
            assert!(input.iter().all(|v| (0.0..=1.0).contains(v)));
        }
        let labels: Vec<u16> = batch.indices.iter().map(|k| images.labels()[*k as usize]).collect();
        assert_eq!(batch.labels, labels);
    }
}
