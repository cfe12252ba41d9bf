//! Damaged input for tests of parsers.

use stepwell::rng::{Purpose, Stream};

/// `count` copies of `good`, each damaged at one to three places: bytes changed, inserted, doubled, left out, or the
/// rest cut off.
pub fn mutations(good: &[u8], count: u64, seed: u64) -> impl Iterator<Item = Vec<u8>> + use<'_> {
    (0..count).map(move |k| {
        let mut stream = Stream::new(seed ^ (k << 8), Purpose::Data);
        let mut bytes = good.to_vec();
        for _ in 0..=stream.below(3) {
            if bytes.is_empty() {
                break;
            }
            let at = stream.below(bytes.len() as u32) as usize;
            let far = (at + 1 + stream.below(12) as usize).min(bytes.len());
            match stream.below(7) {
                0 => bytes[at] = stream.below(256) as u8,
                1 => bytes[at] ^= 1 << stream.below(8),
                2 => bytes.insert(at, b"0-9.\"[]{}=\n\xc3'"[stream.below(13) as usize]),
                3 => bytes[at] = b"0-9.\"[]{}=\n\xff'"[stream.below(13) as usize],
                4 => drop(bytes.drain(at..far)),
                5 => bytes.extend_from_within(at..far),
                _ => bytes.truncate(at),
            }
        }
        bytes
    })
}
