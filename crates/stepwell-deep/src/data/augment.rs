//! Random crops and flips.

use stepwell::rng::{Purpose, Stream};

use super::Images;

/// Words of the stream that one image takes: row, column, flip.
const WORDS: u64 = 3;

/// A random crop of the image in a black frame of `padding` pixels, and a horizontal flip half of the time.
///
/// What happens to a sample depends on the seed and on how many samples were drawn before it, nothing else.
#[derive(Clone, Debug)]
pub struct Augment {
    padding: usize,
    flip: bool,
    stream: Stream,
}

impl Augment {
    /// Crops from a frame of `padding` pixels; with or without flips.
    pub fn new(seed: u64, padding: usize, flip: bool) -> Self {
        Self { padding, flip, stream: Stream::new(seed, Purpose::Augment) }
    }

    /// The published one: a crop with padding 4 and a flip.
    pub fn published(seed: u64) -> Self {
        Self::new(seed, 4, true)
    }

    /// Image `k` as the sample number `sample` of the whole training, as numbers in `[0, 1]`, into `out` of C x H x W.
    pub fn input(&mut self, images: &Images, k: usize, sample: u64, out: &mut [f32]) {
        self.stream.seek(sample.wrapping_mul(WORDS));
        let offsets = 2 * self.padding as u32 + 1;
        let (row, column) = (self.stream.below(offsets) as usize, self.stream.below(offsets) as usize);
        let flip = self.flip && self.stream.below(2) == 1;
        let [_, height, width] = images.shape();
        let plane = height * width;
        for (out, plane) in out.chunks_exact_mut(plane).zip(images.image(k).chunks_exact(plane)) {
            for (y, out) in out.chunks_exact_mut(width).enumerate() {
                let Some(from) = (y + row).checked_sub(self.padding).filter(|y| *y < height) else {
                    out.fill(0.0);
                    continue;
                };
                crop_row(&plane[from * width..][..width], column, self.padding, out);
                if flip {
                    out.reverse();
                }
            }
        }
    }
}

/// `out[x] = row[x + column - padding] / 255`, black outside.
fn crop_row(row: &[u8], column: usize, padding: usize, out: &mut [f32]) {
    for (x, out) in out.iter_mut().enumerate() {
        let from = (x + column).checked_sub(padding).and_then(|x| row.get(x));
        *out = from.map_or(0.0, |byte| f32::from(*byte) / 255.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One image of distinct, non-zero bytes.
    fn image() -> Images {
        Images::new((1..=2 * 6 * 5).collect(), vec![0], [2, 6, 5], 1).unwrap()
    }

    /// The crop at (row, column), flipped or not, by its definition.
    fn crop(images: &Images, padding: usize, row: usize, column: usize, flip: bool) -> Vec<f32> {
        let [channels, height, width] = images.shape();
        let mut out = Vec::new();
        for (c, y, x) in (0..channels).flat_map(|c| (0..height).flat_map(move |y| (0..width).map(move |x| (c, y, x)))) {
            let x = if flip { width - 1 - x } else { x };
            let (y, x) = ((y + row) as isize - padding as isize, (x + column) as isize - padding as isize);
            let inside = (0..height as isize).contains(&y) && (0..width as isize).contains(&x);
            let at = (c * height * width) as isize + y * width as isize + x;
            out.push(if inside { f32::from(images.image(0)[at as usize]) / 255.0 } else { 0.0 });
        }
        out
    }

    #[test]
    fn every_crop_and_flip_is_drawn_as_often() {
        let images = image();
        let padding = 2;
        let mut augment = Augment::new(1, padding, true);
        let mut counts = [0_u32; 50];
        let mut out = vec![0.0; 60];
        for sample in 0..20_000 {
            augment.input(&images, 0, sample, &mut out);
            let which = (0..50).find(|k| out == crop(&images, padding, k / 10, k / 2 % 5, k % 2 == 1));
            counts[which.expect("a crop of the image")] += 1;
        }
        let chi2: f64 = counts.iter().map(|&c| (f64::from(c) - 400.0) * (f64::from(c) - 400.0) / 400.0).sum();
        assert!(chi2 < 100.0, "chi2 = {chi2}"); // p = 2e-5 at 49 degrees of freedom
    }

    #[test]
    fn a_sample_does_not_depend_on_those_before() {
        let images = image();
        let (mut one, mut other) = (Augment::published(7), Augment::published(7));
        let (mut a, mut b) = (vec![0.0; 60], vec![0.0; 60]);
        for sample in 0..40 {
            one.input(&images, 0, sample, &mut a);
        }
        other.input(&images, 0, 39, &mut b);
        assert_eq!(a, b);
    }

    #[test]
    fn without_padding_and_flips_nothing_changes() {
        let (images, mut out, mut plain) = (image(), vec![9.0; 60], vec![9.0; 60]);
        Augment::new(1, 0, false).input(&images, 0, 5, &mut out);
        images.input(0, &mut plain);
        assert_eq!(out, plain);
    }
}
