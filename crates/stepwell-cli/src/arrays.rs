//! Arrays in files: `.npy`, `.npz`, folders of `.npy` and `.safetensors`, any of the usual number types, as f64.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use npyz::{NpyFile, Order, TypeChar};
use stepwell::spec::{Array, ArraySource};

/// Files that a spec names.
pub struct Files;

impl ArraySource for Files {
    fn arrays(&self, path: &str) -> Result<BTreeMap<String, Array>, String> {
        read(Path::new(path))
    }
}

/// All arrays of a file or folder, by name. A lone `.npy` file has the name of its stem.
///
/// # Errors
/// A message that names the file and what is wrong with it.
pub fn read(path: &Path) -> Result<BTreeMap<String, Array>, String> {
    let name = path.display();
    if path.is_dir() {
        return read_folder(path);
    }
    let file = File::open(path).map_err(|error| format!("{name}: {error}"))?;
    let size = file.metadata().map_or(u64::MAX, |metadata| metadata.len());
    let reader = BufReader::new(file);
    match path.extension().and_then(|e| e.to_str()) {
        Some("npy") => {
            Ok(BTreeMap::from([(stem(path), read_npy(reader, size).map_err(|why| format!("{name}: {why}"))?)]))
        }
        Some("npz") => read_npz(reader).map_err(|why| format!("{name}: {why}")),
        Some("safetensors") => read_safetensors(reader).map_err(|why| format!("{name}: {why}")),
        _ => Err(format!("{name}: expected a file that ends in .npy, .npz or .safetensors, or a folder of .npy files")),
    }
}

/// One array of a file: the named one, or the only one. `flag` is how the user names it.
///
/// # Errors
/// If the file cannot be read, or it is not clear which array is meant.
pub fn read_one(path: &Path, wanted: Option<&str>, flag: &str) -> Result<Array, String> {
    let mut arrays = read(path)?;
    let names = arrays.keys().cloned().collect::<Vec<_>>().join(", ");
    match wanted {
        Some(wanted) => {
            arrays.remove(wanted).ok_or(format!("{}: no array `{wanted}`, expected one of: {names}", path.display()))
        }
        None if arrays.len() > 1 => Err(format!("{}: holds {names}; say which with {flag}", path.display())),
        None => arrays.pop_first().map(|(_, array)| array).ok_or(format!("{}: holds no array", path.display())),
    }
}

fn stem(path: &Path) -> String {
    path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned())
}

fn read_folder(path: &Path) -> Result<BTreeMap<String, Array>, String> {
    let name = path.display();
    let entries = std::fs::read_dir(path).map_err(|error| format!("{name}: {error}"))?;
    let mut out = BTreeMap::new();
    for entry in entries.flatten().map(|entry| entry.path()).filter(|p| p.extension().is_some_and(|e| e == "npy")) {
        out.append(&mut read(&entry)?);
    }
    if out.is_empty() { Err(format!("{name}: a folder without .npy files")) } else { Ok(out) }
}

fn read_npz(reader: BufReader<File>) -> Result<BTreeMap<String, Array>, String> {
    let mut archive = zip::ZipArchive::new(reader).map_err(|error| format!("not a readable .npz archive ({error})"))?;
    let mut out = BTreeMap::new();
    for k in 0..archive.len() {
        let member = archive.by_index(k).map_err(|error| format!("member {k}: {error}"))?;
        let name = member.name().map_err(|error| format!("member {k}: {error}"))?.into_owned();
        let Some(name) = name.strip_suffix(".npy").map(str::to_string) else { continue };
        let size = member.size();
        let array = read_npy(member, size).map_err(|why| format!("array `{name}`: {why}"))?;
        out.insert(name, array);
    }
    Ok(out)
}

/// One array out of at most `size` bytes: a shape that asks for more is refused before anything is reserved for it.
fn read_npy(reader: impl Read, size: u64) -> Result<Array, String> {
    let file = NpyFile::new(reader).map_err(|error| format!("not a readable .npy array ({error})"))?;
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
        _ => return Err(format!("numbers of type {kind}, expected float16, float32, float64 or integers")),
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

fn read_safetensors(mut reader: BufReader<File>) -> Result<BTreeMap<String, Array>, String> {
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    let file = safetensors::SafeTensors::deserialize(&bytes)
        .map_err(|error| format!("not a readable .safetensors file ({error})"))?;
    file.iter()
        .map(|(name, view)| {
            let values = tensor_values(view.dtype(), view.data()).map_err(|why| format!("tensor `{name}`: {why}"))?;
            Ok((name.to_string(), Array { shape: view.shape().to_vec(), values }))
        })
        .collect()
}

fn tensor_values(dtype: safetensors::Dtype, data: &[u8]) -> Result<Vec<f64>, String> {
    use safetensors::Dtype;
    macro_rules! values {
        ($t:ty) => {
            data.chunks_exact(size_of::<$t>())
                .map(|c| <$t>::from_le_bytes(c.try_into().expect("chunks of this size")) as f64)
                .collect()
        };
    }
    macro_rules! halves {
        ($t:ty) => {
            data.chunks_exact(2).map(|c| f64::from(<$t>::from_le_bytes([c[0], c[1]]))).collect()
        };
    }
    Ok(match dtype {
        Dtype::F64 => values!(f64),
        Dtype::F32 => values!(f32),
        Dtype::F16 => halves!(half::f16),
        Dtype::BF16 => halves!(half::bf16),
        Dtype::I8 => values!(i8),
        Dtype::I16 => values!(i16),
        Dtype::I32 => values!(i32),
        Dtype::I64 => values!(i64),
        Dtype::U8 | Dtype::BOOL => values!(u8),
        Dtype::U16 => values!(u16),
        Dtype::U32 => values!(u32),
        Dtype::U64 => values!(u64),
        other => return Err(format!("numbers of type {other:?}, expected f16, bf16, f32, f64 or integers")),
    })
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

    #[test]
    fn any_bytes_give_an_array_or_a_message() {
        for bytes in [&b""[..], b"\x93NUMPY", b"\x93NUMPY\x01\x00\x10\x00{'descr': '<f8',", b"PK\x03\x04garbage"] {
            let dir = tempfile::tempdir().unwrap();
            for name in ["a.npy", "a.npz", "a.safetensors"] {
                let path = dir.path().join(name);
                std::fs::write(&path, bytes).unwrap();
                assert!(read(&path).unwrap_err().contains(name));
            }
        }
    }
}
