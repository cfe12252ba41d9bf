//! Arrays in files: `.npy`, `.npz`, folders of `.npy` and `.safetensors`, any of the usual number types, as f64.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Cursor, Read, Seek, SeekFrom};
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
    read_chosen(path, |_| Ok(None))
}

/// One array of a file: the named one, or the only one. `flag` is how the user names it. Others are left unread.
///
/// # Errors
/// If the file cannot be read, or it is not clear which array is meant.
pub fn read_one(path: &Path, wanted: Option<&str>, flag: &str) -> Result<Array, String> {
    let mut arrays = read_chosen(path, |names| match (wanted, names) {
        (Some(wanted), _) if names.iter().any(|name| name == wanted) => Ok(Some(wanted.to_string())),
        (Some(wanted), _) => Err(format!("no array `{wanted}`, expected one of: {}", names.join(", "))),
        (None, [only]) => Ok(Some(only.clone())),
        (None, []) => Err("holds no array".into()),
        (None, _) => Err(format!("holds {}; say which with {flag}", names.join(", "))),
    })?;
    arrays.pop_first().map(|(_, array)| array).ok_or(format!("{}: holds no array", path.display()))
}

/// The arrays of a file or folder whose name is the one that `choose` picks out of all (in order); all if it picks none.
fn read_chosen(
    path: &Path,
    choose: impl Fn(&[String]) -> Result<Option<String>, String>,
) -> Result<BTreeMap<String, Array>, String> {
    let place = |why: String| format!("{}: {why}", path.display());
    if path.is_dir() {
        return read_folder(path, choose).map_err(place);
    }
    let file = File::open(path).map_err(|error| place(error.to_string()))?;
    let size = file.metadata().map_or(u64::MAX, |metadata| metadata.len());
    let reader = BufReader::new(file);
    match path.extension().and_then(|e| e.to_str()) {
        Some("npy") => choose(&[stem(path)])
            .and_then(|_| read_npy(reader, size))
            .map(|array| BTreeMap::from([(stem(path), array)])),
        Some("npz") => read_npz(reader, choose),
        Some("safetensors") => read_safetensors(reader, choose),
        _ => Err("expected a file that ends in .npy, .npz or .safetensors, or a folder of .npy files".into()),
    }
    .map_err(place)
}

/// The name that was chosen, or all names.
fn chosen(
    mut names: Vec<String>,
    choose: impl Fn(&[String]) -> Result<Option<String>, String>,
) -> Result<Vec<String>, String> {
    names.sort();
    Ok(choose(&names)?.map_or(names, |one| vec![one]))
}

fn stem(path: &Path) -> String {
    path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned())
}

fn read_folder(
    path: &Path,
    choose: impl Fn(&[String]) -> Result<Option<String>, String>,
) -> Result<BTreeMap<String, Array>, String> {
    let entries = std::fs::read_dir(path).map_err(|error| error.to_string())?;
    let files = entries.flatten().map(|entry| entry.path()).filter(|p| p.extension().is_some_and(|e| e == "npy"));
    let names: Vec<String> = files.map(|file| stem(&file)).collect();
    if names.is_empty() {
        return Err("a folder without .npy files".into());
    }
    let mut out = BTreeMap::new();
    for name in chosen(names, choose)? {
        let file = path.join(format!("{name}.npy"));
        out.append(&mut read(&file)?);
    }
    Ok(out)
}

/// How many times longer than itself an archive can become: the limit of its compression.
const MOST_INFLATED: u64 = 1032;

fn read_npz(
    mut reader: impl Read + Seek,
    choose: impl Fn(&[String]) -> Result<Option<String>, String>,
) -> Result<BTreeMap<String, Array>, String> {
    let most = reader.seek(SeekFrom::End(0)).map_err(|error| error.to_string())?.saturating_mul(MOST_INFLATED);
    let mut archive = zip::ZipArchive::new(reader).map_err(|error| format!("not a readable .npz archive ({error})"))?;
    let mut members = BTreeMap::new();
    for k in 0..archive.len() {
        let member = archive.by_index(k).map_err(|error| format!("member {k}: {error}"))?;
        let name = member.name().map_err(|error| format!("member {k}: {error}"))?.into_owned();
        if let Some(name) = name.strip_suffix(".npy") {
            members.insert(name.to_string(), k);
        }
    }
    let mut out = BTreeMap::new();
    for name in chosen(members.keys().cloned().collect(), choose)? {
        let member = archive.by_index(members[&name]).map_err(|error| format!("array `{name}`: {error}"))?;
        let size = member.size().min(most);
        let array = read_npy(member, size).map_err(|why| format!("array `{name}`: {why}"))?;
        out.insert(name, array);
    }
    Ok(out)
}

/// One array out of at most `size` bytes: a shape that asks for more is refused before anything is reserved for it.
fn read_npy(mut reader: impl Read, size: u64) -> Result<Array, String> {
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

fn read_safetensors(
    mut reader: impl Read,
    choose: impl Fn(&[String]) -> Result<Option<String>, String>,
) -> Result<BTreeMap<String, Array>, String> {
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    let file = safetensors::SafeTensors::deserialize(&bytes)
        .map_err(|error| format!("not a readable .safetensors file ({error})"))?;
    let names = file.names().into_iter().map(|name| name.to_string()).collect();
    let one = |name: String| {
        let view = file.tensor(&name).map_err(|error| format!("tensor `{name}`: {error}"))?;
        let values = tensor_values(view.dtype(), view.data()).map_err(|why| format!("tensor `{name}`: {why}"))?;
        Ok((name, Array { shape: view.shape().to_vec(), values }))
    };
    chosen(names, choose)?.into_iter().map(one).collect()
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
    use std::io::Write;

    use super::*;
    use crate::mutation::mutations;

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

    /// An array file written by hand: magic, version, length of the header, header, values.
    fn npy(descr: &str, fortran: &str, shape: &str, values: &[u8]) -> Vec<u8> {
        let header = format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
        [b"\x93NUMPY\x01\x00", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), values].concat()
    }

    fn npz(members: &[(&str, Vec<u8>)], method: zip::CompressionMethod) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in members {
            let options = zip::write::SimpleFileOptions::default().compression_method(method);
            writer.start_file(*name, options).unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn floats(values: &[f32]) -> Vec<u8> {
        values.iter().flat_map(|v| v.to_le_bytes()).collect()
    }

    /// An archive may hold what is no array of numbers, as long as that is not asked for.
    #[test]
    fn only_the_array_that_is_asked_for_is_read() {
        let words = npy("<U1", "False", "(2,)", &[0; 8]);
        let members = [("names.npy", words), ("a.npy", npy("<f4", "False", "(1, 2)", &floats(&[3.0, -1.0])))];
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mixed.npz");
        std::fs::write(&path, npz(&members, zip::CompressionMethod::Deflated)).unwrap();
        assert_eq!(read_one(&path, Some("a"), "--array NAME").unwrap().values, [3.0, -1.0]);
        let refused = |wanted| read_one(&path, wanted, "--array NAME").unwrap_err();
        assert!(refused(Some("names")).contains("array `names`: numbers of type"));
        assert!(refused(Some("b")).contains("no array `b`, expected one of: a, names"));
        assert!(refused(None).contains("holds a, names; say which with --array NAME"));
    }

    #[test]
    fn every_number_type_is_read_in_both_byte_orders() {
        let one =
            |descr: &str, bytes: &[u8]| read_npy(&npy(descr, "False", "(1,)", bytes)[..], 1000).unwrap().values[0];
        assert_eq!(one("<f8", &2.5_f64.to_le_bytes()), 2.5);
        assert_eq!(one(">f8", &2.5_f64.to_be_bytes()), 2.5);
        assert_eq!(one(">f4", &2.5_f32.to_be_bytes()), 2.5);
        assert_eq!(one("<f2", &half::f16::from_f32(2.5).to_le_bytes()), 2.5);
        assert_eq!(one(">f2", &half::f16::from_f32(2.5).to_be_bytes()), 2.5);
        assert_eq!(one("<V2", &half::bf16::from_f32(2.5).to_le_bytes()), 2.5);
        assert_eq!(one(">i4", &(-7_i32).to_be_bytes()), -7.0);
        assert_eq!(one("<i8", &(-7_i64).to_le_bytes()), -7.0);
        assert_eq!(one(">u2", &40_000_u16.to_be_bytes()), 40_000.0);
        assert_eq!((one("|u1", &[200]), one("|i1", &[200]), one("|b1", &[1])), (200.0, -56.0, 1.0));
    }

    /// Such a header takes a parser that tries alternatives time that doubles with each bracket.
    #[test]
    fn nested_headers_are_refused_at_once() {
        // by depth, behind brackets that close within a string, and not deep, but wide
        let wide = format!("{}[{}", "{".repeat(6), "1,".repeat(30_000));
        for (order, shape) in [
            ("()", "[".repeat(50)),
            ("False", format!("({}", "{'a': (".repeat(3000))),
            (&format!("'{}'", ")".repeat(60))[..], "[".repeat(50)),
            ("False", wide),
        ] {
            let refused = read_npy(&npy("|u1", order, &shape, &[0; 10])[..], 1000).unwrap_err();
            assert!(refused.contains("more brackets in its header"), "{refused}");
        }
        let long = npy("<f8", "False", &format!("(1,){}", " ".repeat(60_000)), &1.5_f64.to_le_bytes());
        assert_eq!(read_npy(&long[..], long.len() as u64).unwrap().values, [1.5]);
    }

    /// Damaged files give an array of the shape that they claim or a message, never a panic.
    #[test]
    fn damaged_files_give_an_array_or_a_message() {
        let values = floats(&[1.0, -2.0, 0.0, f32::NAN, 5.0, 6.0]);
        let fits = |found: Result<Array, String>| match found {
            Ok(Array { shape, values }) => assert_eq!(shape.iter().product::<usize>(), values.len()),
            Err(why) => assert!(!why.is_empty()),
        };
        let arrays = [npy("<f4", "True", "(2, 3)", &values), npy("<V2", "False", "(3, 2, 2)", &values)];
        for (k, good) in arrays.iter().enumerate() {
            let good = &good[..];
            fits(read_npy(good, good.len() as u64));
            mutations(good, 2000, k as u64).for_each(|bad| fits(read_npy(&bad[..], bad.len() as u64)));
        }
        let both = [("a.npy", arrays[0].clone()), ("b/c.npy", arrays[1].clone())];
        let each = |found: Result<BTreeMap<String, Array>, String>| match found {
            Ok(arrays) => arrays.into_values().for_each(|array| fits(Ok(array))),
            Err(why) => fits(Err(why)),
        };
        for method in [zip::CompressionMethod::Stored, zip::CompressionMethod::Deflated] {
            let good = npz(&both, method);
            assert_eq!(read_npz(Cursor::new(&good), |_| Ok(None)).unwrap().len(), 2);
            mutations(&good, 2000, 9).for_each(|bad| each(read_npz(Cursor::new(bad), |_| Ok(None))));
        }
        let view =
            |dtype, shape: &[usize]| safetensors::tensor::TensorView::new(dtype, shape.to_vec(), &values).unwrap();
        let tensors = [("a", view(safetensors::Dtype::F32, &[2, 3])), ("b", view(safetensors::Dtype::BF16, &[12]))];
        let good = safetensors::serialize(tensors, None).unwrap();
        assert_eq!(read_safetensors(&good[..], |_| Ok(None)).unwrap()["b"].shape, [12]);
        mutations(&good, 2000, 10).for_each(|bad| each(read_safetensors(&bad[..], |_| Ok(None))));
    }
}
