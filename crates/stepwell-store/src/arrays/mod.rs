//! Arrays in files: `.npy`, `.npz`, folders of `.npy` and `.safetensors`, any of the usual number types, as f64.

mod npy;
mod npz;
mod tensors;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use stepwell::spec::{Array, ArraySource};

use self::npy::read_npy;
use self::npz::read_npz;
use self::tensors::read_safetensors;

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
