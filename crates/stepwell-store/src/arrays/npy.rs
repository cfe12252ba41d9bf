//! NumPy's arrays.

use std::io::{Cursor, Read};

use npyz::{NpyFile, Order, TypeChar};
use stepwell::spec::Array;

/// One array out of at most `size` bytes: a shape that asks for more is refused before anything is reserved for it.
pub fn read_npy(mut reader: impl Read, size: u64) -> Result<Array, String> {
    let header = checked_header(&mut reader)?;
    let file = NpyFile::new(header.chain(reader)).map_err(|error| format!("not a readable .npy array ({error})"))?;
    let shape: Vec<usize> = file.shape().iter().map(|n| *n as usize).collect();
    let order = file.order();
    let count = shape.iter().try_fold(1_usize, |n, k| n.checked_mul(*k));
    let bytes = count.and_then(|n| n.checked_mul(file.dtype().num_bytes().unwrap_or(1)));
    if bytes.is_none_or(|bytes| bytes as u64 > size) {
        return Err(format!("the file ends early: its shape {shape:?} asks for more than its {size} bytes"));
    }
    let values = npy_values(file)?;
    let values = if order == Order::Fortran { row_major(&shape, &values) } else { values };
    Ok(Array { shape, values })
}

/// Headers of plain arrays have some hundred bytes; NumPy itself refuses longer ones than 10,000 unless told otherwise.
const LONGEST_HEADER: u64 = 1 << 16;
/// Brackets that open in a header: that of the dictionary and that of the shape.
const MOST_BRACKETS: usize = 2;

/// The bytes up to the end of a header. Brackets within brackets take parsers time that grows by a factor with each: what has
/// more than an array of plain numbers needs is refused here, by one look at each byte. Those within strings count, and
/// none is taken off where one closes, so that nothing hides what is nested.
fn checked_header(reader: &mut impl Read) -> Result<Cursor<Vec<u8>>, String> {
    let bad = |why: &str| format!("not a readable .npy array ({why})");
    let mut header = Vec::new();
    // magic, version, and the length in two bytes (version 1) or four
    reader.by_ref().take(8).read_to_end(&mut header).map_err(|error| bad(&error.to_string()))?;
    let wide = match header.get(6) {
        Some(1) => 2,
        Some(_) => 4,
        None => return Err(bad("its header ends early")),
    };
    let mut length = [0; 8];
    reader.read_exact(&mut length[..wide]).map_err(|_| bad("its header ends early"))?;
    header.extend(&length[..wide]);
    let length = u64::from_le_bytes(length);
    if length > LONGEST_HEADER {
        return Err(bad(&format!("a header of {length} bytes, expected at most {LONGEST_HEADER}")));
    }
    let begins = header.len();
    reader.by_ref().take(length).read_to_end(&mut header).map_err(|error| bad(&error.to_string()))?;
    if header[begins..].iter().filter(|byte| b"([{".contains(byte)).count() > MOST_BRACKETS {
        return Err(bad("more brackets in its header than that of plain numbers has"));
    }
    Ok(Cursor::new(header))
}

fn npy_values<R: Read>(file: NpyFile<R>) -> Result<Vec<f64>, String> {
    let dtype = file.dtype();
    let npyz::DType::Plain(kind) = &dtype else { return Err("records, expected an array of plain numbers".into()) };
    let read = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => "the file ends early".to_string(),
        _ => error.to_string(),
    };
    macro_rules! values {
        ($t:ty) => {
            file.into_vec::<$t>().map_err(read)?.into_iter().map(|v| v as f64).collect()
        };
    }
    Ok(match (kind.type_char(), kind.size_field()) {
        (TypeChar::Float, 8) => file.into_vec::<f64>().map_err(read)?,
        (TypeChar::Float, 4) => values!(f32),
        // NumPy has no bfloat16: arrays of JAX's are written as raw bytes, two for each number
        (TypeChar::RawData, 2) => file
            .into_vec::<npyz::FixedSizeBytes<2>>()
            .map_err(read)?
            .into_iter()
            .map(|bytes| f64::from(half::bf16::from_le_bytes(bytes.0)))
            .collect(),
        (TypeChar::Float, 2) => file.into_vec::<half::f16>().map_err(read)?.into_iter().map(f64::from).collect(),
        (TypeChar::Int, 1) => values!(i8),
        (TypeChar::Int, 2) => values!(i16),
        (TypeChar::Int, 4) => values!(i32),
        (TypeChar::Int, 8) => values!(i64),
        (TypeChar::Uint, 1) => values!(u8),
        (TypeChar::Uint, 2) => values!(u16),
        (TypeChar::Uint, 4) => values!(u32),
        (TypeChar::Uint, 8) => values!(u64),
        (TypeChar::Bool, _) => {
            file.into_vec::<bool>().map_err(read)?.into_iter().map(|b| f64::from(u8::from(b))).collect()
        }
        _ => return Err(format!("numbers of type {kind}, expected float16, bfloat16, float32, float64 or integers")),
    })
}

/// The values of a Fortran-ordered array, last dimension fastest.
fn row_major(shape: &[usize], values: &[f64]) -> Vec<f64> {
    let mut strides = vec![1; shape.len()];
    for k in 1..shape.len() {
        strides[k] = strides[k - 1] * shape[k - 1];
    }
    let mut index = vec![0; shape.len()];
    (0..values.len())
        .map(|_| {
            let value = values[index.iter().zip(&strides).map(|(i, s)| i * s).sum::<usize>()];
            for k in (0..shape.len()).rev() {
                index[k] += 1;
                if index[k] < shape[k] {
                    break;
                }
                index[k] = 0;
            }
            value
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fortran_order_is_turned() {
        // [[0, 1, 2], [3, 4, 5]] stored column by column
        assert_eq!(row_major(&[2, 3], &[0.0, 3.0, 1.0, 4.0, 2.0, 5.0]), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        let shape = [2, 2, 2];
        // value 4i + 2j + k at position i + 2j + 4k
        let stored = [0.0, 4.0, 2.0, 6.0, 1.0, 5.0, 3.0, 7.0];
        assert_eq!(row_major(&shape, &stored), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
    }
}
