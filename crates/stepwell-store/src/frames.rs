//! Containers one after the other in a file that only grows: each in a frame, which is its length as a little-endian `u64` and its
//! bytes.

use stepwell::container::Container;

use crate::container::{from_bytes, to_bytes};
use crate::error::StoreError;

/// How each container begins, behind the length of its header.
const BEGINNING: &[u8] = br#"{"__metadata__":{"stepwell":"sha256:"#;
/// Bytes of a length.
const WORD: usize = size_of::<u64>();

/// The frame of a container.
pub fn frame_of(container: &Container) -> Result<Vec<u8>, StoreError> {
    let bytes = to_bytes(container)?;
    Ok([&(bytes.len() as u64).to_le_bytes()[..], &bytes].concat())
}

/// The containers of all sound frames, and where the last of these ends. Damaged ones between them are skipped.
pub fn frames(bytes: &[u8]) -> (Vec<Container>, usize) {
    let (mut found, mut whole, mut at) = (Vec::new(), 0, Some(0));
    while let Some(from) = at {
        if let Some((container, to)) = frame(bytes, from) {
            found.push(container);
            (whole, at) = (to, Some(to));
        } else {
            at = next_frame(bytes, from + 1);
        }
    }
    (found, whole)
}

/// The container in the frame at a place, and where that ends.
fn frame(bytes: &[u8], from: usize) -> Option<(Container, usize)> {
    let length = u64::from_le_bytes(bytes.get(from..from + WORD)?.try_into().ok()?);
    let to = (from + WORD).checked_add(usize::try_from(length).ok()?)?;
    Some((from_bytes(bytes.get(from + WORD..to)?).ok()?, to))
}

/// Where the first frame at a place or behind it begins: two lengths before the beginning of a container.
pub fn next_frame(bytes: &[u8], from: usize) -> Option<usize> {
    let behind = bytes.get(from + 2 * WORD..)?;
    Some(from + behind.windows(BEGINNING.len()).position(|window| window == BEGINNING)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three containers, their bytes, and where their frames begin.
    fn three() -> ([Container; 3], Vec<u8>, [usize; 4]) {
        let containers = [1.0, 2.0, 3.0].map(|value| {
            let mut container = Container::default();
            container.say("run", value);
            container.numbers("theta", &[value; 3]);
            container
        });
        let (mut bytes, mut starts) = (Vec::new(), [0; 4]);
        for (k, container) in containers.iter().enumerate() {
            bytes.extend(frame_of(container).unwrap());
            starts[k + 1] = bytes.len();
        }
        (containers, bytes, starts)
    }

    #[test]
    fn what_is_whole_comes_back_wherever_the_rest_is_cut() {
        let (containers, bytes, starts) = three();
        assert_eq!(frames(&bytes), (containers.to_vec(), bytes.len()));
        assert_eq!(starts.map(|at| next_frame(&bytes, at)), [Some(0), Some(starts[1]), Some(starts[2]), None]);
        for cut in starts[2]..bytes.len() {
            assert_eq!(frames(&bytes[..cut]), (containers[..2].to_vec(), starts[2]), "cut at {cut}");
        }
    }

    #[test]
    fn a_damaged_frame_is_skipped_wherever_it_is_damaged() {
        let (containers, bytes, starts) = three();
        let others = [containers[0].clone(), containers[2].clone()];
        for at in starts[1]..starts[2] {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << bit;
                assert_eq!(frames(&damaged), (others.to_vec(), bytes.len()), "bit {bit} of byte {at}");
            }
        }
    }
}
