//! Standard normals of which each is a function of one word of a stream: any of them can be had in O(1).

use std::sync::LazyLock;

use super::{Purpose, Stream};

const LAYERS: usize = 256;
/// Where the tail begins, for 256 layers of equal area.
const TAIL: f64 = 3.654_152_885_361_009;

/// Right ends of the layers, widest (the base strip with the tail) first, 0 last.
struct Layers {
    x: [f64; LAYERS + 1],
    density: [f64; LAYERS + 1],
}

fn density(x: f64) -> f64 {
    libm::exp(-0.5 * x * x)
}

/// Layers of equal area under `exp(-x^2/2)`: the base strip is the rectangle up to the tail and the tail itself.
fn layers() -> Layers {
    let tail_area = (core::f64::consts::FRAC_PI_2).sqrt() * libm::erfc(TAIL * core::f64::consts::FRAC_1_SQRT_2);
    let area = TAIL * density(TAIL) + tail_area;
    let mut x = [0.0; LAYERS + 1];
    (x[0], x[1]) = (area / density(TAIL), TAIL);
    for k in 2..LAYERS {
        x[k] = (-2.0 * libm::log(area / x[k - 1] + density(x[k - 1]))).sqrt();
    }
    Layers { x, density: x.map(density) }
}

static ZIGGURAT: LazyLock<Layers> = LazyLock::new(layers);

/// The normal that belongs to a word of 64 uniform bits, by the ziggurat method: 8 bits choose a layer, the other 56 a
/// place in it. Where this one try is rejected (1.2%), the tries that follow are drawn from a sequence that the word
/// itself seeds, so that the result is a function of the word alone. Source: Marsaglia and Tsang, J. Stat. Softw. 5 (2000),
/// with the bits of layer and place apart (Doornik 2005); the sequence is Steele, Lea and Flood's SplitMix (2014).
#[inline]
fn normal_of(word: u64, table: &Layers) -> f64 {
    match attempt(word, table) {
        Some(z) => z,
        None => retry(word, table),
    }
}

/// The place in the layer if it lies under the next layer's end, where no density is needed: 98.8% of all words.
#[inline(always)]
fn attempt(word: u64, table: &Layers) -> Option<f64> {
    let layer = (word & 0xff) as usize;
    let z = symmetric(word) * table.x[layer];
    (z.abs() < table.x[layer + 1]).then_some(z)
}

/// The upper 56 bits as a number on (-1, 1), symmetric about 0.
#[inline(always)]
fn symmetric(word: u64) -> f64 {
    ((word as i64 >> 8) as f64 + 0.5) * (1.0 / 36_028_797_018_963_968.0)
}

#[cold]
fn retry(word: u64, table: &Layers) -> f64 {
    let (mut state, mut word) = (word, word);
    loop {
        let layer = (word & 0xff) as usize;
        let z = symmetric(word) * table.x[layer];
        if z.abs() < table.x[layer + 1] {
            return z;
        }
        if layer == 0 {
            return tail(&mut state).copysign(z);
        }
        let (low, high) = (table.density[layer], table.density[layer + 1]);
        if low + uniform(&mut state) * (high - low) < density(z) {
            return z;
        }
        word = split_mix(&mut state);
    }
}

/// A normal beyond [`TAIL`]: exponential proposals (Marsaglia 1964).
fn tail(state: &mut u64) -> f64 {
    loop {
        let (x, y) = (-libm::log(uniform(state)) / TAIL, -libm::log(uniform(state)));
        if y + y > x * x {
            return TAIL + x;
        }
    }
}

/// Uniform on (0, 1).
fn uniform(state: &mut u64) -> f64 {
    ((split_mix(state) >> 12) as f64 + 0.5) * (1.0 / 4_503_599_627_370_496.0)
}

fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Independent standard normals; the k-th is a function of seed and k alone.
///
/// ```
/// use stepwell::rng::Normals;
/// let (mut path, mut later) = (Normals::new(7), Normals::new(7));
/// let mut z = [0.0; 10];
/// path.fill(&mut z);
/// later.seek(9);
/// assert_eq!(later.draw(), z[9]);
/// ```
#[derive(Clone, Debug)]
pub struct Normals {
    stream: Stream,
}

impl Normals {
    /// The normals of `seed` for the noise of a stochastic differential equation, from the first one.
    pub fn new(seed: u64) -> Self {
        Self::of(seed, Purpose::Noise)
    }

    /// The normals of `seed` for another purpose.
    pub fn of(seed: u64, purpose: Purpose) -> Self {
        Self { stream: Stream::new(seed, purpose) }
    }

    /// Moves to the normal with number `k`, counted from 0.
    pub fn seek(&mut self, k: u64) {
        self.stream.seek(k);
    }

    /// The number of the normal that comes next.
    pub fn position(&self) -> u64 {
        self.stream.position()
    }

    /// The next normal.
    pub fn draw(&mut self) -> f64 {
        normal_of(self.stream.word(), &ZIGGURAT)
    }

    /// The next `out.len()` normals.
    #[inline]
    pub fn fill(&mut self, out: &mut [f64]) {
        let table = &*ZIGGURAT;
        for z in out {
            *z = normal_of(self.stream.word(), table);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(seed: u64, n: usize) -> Vec<f64> {
        let mut z = vec![0.0; n];
        Normals::new(seed).fill(&mut z);
        z
    }

    /// `P(Z <= x)`.
    fn cumulative(x: f64) -> f64 {
        0.5 * libm::erfc(-x * core::f64::consts::FRAC_1_SQRT_2)
    }

    #[test]
    fn layers_have_equal_area_and_close_at_the_top() {
        let table = layers();
        for k in 1..LAYERS {
            let area = table.x[k] * (table.density[k + 1] - table.density[k]);
            let base = table.x[0] * table.density[1];
            assert!((area / base - 1.0).abs() < 1e-10, "layer {k}: {area} {base}");
        }
    }

    #[test]
    fn any_normal_can_be_had_at_once() {
        let z = sample(5, 5000);
        let mut one = Normals::new(5);
        for k in [4999, 0, 17, 2500, 1] {
            one.seek(k as u64);
            assert_eq!(one.draw().to_bits(), z[k].to_bits());
        }
    }

    /// Hash of the first thousand normals of seed 1. A change here changes every result with noise.
    #[test]
    fn normals_are_stable() {
        let hash = sample(1, 1000)
            .iter()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, z| (hash ^ z.to_bits()).wrapping_mul(0x0100_0000_01b3));
        assert_eq!(hash, FIRST_THOUSAND);
    }

    /// Moments 1 to 8 within five standard errors; `E z^2k = (2k - 1)!!`.
    #[test]
    fn moments() {
        let n = 1_000_000;
        let z = sample(2, n);
        let double_factorial = |k: i32| (1..=k / 2).map(|j| f64::from(2 * j - 1)).product::<f64>();
        for k in 1..=8 {
            let power = |z: f64, k: i32| (0..k).map(|_| z).product::<f64>();
            let mean = z.iter().map(|z| power(*z, k)).sum::<f64>() / n as f64;
            let expected = if k % 2 == 0 { double_factorial(k) } else { 0.0 };
            let error = ((double_factorial(2 * k) - expected * expected) / n as f64).sqrt();
            assert!((mean - expected).abs() < 5.0 * error, "moment {k}: {mean} {expected} +- {error}");
        }
    }

    /// Shares beyond 3, 3.6 (below the tail's begin), 4 and 4.5 within five standard errors, on both sides.
    #[test]
    fn tails() {
        let n = 4_000_000;
        let z = sample(3, n);
        for bound in [3.0, 3.6, TAIL, 4.0, 4.5] {
            for sign in [1.0, -1.0] {
                let expected = n as f64 * cumulative(-bound);
                let found = z.iter().filter(|z| sign * **z > bound).count() as f64;
                assert!((found - expected).abs() < 5.0 * expected.sqrt(), "{sign} {bound}: {found} {expected}");
            }
        }
    }

    /// Kolmogorov and Smirnov's distance of a million: above `1.95 / sqrt(n)` with probability 1e-3.
    #[test]
    fn distribution() {
        let n = 1_000_000;
        let mut z = sample(4, n);
        z.sort_by(f64::total_cmp);
        let distance = z.iter().enumerate().map(|(k, z)| (cumulative(*z) - (k as f64 + 0.5) / n as f64).abs());
        let largest = distance.fold(0.0, f64::max);
        assert!(largest * (n as f64).sqrt() < 1.95, "{largest}");
    }

    /// The rejected words alone, which continue in a sequence of their own, give the rest of the distribution: their
    /// share, and their mean square by layer (wedge and tail).
    #[test]
    fn rejections_are_few_and_unbiased() {
        let table = layers();
        let mut stream = Stream::new(6, Purpose::Noise);
        let rejected: Vec<f64> = (0..4_000_000)
            .map(|_| stream.word())
            .filter(|word| attempt(*word, &table).is_none())
            .map(|word| retry(word, &table))
            .collect();
        let share = rejected.len() as f64 / 4e6;
        // the area outside of the inner rectangles over the area of all layers
        let inner: f64 = (0..LAYERS).map(|k| table.x[k + 1] / table.x[k]).sum::<f64>() / LAYERS as f64;
        assert!((share - (1.0 - inner)).abs() < 5.0 * (share / 4e6).sqrt(), "{share} {inner}");
        let mean = rejected.iter().sum::<f64>() / rejected.len() as f64;
        let second = rejected.iter().map(|z| z * z).sum::<f64>() / rejected.len() as f64;
        assert!(mean.abs() < 5.0 * (second / rejected.len() as f64).sqrt(), "{mean}");
    }

    const FIRST_THOUSAND: u64 = 4_332_474_448_934_921_463;
}
