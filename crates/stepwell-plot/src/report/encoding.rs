//! Numbers inside a page: the upper halves of doubles, byte by byte, deflated, in base 64.
//!
//! A value is rounded to the upper 32 of its 64 bits: the whole range of doubles, NaN and infinities as they are, integers
//! up to 2^21 exactly, others to a relative 4.8e-7. The first bytes of all values come
//! first, then the second ones, and so on, which deflates well.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Words that a page carries.
#[derive(Default)]
pub struct Words {
    words: Vec<u32>,
}

impl Words {
    /// Adds values; gives the place of the first.
    pub fn push(&mut self, values: impl IntoIterator<Item = f64>) -> usize {
        let at = self.words.len();
        self.words.extend(values.into_iter().map(upper_half));
        at
    }

    /// All of them as text.
    pub fn to_text(&self) -> String {
        let planes: Vec<u8> =
            [24, 16, 8, 0].iter().flat_map(|shift| self.words.iter().map(move |word| (word >> shift) as u8)).collect();
        STANDARD.encode(miniz_oxide::deflate::compress_to_vec(&planes, 9))
    }
}

/// The upper half of a double, rounded to nearest; a finite value stays finite.
fn upper_half(value: f64) -> u32 {
    let bits = value.to_bits();
    let upper = (bits >> 32) as u32;
    if value.is_nan() {
        return 0x7ff8_0000;
    }
    // only rounding the largest values up would make infinities of them
    let rounded = ((bits + (1 << 31)) >> 32) as u32;
    if value.is_finite() && rounded & 0x7ff0_0000 == 0x7ff0_0000 { upper } else { rounded }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn back(text: &str) -> Vec<f64> {
        let planes = miniz_oxide::inflate::decompress_to_vec(&STANDARD.decode(text).unwrap()).unwrap();
        let n = planes.len() / 4;
        let word = |k: usize| (0..4).fold(0, |word, plane| word << 8 | u64::from(planes[plane * n + k]));
        (0..n).map(|k| f64::from_bits(word(k) << 32)).collect()
    }

    #[test]
    fn special_values_and_integers_survive_and_others_keep_six_digits() {
        let exact = [f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, 1.0, 200.0, 2097151.0, -65536.0];
        let rounded = [1.4216162873995314e-06, 1e300, -1e-300, f64::MAX, f64::MIN_POSITIVE, 0.1];
        let mut words = Words::default();
        assert_eq!(words.push(exact), 0);
        assert_eq!(words.push([f64::NAN]), 8);
        assert_eq!(words.push(rounded), 9);
        let back = back(&words.to_text());
        for (a, b) in exact.iter().zip(&back) {
            assert_eq!(a.to_bits(), b.to_bits());
        }
        assert!(back[8].is_nan());
        for (a, b) in rounded.iter().zip(&back[9..]) {
            assert!(b.is_finite() && (b / a - 1.0).abs() < 4.8e-7, "{a} {b}");
        }
    }
}
