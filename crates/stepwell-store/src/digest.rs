//! Hashes of bytes, files and folders.

use std::collections::BTreeSet;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::error::StoreError;

/// Bytes in hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The SHA-256 of bytes, in hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The SHA-256 of a file's content; of a folder, of the names and contents of its files in alphabetical order.
///
/// # Errors
/// If it cannot be read.
pub fn file_sha256(path: &Path) -> Result<String, StoreError> {
    let fail = |path: &Path, error: std::io::Error| StoreError::input(format!("{}: {error}", path.display()));
    let read = |path: &Path| std::fs::read(path).map_err(|error| fail(path, error));
    if !path.is_dir() {
        return Ok(sha256(&read(path)?));
    }
    let entries = std::fs::read_dir(path).map_err(|error| fail(path, error))?;
    let files: BTreeSet<_> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_file()).collect();
    let mut hash = Sha256::new();
    for file in files {
        hash.update(file.file_name().unwrap_or_default().as_encoded_bytes());
        hash.update(Sha256::digest(read(&file)?));
    }
    Ok(hex(&hash.finalize()))
}
