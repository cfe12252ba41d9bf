//! The IDX files of MNIST and its kin: a magic number, the dimensions, then bytes; plain or compressed by gzip.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

use super::{DataError, Expected, Images};

/// First four bytes of a file of images: unsigned bytes, three dimensions.
const IMAGES: u32 = 0x0803;
/// First four bytes of a file of labels: unsigned bytes, one dimension.
const LABELS: u32 = 0x0801;

/// The file `stem` in a folder, plain or with `.gz`, also in the spelling `train-images.idx3-ubyte` that some programs
/// unpack to.
pub fn find(folder: &Path, stem: &str) -> Option<PathBuf> {
    let dotted = stem.replacen("-idx", ".idx", 1);
    [stem.to_string(), format!("{stem}.gz"), dotted.clone(), format!("{dotted}.gz")]
        .into_iter()
        .map(|name| folder.join(name))
        .find(|path| path.is_file())
}

/// Images and labels of a pair of files.
///
/// # Errors
/// If a file is missing, damaged or not what is expected.
pub fn read(images: &Path, labels: &Path, expected: &Expected) -> Result<Images, DataError> {
    let shape = [expected.images, expected.height, expected.width];
    let pixels = bytes(images, IMAGES, &shape)?;
    let classes = bytes(labels, LABELS, &shape[..1])?;
    expected.images_of(pixels, classes.into_iter().map(u16::from).collect(), &labels.display().to_string())
}

/// The content of a file whose header must be `magic` and `shape`, so that nothing is reserved on its word alone.
fn bytes(path: &Path, magic: u32, shape: &[usize]) -> Result<Vec<u8>, DataError> {
    let place = &path.display();
    let file = File::open(path).map_err(|error| DataError::io(place, &error))?;
    let compressed = path.extension().is_some_and(|extension| extension == "gz");
    let file = BufReader::new(file);
    let mut reader: Box<dyn Read> = if compressed { Box::new(GzDecoder::new(file)) } else { Box::new(file) };
    let failed = |at: usize, error: std::io::Error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => DataError::damaged(place, format!("ends early, after byte {at}")),
        _ => DataError::damaged(place, format!("cannot be read on after byte {at} ({error})")),
    };

    let mut header = vec![0; 4 + 4 * shape.len()];
    let (start, dimensions) = header.split_at_mut(4);
    reader.read_exact(start).map_err(|error| failed(0, error))?;
    check_magic(start, magic).map_err(|why| DataError::wrong(place, why))?;
    reader.read_exact(dimensions).map_err(|error| failed(4, error))?;
    let found: Vec<usize> = dimensions.chunks_exact(4).map(|word| big_endian(word) as usize).collect();
    if found != shape {
        let why = format!("its header says {}, expected {}", times(&found), times(shape));
        return Err(DataError::wrong(place, format!("{why}; is it another data set's, or the other part's?")));
    }

    let size: usize = shape.iter().product();
    let mut bytes = Vec::new();
    // one byte more than expected: to see that nothing follows, and that gzip's checksum is read
    let limited = reader.take(size as u64 + 1).read_to_end(&mut bytes);
    limited.map_err(|error| failed(header.len() + bytes.len(), error))?;
    if bytes.len() < size {
        return Err(DataError::damaged(place, format!("ends after {} of {size} bytes", bytes.len())));
    }
    if bytes.len() > size {
        return Err(DataError::damaged(place, format!("goes on after the {size} bytes its header announces")));
    }
    Ok(bytes)
}

fn check_magic(start: &[u8], magic: u32) -> Result<(), String> {
    let content = |magic| if magic == IMAGES { "images" } else { "labels" };
    match big_endian(start) {
        found if found == magic => Ok(()),
        found @ (IMAGES | LABELS) => Err(format!("holds {}, expected {}", content(found), content(magic))),
        found if found >> 16 == 0x1f8b => Err("is compressed by gzip, expected a name that ends in .gz".into()),
        found => Err(format!(
            "begins with {found:#010x}, expected {magic:#010x}, as IDX files of {} (bytes) do",
            content(magic)
        )),
    }
}

fn big_endian(word: &[u8]) -> u32 {
    word.iter().fold(0, |value, byte| value << 8 | u32::from(*byte))
}

/// `60000 x 28 x 28`.
fn times(shape: &[usize]) -> String {
    shape.iter().map(usize::to_string).collect::<Vec<_>>().join(" x ")
}
