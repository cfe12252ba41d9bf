//! Labeled images in memory, one byte per pixel and channel.

use stepwell::rng::{Purpose, Stream};

use super::DataError;

/// What a part of a data set is expected to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Number of images.
    pub images: usize,
    /// Channels of each: 1 (gray) or 3 (red, green, blue).
    pub channels: usize,
    /// Rows of each.
    pub height: usize,
    /// Columns of each.
    pub width: usize,
    /// Number of classes; labels are below it.
    pub classes: usize,
    /// Whether every class has the same number of images.
    pub balanced: bool,
}

impl Expected {
    /// Bytes of one image.
    pub fn image_bytes(&self) -> usize {
        self.channels * self.height * self.width
    }

    /// Images of these pixels and labels, if they are as expected.
    ///
    /// # Errors
    /// If counts or shapes differ, a label is no class, or the classes are not balanced though they should be.
    pub fn images_of(&self, pixels: Vec<u8>, labels: Vec<u16>, place: &str) -> Result<Images, DataError> {
        if labels.len() != self.images {
            return Err(DataError::wrong(place, format!("{} images, expected {}", labels.len(), self.images)));
        }
        let images = Images::new(pixels, labels, [self.channels, self.height, self.width], self.classes)
            .map_err(|why| DataError::wrong(place, why))?;
        if self.balanced {
            let share = self.images / self.classes;
            if let Some((class, count)) = images.class_counts().into_iter().enumerate().find(|(_, n)| *n != share) {
                return Err(DataError::wrong(
                    place,
                    format!(
                        "{count} images of class {class}, expected {share} of each: its labels are damaged or those of \
                         other images; get it again"
                    ),
                ));
            }
        }
        Ok(images)
    }
}

/// Labeled images, N x C x H x W.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Images {
    pixels: Vec<u8>,
    labels: Vec<u16>,
    channels: usize,
    height: usize,
    width: usize,
    classes: usize,
}

impl Images {
    /// Images of `shape` = `[channels, height, width]`; `pixels` are N x C x H x W, 0 is black.
    ///
    /// # Errors
    /// A message if a dimension is 0, the number of pixels is not that of the labels, or a label is not below `classes`.
    pub fn new(pixels: Vec<u8>, labels: Vec<u16>, shape: [usize; 3], classes: usize) -> Result<Self, String> {
        let [channels, height, width] = shape;
        let bytes = shape.iter().try_fold(labels.len(), |bytes, k| bytes.checked_mul(*k));
        if shape.contains(&0) || bytes != Some(pixels.len()) {
            return Err(format!(
                "{} bytes of pixels for {} images of {channels} x {height} x {width}",
                pixels.len(),
                labels.len()
            ));
        }
        if let Some(k) = labels.iter().position(|label| usize::from(*label) >= classes) {
            return Err(format!("image {k} has the label {}, expected 0 to {}", labels[k], classes.saturating_sub(1)));
        }
        Ok(Self { pixels, labels, channels, height, width, classes })
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// `[channels, height, width]` of each image.
    pub fn shape(&self) -> [usize; 3] {
        [self.channels, self.height, self.width]
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Label of each image, below [`Images::classes`].
    pub fn labels(&self) -> &[u16] {
        &self.labels
    }

    /// All pixels, N x C x H x W.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// Pixels of image `k`, C x H x W.
    pub fn image(&self, k: usize) -> &[u8] {
        let size = self.channels * self.height * self.width;
        &self.pixels[k * size..(k + 1) * size]
    }

    /// How many images each class has.
    pub fn class_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.classes];
        for label in &self.labels {
            counts[usize::from(*label)] += 1;
        }
        counts
    }

    /// The first `count` images, all of them if there are fewer.
    pub fn first(&self, count: usize) -> Self {
        self.chosen(0..count.min(self.len()))
    }

    /// `count` images at random without replacement, all of them (in random order) if there are fewer: the first places
    /// of a Fisher-Yates shuffle by the data stream of `seed`.
    pub fn subset(&self, count: usize, seed: u64) -> Self {
        let mut stream = Stream::new(seed, Purpose::Data);
        let mut order: Vec<usize> = (0..self.len()).collect();
        let count = count.min(self.len());
        for k in 0..count {
            order.swap(k, k + stream.below((self.len() - k) as u32) as usize);
        }
        self.chosen(order[..count].iter().copied())
    }

    fn chosen(&self, order: impl Iterator<Item = usize> + Clone) -> Self {
        let pixels = order.clone().flat_map(|k| self.image(k)).copied().collect();
        let labels = order.map(|k| self.labels[k]).collect();
        Self { pixels, labels, ..*self }
    }

    /// Images of half the height and width: each pixel is the mean of a 2 x 2 square, rounded to the nearest byte (half
    /// up), so at most 1/510 of the range off. An odd last row or column is dropped.
    pub fn halved(&self) -> Self {
        let (height, width) = (self.height / 2, self.width / 2);
        let mut pixels = Vec::with_capacity(self.len() * self.channels * height * width);
        for plane in self.pixels.chunks_exact(self.height * self.width) {
            for rows in plane.chunks_exact(2 * self.width) {
                let (upper, lower) = rows.split_at(self.width);
                for (a, b) in upper.chunks_exact(2).zip(lower.chunks_exact(2)) {
                    let sum = u16::from(a[0]) + u16::from(a[1]) + u16::from(b[0]) + u16::from(b[1]);
                    pixels.push(((sum + 2) / 4) as u8);
                }
            }
        }
        Self { pixels, labels: self.labels.clone(), height, width, ..*self }
    }

    /// Image `k` as numbers in `[0, 1]` (byte / 255), into `out` of C x H x W.
    pub fn input(&self, k: usize, out: &mut [f32]) {
        for (out, byte) in out.iter_mut().zip(self.image(k)) {
            *out = f32::from(*byte) / 255.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(count: usize) -> Images {
        let pixels = (0..count * 16).map(|k| k as u8).collect();
        Images::new(pixels, (0..count as u16).collect(), [1, 4, 4], count).unwrap()
    }

    #[test]
    fn halving_takes_means_of_squares() {
        // image 0 holds 0..16 row by row; the means of its squares end in .5 and are rounded up
        let halved = ramp(2).halved();
        assert_eq!(halved.shape(), [1, 2, 2]);
        assert_eq!(halved.image(0), [3, 5, 11, 13]);
        assert_eq!(halved.image(1), [19, 21, 27, 29]);
        let odd = Images::new((0..9).collect(), vec![0], [1, 3, 3], 1).unwrap().halved();
        assert_eq!((odd.shape(), odd.image(0)), ([1, 1, 1], &[2_u8][..]));
    }

    #[test]
    fn subsets_keep_images_with_their_labels() {
        let images = ramp(12);
        let subset = images.subset(7, 3);
        let mut labels = subset.labels().to_vec();
        for k in 0..7 {
            assert_eq!(subset.image(k), images.image(usize::from(labels[k])));
        }
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(labels.len(), 7);
        assert_eq!(subset, images.subset(7, 3));
        assert_ne!(subset, images.subset(7, 4));
        // a longer subset of the same seed begins with the shorter one
        assert_eq!(images.subset(9, 3).first(7), subset);
        assert_eq!(images.first(99), images);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(Images::new(vec![0; 15], vec![0], [1, 4, 4], 1).unwrap_err().contains("15 bytes"));
        assert!(Images::new(vec![], vec![], [1, 0, 4], 1).is_err());
        assert!(Images::new(vec![], vec![1], [usize::MAX, 2, 4], 2).is_err());
        let why = Images::new(vec![0; 32], vec![0, 7], [1, 4, 4], 7).unwrap_err();
        assert_eq!(why, "image 1 has the label 7, expected 0 to 6");
    }

    #[test]
    fn unbalanced_classes_are_found() {
        let expected = Expected { images: 4, channels: 1, height: 1, width: 1, classes: 2, balanced: true };
        assert!(expected.images_of(vec![0; 4], vec![0, 1, 1, 0], "x").is_ok());
        let error = expected.images_of(vec![0; 4], vec![0, 1, 1, 1], "x").unwrap_err();
        assert!(error.to_string().starts_with("x: 1 images of class 0, expected 2 of each"), "{error}");
        assert!(expected.images_of(vec![0; 3], vec![0, 1, 1], "x").unwrap_err().to_string().contains("expected 4"));
    }
}
