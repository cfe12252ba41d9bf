//! `sha256sums.txt`: the files of a folder with their hashes, in the format of `sha256sum --check`. It is written last, and so says
//! that a folder is complete.

use std::collections::BTreeMap;
use std::path::Path;

use crate::digest::sha256;

/// The name of the file.
pub const FILE: &str = "sha256sums.txt";

/// Hashes by the names of files.
pub type Sums = BTreeMap<String, String>;

/// The text of the file.
pub fn to_text(sums: &Sums) -> String {
    sums.iter().map(|(name, sum)| format!("{sum}  {name}\n")).collect()
}

/// The hashes that a folder's file lists; `None` if there is no such file, or it is none of ours.
pub fn read(folder: &Path) -> Option<Sums> {
    let text = std::fs::read_to_string(folder.join(FILE)).ok()?;
    text.lines().map(|line| line.split_once("  ").map(|(sum, name)| (name.into(), sum.into()))).collect()
}

/// Whether a file of the folder has this hash.
pub fn matches(folder: &Path, name: &str, sum: &str) -> bool {
    std::fs::read(folder.join(name)).is_ok_and(|bytes| sha256(&bytes) == sum)
}
