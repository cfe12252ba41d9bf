//! NumPy's legacy random stream (`numpy.random.seed`, `randn`, `randint`), bit for bit.

use super::glibc_log;

const N: usize = 624;
const M: usize = 397;

/// The Mersenne Twister MT19937 as NumPy's legacy `RandomState` seeds and reads it.
///
/// Source: Matsumoto and Nishimura, ACM TOMACS 8 (1998); NumPy's `RandomState` is frozen, so this stream is too.
///
/// ```
/// let mut stream = stepwell::rng::NumpyLegacy::new(0);
/// assert_eq!(stream.normal(), 1.764052345967664);
/// ```
#[derive(Clone, Debug)]
pub struct NumpyLegacy {
    state: [u32; N],
    next: usize,
    cached_normal: Option<f64>,
}

impl NumpyLegacy {
    /// The stream after `numpy.random.seed(seed)`.
    pub fn new(seed: u32) -> Self {
        let mut state = [seed; N];
        for i in 1..N {
            let previous = state[i - 1];
            state[i] = 1_812_433_253_u32.wrapping_mul(previous ^ (previous >> 30)).wrapping_add(i as u32);
        }
        Self { state, next: N, cached_normal: None }
    }

    /// Where the stream stands: its 624 words, which of them comes next, and the bits of the normal that is kept, if any.
    pub fn position(&self) -> Vec<u64> {
        let words = self.state.iter().map(|word| u64::from(*word)).chain([self.next as u64]);
        words.chain(self.cached_normal.map(f64::to_bits)).collect()
    }

    /// Goes to a [`NumpyLegacy::position`]; false, with nothing changed, if it is none.
    pub fn seek(&mut self, position: &[u64]) -> bool {
        let Some((state, [next, normal @ ..])) = position.split_at_checked(N) else { return false };
        let words: Vec<u32> = state.iter().filter_map(|word| u32::try_from(*word).ok()).collect();
        let (Ok(state), true) = (words.try_into(), *next <= N as u64 && normal.len() <= 1) else { return false };
        *self = Self { state, next: *next as usize, cached_normal: normal.first().map(|bits| f64::from_bits(*bits)) };
        true
    }

    fn refill(&mut self) {
        let s = &mut self.state;
        // without remainders, so that they are no divisions
        for k in 0..N - M {
            s[k] = s[k + M] ^ twist(s[k], s[k + 1]);
        }
        for k in N - M..N - 1 {
            s[k] = s[k + M - N] ^ twist(s[k], s[k + 1]);
        }
        s[N - 1] = s[M - 1] ^ twist(s[N - 1], s[0]);
        self.next = 0;
    }

    /// The next 32 tempered bits.
    #[inline]
    pub fn next_u32(&mut self) -> u32 {
        if self.next == N {
            self.refill();
        }
        let mut y = self.state[self.next];
        self.next += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c_5680;
        y ^= (y << 15) & 0xefc6_0000;
        y ^ (y >> 18)
    }

    /// `random_sample()`: uniform on `[0, 1)` with 53 bits.
    pub fn uniform(&mut self) -> f64 {
        let high = f64::from(self.next_u32() >> 5);
        let low = f64::from(self.next_u32() >> 6);
        (high * 67_108_864.0 + low) / 9_007_199_254_740_992.0
    }

    /// `randn()`: Marsaglia's polar method; the second value of each pair is kept for the next call.
    pub fn normal(&mut self) -> f64 {
        if let Some(z) = self.cached_normal.take() {
            return z;
        }
        loop {
            let a = 2.0 * self.uniform() - 1.0;
            let b = 2.0 * self.uniform() - 1.0;
            let r2 = a * a + b * b;
            if r2 < 1.0 && r2 != 0.0 {
                let scale = (-2.0 * glibc_log::log(r2) / r2).sqrt();
                self.cached_normal = Some(scale * a);
                return scale * b;
            }
        }
    }

    /// `randint(n)`: uniform on `0..n` by rejection under the smallest bit mask that covers `n - 1`.
    ///
    /// `n` must be positive; for `n = 1` no bits are drawn, as in NumPy.
    #[inline]
    pub fn below(&mut self, n: u32) -> u32 {
        let largest = n.saturating_sub(1);
        if largest == 0 {
            return 0;
        }
        let mask = u32::MAX >> largest.leading_zeros();
        loop {
            let candidate = self.next_u32() & mask;
            if candidate <= largest {
                return candidate;
            }
        }
    }
}

/// What the top bit of `a` and the other bits of `b` add to a later word.
fn twist(a: u32, b: u32) -> u32 {
    let y = (a & 0x8000_0000) | (b & 0x7fff_ffff);
    (y >> 1) ^ ((y & 1) * 0x9908_b0df)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(values: impl Iterator<Item = u64>) -> u64 {
        values.fold(0xcbf2_9ce4_8422_2325, |h, v| (h ^ v).wrapping_mul(0x0000_0100_0000_01b3))
    }

    #[test]
    fn normals_equal_numpy() {
        // numpy 2.x: np.random.seed(0); np.random.randn(216000), hashed as below over the bit patterns
        let mut stream = NumpyLegacy::new(0);
        assert_eq!(fingerprint((0..216_000).map(|_| stream.normal().to_bits())), NORMALS_SEED_0);
    }

    #[test]
    fn integers_equal_numpy() {
        // np.random.seed(1); [np.random.randint(80) for _ in range(100001)]
        let mut stream = NumpyLegacy::new(1);
        let first: Vec<u32> = (0..10).map(|_| stream.below(80)).collect();
        assert_eq!(first, [37, 12, 72, 9, 75, 5, 79, 64, 16, 1]);
        let mut stream = NumpyLegacy::new(1);
        assert_eq!(fingerprint((0..100_001).map(|_| u64::from(stream.below(80)))), INTEGERS_SEED_1);
    }

    #[test]
    fn a_position_is_all_it_is() {
        let mut stream = NumpyLegacy::new(3);
        for _ in 0..701 {
            stream.normal();
        }
        let mut other = NumpyLegacy::new(4);
        assert!(other.seek(&stream.position()));
        for _ in 0..2000 {
            assert_eq!(stream.normal().to_bits(), other.normal().to_bits());
        }
        assert!(!other.seek(&[1, 2]) && !other.seek(&[u64::MAX; N + 1]) && !other.seek(&[N as u64 + 1; N + 1]));
    }

    const NORMALS_SEED_0: u64 = 0x9b9f_2ab1_6413_6771;
    const INTEGERS_SEED_1: u64 = 0x1188_f46e_b9d2_1df9;
}
