//! The one container on disk: a safetensors file with one SHA-256 over every byte, verified before anything is decoded.
//!
//! All words stand in one entry of the metadata, behind the checksum, whose own digits count as zeros. The same content has the
//! same bytes.

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use stepwell::container::Container;
use stepwell::tensor::{Tensor, Values};

use crate::digest::sha256;
use crate::error::StoreError;

/// The name of the entry.
const ENTRY: &str = "stepwell";
const MARK: &str = "sha256:";
const DIGITS: usize = 64;

/// Why bytes are no sound container.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is damaged: {0}")]
pub struct Damaged(String);

/// The bytes of a container's file.
///
/// # Errors
/// If a name is that of two tensors or has a line feed, or a shape does not fit its values.
pub fn to_bytes(container: &Container) -> Result<Vec<u8>, StoreError> {
    let reserved = |name: &str| name.contains('\n') || name == "__metadata__" || name.is_empty();
    if let Some(bad) = container.tensors.iter().find(|tensor| reserved(&tensor.name)) {
        let why = "expected a name without line feeds, other than `__metadata__`";
        return Err(StoreError::failed(format!("cannot be encoded: a tensor is named {:?}, {why}", bad.name)));
    }
    let fail = |error: safetensors::SafeTensorError| StoreError::failed(format!("cannot be encoded: {error}"));
    let mut names: Vec<&str> = container.tensors.iter().map(|tensor| &*tensor.name).collect();
    names.sort_unstable();
    if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(StoreError::failed(format!("cannot be encoded: two tensors are named {:?}", pair[0])));
    }
    let encoded: Vec<(Dtype, Vec<u8>)> = container.tensors.iter().map(|tensor| encoded(&tensor.values)).collect();
    let mut views = Vec::new();
    for (tensor, (dtype, bytes)) in container.tensors.iter().zip(&encoded) {
        views.push((tensor.name.as_str(), TensorView::new(*dtype, tensor.shape.clone(), bytes).map_err(fail)?));
    }
    let order: Vec<&str> = container.tensors.iter().map(|tensor| tensor.name.as_str()).collect();
    let mut words = format!("{MARK}{}\n{}\n", "0".repeat(DIGITS), escaped(&order.join("\n")));
    for (key, value) in &container.metadata {
        words += &format!("{}={}\n", escaped(key), escaped(value));
    }
    let metadata = std::collections::HashMap::from([(ENTRY.to_string(), words)]);
    let mut bytes = safetensors::serialize(views, Some(metadata)).map_err(fail)?;
    let sum = sha256(&bytes);
    let at = place_of_digits(&bytes).ok_or_else(|| StoreError::failed("no place for the checksum"))?;
    bytes[at..at + DIGITS].copy_from_slice(sum.as_bytes());
    Ok(bytes)
}

/// The container that bytes are.
///
/// # Errors
/// If they are not exactly what was written.
pub fn from_bytes(bytes: &[u8]) -> Result<Container, Damaged> {
    let damaged = |why: &str| Damaged(why.into());
    let at = place_of_digits(bytes).ok_or_else(|| damaged("it has no checksum"))?;
    let mut zeroed = bytes.to_vec();
    zeroed[at..at + DIGITS].fill(b'0');
    if sha256(&zeroed).as_bytes() != &bytes[at..at + DIGITS] {
        return Err(damaged("its checksum differs"));
    }
    let decode = |error: safetensors::SafeTensorError| Damaged(error.to_string());
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(decode)?;
    let words = header.metadata().as_ref().and_then(|map| map.get(ENTRY)).ok_or_else(|| damaged("it has no words"))?;
    let mut lines = words.lines().skip(1);
    let order = unescaped(lines.next().unwrap_or_default());
    let pair = |line: &str| line.split_once('=').map(|(key, value)| (unescaped(key), unescaped(value)));
    let metadata = lines.map(pair).collect::<Option<_>>().ok_or_else(|| damaged("a word without a value"))?;
    let file = SafeTensors::deserialize(bytes).map_err(decode)?;
    let one = |name: &str| {
        let view = file.tensor(name).map_err(decode)?;
        let values = decoded(view.dtype(), view.data()).ok_or_else(|| damaged("numbers of another type"))?;
        Ok(Tensor { name: name.into(), shape: view.shape().to_vec(), values })
    };
    let names = order.split('\n').filter(|_| !file.is_empty());
    Ok(Container { metadata, tensors: names.map(one).collect::<Result<_, _>>()? })
}

/// Where the digits of the checksum stand: behind the first mark, which is within the header's metadata.
fn place_of_digits(bytes: &[u8]) -> Option<usize> {
    let length = usize::try_from(u64::from_le_bytes(bytes.get(..8)?.try_into().ok()?)).ok()?;
    let header = bytes.get(8..8_usize.checked_add(length)?)?;
    let entry = format!("\"{ENTRY}\":\"{MARK}");
    let at = 8 + header.windows(entry.len()).position(|window| window == entry.as_bytes())? + entry.len();
    (at + DIGITS <= 8 + length).then_some(at)
}

fn encoded(values: &Values) -> (Dtype, Vec<u8>) {
    match values {
        Values::F32(values) => (Dtype::F32, values.iter().flat_map(|value| value.to_le_bytes()).collect()),
        Values::F64(values) => (Dtype::F64, values.iter().flat_map(|value| value.to_le_bytes()).collect()),
        Values::U64(values) => (Dtype::U64, values.iter().flat_map(|value| value.to_le_bytes()).collect()),
        Values::I64(values) => (Dtype::I64, values.iter().flat_map(|value| value.to_le_bytes()).collect()),
    }
}

fn decoded(dtype: Dtype, data: &[u8]) -> Option<Values> {
    let words = || data.as_chunks::<8>().0.iter();
    Some(match dtype {
        Dtype::F32 => Values::F32(data.as_chunks::<4>().0.iter().map(|word| f32::from_le_bytes(*word)).collect()),
        Dtype::F64 => Values::F64(words().map(|word| f64::from_le_bytes(*word)).collect()),
        Dtype::U64 => Values::U64(words().map(|word| u64::from_le_bytes(*word)).collect()),
        Dtype::I64 => Values::I64(words().map(|word| i64::from_le_bytes(*word)).collect()),
        _ => return None,
    })
}

/// A text in one line without `=`.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r").replace('=', "\\e")
}

fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        out.push(match c {
            '\\' => match chars.next() {
                Some('n') => '\n',
                Some('r') => '\r',
                Some('e') => '=',
                other => other.unwrap_or('\\'),
            },
            c => c,
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Container {
        let mut container = Container::default();
        container.say("status", "running");
        container.say("a = \\b", "two\nlines");
        container.numbers("theta", &[-0.0, 5e-324, f64::INFINITY, 1.5]);
        container.whole_numbers("dynamics", &[u64::MAX, 3]);
        container.numbers("empty", &[]);
        let values = Values::F32(vec![1.0, -2.0, f32::MIN_POSITIVE, 0.5]);
        container.tensors.push(Tensor { name: "layer1.weight".into(), shape: vec![2, 2], values });
        container
    }

    #[test]
    fn containers_come_back_and_have_one_form() {
        let bytes = to_bytes(&sample()).unwrap();
        assert_eq!(from_bytes(&bytes), Ok(sample()));
        for _ in 0..20 {
            assert_eq!(to_bytes(&sample()).unwrap(), bytes);
        }
        let none = Container::default();
        assert_eq!(from_bytes(&to_bytes(&none).unwrap()), Ok(none));
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let bytes = to_bytes(&sample()).unwrap();
        for at in 0..bytes.len() {
            assert!(from_bytes(&bytes[..at]).is_err(), "cut at {at}");
            for bit in 0..8 {
                let mut bad = bytes.clone();
                bad[at] ^= 1 << bit;
                assert!(from_bytes(&bad).is_err(), "bit {bit} of byte {at}");
            }
        }
    }
}
