//! MD5 sums, by which the official files are known. They find damage, not malice.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use flate2::read::GzDecoder;
use md5::{Digest, Md5};

use super::DataError;

/// What a published sum is taken of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SumOf {
    /// The file as it is.
    File,
    /// What a file compressed by gzip unpacks to; a file without `.gz` as it is. (Whoever packs it again changes the
    /// compressed bytes, as Debian does.)
    Content,
}

/// MD5 of a file, in hexadecimal digits.
///
/// # Errors
/// If the file cannot be read or unpacked.
pub fn md5(path: &Path, of: SumOf) -> Result<String, DataError> {
    let place = &path.display();
    let file = BufReader::new(File::open(path).map_err(|error| DataError::io(place, &error))?);
    let compressed = of == SumOf::Content && path.extension().is_some_and(|extension| extension == "gz");
    let sum = if compressed { sum(GzDecoder::new(file)) } else { sum(file) };
    sum.map_err(|error| DataError::damaged(place, format!("cannot be read to its end ({error})")))
}

fn sum(mut reader: impl Read) -> io::Result<String> {
    let (mut hash, mut block) = (Md5::new(), vec![0; 1 << 16]);
    loop {
        match reader.read(&mut block) {
            Ok(0) => return Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
            Ok(count) => hash.update(&block[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
