//! Loss and error of a network on images, in evaluation mode.

use crate::data::Images;
use crate::engine::{Device, Tensor};
use crate::network::weights::values;
use crate::network::{Mode, Network, Weights};

/// Images that are looked at together. Fixed, so that results do not depend on who asks.
pub(crate) const CHUNK: usize = 100;

/// Mean cross-entropy in nats and share of wrong answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evaluation {
    /// Mean cross-entropy.
    pub loss: f64,
    /// Share of images whose largest logit is not their label's.
    pub error: f64,
}

/// Images `from..to`, without augmentation, as a tensor.
pub(crate) fn inputs(network: &Network, images: &Images, from: usize, to: usize, device: &Device) -> Tensor<4> {
    inputs_of(network, images, from..to, device)
}

/// The images of these indices, without augmentation, as a tensor.
pub(crate) fn inputs_of(
    network: &Network,
    images: &Images,
    which: impl ExactSizeIterator<Item = usize>,
    device: &Device,
) -> Tensor<4> {
    let size: usize = images.shape().iter().product();
    let mut pixels = vec![0.0; which.len() * size];
    for (k, out) in which.zip(pixels.chunks_exact_mut(size)) {
        images.input(k, out);
    }
    network.batch(pixels, device)
}

/// The ends of chunks of `0..count`.
pub(crate) fn chunks(count: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..count).step_by(CHUNK).map(move |from| (from, (from + CHUNK).min(count)))
}

/// Loss and error on the first `count` images.
pub fn evaluate(network: &Network, weights: &Weights, images: &Images, count: usize, device: &Device) -> Evaluation {
    let count = count.min(images.len());
    let (mut loss, mut wrong) = (0.0, 0_usize);
    for (from, to) in chunks(count) {
        let (logits, _) = network.logits(weights, inputs(network, images, from, to, device), Mode::Evaluate);
        let (sum, misses) = cross_entropy(&values(logits), &images.labels()[from..to], network.classes());
        loss += sum;
        wrong += misses;
    }
    Evaluation { loss: loss / count as f64, error: wrong as f64 / count as f64 }
}

/// The sum of cross-entropies of logits (samples x classes), and how many samples are classified wrongly.
pub(crate) fn cross_entropy(logits: &[f32], labels: &[u16], classes: usize) -> (f64, usize) {
    let (mut sum, mut wrong) = (0.0, 0);
    for (row, label) in logits.chunks_exact(classes).zip(labels) {
        let own = f64::from(row[usize::from(*label)]);
        let largest = row.iter().fold(f64::NEG_INFINITY, |m, v| m.max(f64::from(*v)));
        let exponentials: f64 = row.iter().map(|v| libm::exp(f64::from(*v) - largest)).sum();
        sum += largest - own + libm::log(exponentials);
        // also wrong if it is NaN or shares the first place with a class before it
        let before = &row[..usize::from(*label)];
        wrong += usize::from(own.is_nan() || own < largest || before.iter().any(|v| f64::from(*v) >= own));
    }
    (sum, wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cross_entropy_of_known_logits() {
        let ln = libm::log;
        let logits = [0.0, ln(3.0) as f32, 1000.0, 0.0, 2.0, 2.0];
        let (sum, wrong) = cross_entropy(&logits, &[1, 0, 1], 2);
        assert!((sum - (ln(4.0 / 3.0) + 0.0 + ln(2.0))).abs() < 1e-7, "{sum}");
        assert_eq!(wrong, 1); // a tie goes to the first class
        let (sum, wrong) = cross_entropy(&[f32::NAN, 0.0], &[0], 2);
        assert!(sum.is_nan() && wrong == 1);
    }
}
