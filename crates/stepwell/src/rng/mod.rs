//! Random streams: our own counter-based ones, named by what they are for, and NumPy's legacy stream.

mod glibc_log;
mod normals;
mod numpy_legacy;

pub use normals::Normals;
pub use numpy_legacy::NumpyLegacy;

use chacha20::ChaCha8Rng;
use chacha20::rand_core::{Rng, SeedableRng};

/// What a random stream is for. Each purpose has its own stream, so that drawing more of one leaves the others alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Drawing a data set.
    Data = 0,
    /// Drawing initial parameters.
    Init = 1,
    /// Choosing the samples of a batch.
    Batch = 2,
    /// Noise of a stochastic differential equation.
    Noise = 3,
    /// Randomness of a probe, which must not disturb the run.
    Probe = 4,
    /// Changing images before a network sees them.
    Augment = 5,
}

/// A ChaCha8 stream for one seed and one [`Purpose`], with a position that can be read and set in O(1).
///
/// Each draw takes a fixed number of 64-bit words (uniform and integer: one, normal: two for two), so that the position
/// of the k-th draw is known without drawing the ones before it.
///
/// ```
/// use stepwell::rng::{Purpose, Stream};
/// let mut a = Stream::new(7, Purpose::Data);
/// let mut b = a.clone();
/// a.word(); a.word();
/// b.seek(2);
/// assert_eq!(a.word(), b.word());
/// ```
#[derive(Debug)]
pub struct Stream {
    key: [u8; 32],
    purpose: Purpose,
    generator: ChaCha8Rng,
    cached_normal: Option<f64>,
}

impl Stream {
    /// The stream of `seed` for `purpose`, at position 0.
    pub fn new(seed: u64, purpose: Purpose) -> Self {
        let mut key = [0_u8; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(b"stepwell");
        Self { key, purpose, generator: generator(key, purpose), cached_normal: None }
    }

    /// Moves to the word with the given number, counted from 0.
    pub fn seek(&mut self, word: u64) {
        self.generator.set_word_pos(u128::from(word) * 2);
        self.cached_normal = None;
    }

    /// The number of the word that comes next.
    pub fn position(&self) -> u64 {
        (self.generator.get_word_pos() / 2) as u64
    }

    /// The next 64 random bits.
    #[inline]
    pub fn word(&mut self) -> u64 {
        self.generator.next_u64()
    }

    /// Uniform on `[0, 1)` with 53 bits.
    pub fn uniform(&mut self) -> f64 {
        (self.word() >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
    }

    /// Uniform on `0..n` (bias at most `n / 2^64`, so that every draw takes exactly one word).
    #[inline]
    pub fn below(&mut self, n: u32) -> u32 {
        ((u128::from(self.word()) * u128::from(n)) >> 64) as u32
    }

    /// Standard normal by Box and Muller's transform.
    pub fn normal(&mut self) -> f64 {
        if let Some(z) = self.cached_normal.take() {
            return z;
        }
        let radius = (-2.0 * libm::log(1.0 - self.uniform())).sqrt();
        let angle = core::f64::consts::TAU * self.uniform();
        self.cached_normal = Some(radius * libm::sin(angle));
        radius * libm::cos(angle)
    }
}

fn generator(key: [u8; 32], purpose: Purpose) -> ChaCha8Rng {
    let mut generator = ChaCha8Rng::from_seed(key);
    generator.set_stream(purpose as u64);
    generator
}

/// The generator has no `Clone`, but a key, a stream and a position are all it is.
impl Clone for Stream {
    fn clone(&self) -> Self {
        let mut generator = generator(self.key, self.purpose);
        generator.set_word_pos(self.generator.get_word_pos());
        Self { generator, ..*self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_stable() {
        // The first word of each stream of seed 1. A change here changes every published result.
        let words: Vec<u64> = ALL.map(|purpose| Stream::new(1, purpose).word()).to_vec();
        let mut distinct = words.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), 6);
        assert_eq!(words[0], FIRST_DATA_WORD);
    }

    #[test]
    fn normals_have_the_moments_of_a_normal() {
        let mut stream = Stream::new(3, Purpose::Data);
        let n = 100_000;
        let z: Vec<f64> = (0..n).map(|_| stream.normal()).collect();
        let mean = z.iter().sum::<f64>() / f64::from(n);
        let second = z.iter().map(|z| z * z).sum::<f64>() / f64::from(n);
        let fourth = z.iter().map(|z| z * z * z * z).sum::<f64>() / f64::from(n);
        // five standard errors each
        assert!(mean.abs() < 5.0 / 316.0 && (second - 1.0).abs() < 5.0 * 1.42 / 316.0);
        assert!((fourth - 3.0).abs() < 5.0 * 9.8 / 316.0);
    }

    #[test]
    fn integers_cover_their_range_evenly() {
        let mut stream = Stream::new(3, Purpose::Batch);
        let mut counts = [0_u32; 7];
        for _ in 0..70_000 {
            counts[stream.below(7) as usize] += 1;
        }
        let chi2: f64 = counts.iter().map(|&c| (f64::from(c) - 1e4) * (f64::from(c) - 1e4) / 1e4).sum();
        assert!(chi2 < 30.0, "chi2 = {chi2}"); // p = 4e-5 at six degrees of freedom
    }

    const ALL: [Purpose; 6] =
        [Purpose::Data, Purpose::Init, Purpose::Batch, Purpose::Noise, Purpose::Probe, Purpose::Augment];
    const FIRST_DATA_WORD: u64 = 5_406_025_809_820_022_219;
}
