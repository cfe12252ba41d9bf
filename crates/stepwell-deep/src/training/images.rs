//! The images of a training: subsets, halved, some labels flipped.

use std::sync::Arc;

use stepwell::rng::{Purpose, Stream};

use super::TrainingError;
use super::spec::TrainingSpec;
use crate::data::catalog::Catalog;
use crate::data::{Images, Part};

/// Training and test images.
#[derive(Clone, Debug)]
pub struct TrainingImages {
    /// What is trained on, flipped labels included.
    pub train: Arc<Images>,
    /// What is held out.
    pub test: Arc<Images>,
}

impl TrainingImages {
    /// Reads the images of a spec.
    ///
    /// # Errors
    /// If the data set is not found, damaged or not what is expected.
    pub fn load(spec: &TrainingSpec, catalog: &Catalog) -> Result<Self, TrainingError> {
        let found = catalog.find(spec.data_set()?)?;
        Ok(Self::prepare(spec, found.load(Part::Train)?, found.load(Part::Test)?))
    }

    /// The images of a spec from those of the whole data set: subsets at random, halved, labels flipped.
    pub fn prepare(spec: &TrainingSpec, train: Images, test: Images) -> Self {
        let part = |images: Images, count: Option<usize>| {
            let images = images.subset(count.unwrap_or(images.len()), spec.seed);
            if spec.data.halved { images.halved() } else { images }
        };
        let train = with_flipped_labels(part(train, spec.data.train), spec.data.label_noise, spec.seed);
        Self { train: Arc::new(train), test: Arc::new(part(test, spec.data.test)) }
    }
}

/// Each label is replaced with probability `share` by one of the other classes, each alike. Image k takes words 2k and
/// 2k + 1 of the noise stream.
fn with_flipped_labels(images: Images, share: f64, seed: u64) -> Images {
    let classes = images.classes() as u32;
    if share == 0.0 || classes < 2 {
        return images;
    }
    let mut stream = Stream::new(seed, Purpose::Noise);
    let flip = |label: &u16| {
        let (chosen, by) = (stream.uniform() < share, 1 + stream.below(classes - 1));
        if chosen { ((u32::from(*label) + by) % classes) as u16 } else { *label }
    };
    let labels = images.labels().iter().map(flip).collect();
    Images::new(images.pixels().to_vec(), labels, images.shape(), images.classes()).expect("labels stay below classes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flipped_labels_are_other_classes_in_the_share_asked_for() {
        let n = 20_000;
        let images = Images::new(vec![0; n], (0..n).map(|k| (k % 5) as u16).collect(), [1, 1, 1], 5).unwrap();
        let noisy = with_flipped_labels(images.clone(), 0.3, 7);
        let mut by = [0_u32; 5];
        for (a, b) in images.labels().iter().zip(noisy.labels()) {
            by[usize::from((b + 5 - a) % 5)] += 1;
        }
        // five standard deviations of the binomial law
        assert!((f64::from(by[0]) - 14_000.0).abs() < 5.0 * 65.0, "{by:?}");
        assert!(by[1..].iter().all(|count| (f64::from(*count) - 1500.0).abs() < 5.0 * 37.3), "{by:?}");
        assert_eq!(noisy, with_flipped_labels(images.clone(), 0.3, 7));
        assert_ne!(noisy, with_flipped_labels(images.clone(), 0.3, 8));
        let all = with_flipped_labels(images.clone(), 1.0, 7);
        assert!(images.labels().iter().zip(all.labels()).all(|(a, b)| a != b));
        assert_eq!(with_flipped_labels(images.clone(), 0.0, 7), images);
    }
}
