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

/// Picks one name out of all (in order), or none.
type Choose<'a> = &'a dyn Fn(&[String]) -> Result<Option<String>, String>;
type Arrays = BTreeMap<String, Array>;

/// What reads a file of a format, by the ending of its name.
type Format = (&'static str, fn(&Path, BufReader<File>, Choose<'_>) -> Result<Arrays, String>);

/// The formats of files.
const FORMATS: &[Format] = &[
    ("npy", read_lone),
    ("npz", |_, reader, choose| npz::read_npz(reader, choose)),
    ("safetensors", |_, reader, choose| tensors::read_safetensors(reader, choose)),
];

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
    read_chosen(path, &|_| Ok(None))
}

/// One array of a file: the named one, or the only one. `flag` is how the user names it. Others are left unread.
///
/// # Errors
/// If the file cannot be read, or it is not clear which array is meant.
pub fn read_one(path: &Path, wanted: Option<&str>, flag: &str) -> Result<Array, String> {
    let mut arrays = read_chosen(path, &|names| match (wanted, names) {
        (Some(wanted), _) if names.iter().any(|name| name == wanted) => Ok(Some(wanted.to_string())),
        (Some(wanted), _) => Err(format!("no array `{wanted}`, expected one of: {}", names.join(", "))),
        (None, [only]) => Ok(Some(only.clone())),
        (None, []) => Err("holds no array".into()),
        (None, _) => Err(format!("holds {}; say which with {flag}", names.join(", "))),
    })?;
    arrays.pop_first().map(|(_, array)| array).ok_or(format!("{}: holds no array", path.display()))
}

/// The arrays of a file or folder whose name is the one that `choose` picks out of all; all if it picks none.
fn read_chosen(path: &Path, choose: Choose<'_>) -> Result<Arrays, String> {
    let place = |why: String| format!("{}: {why}", path.display());
    if path.is_dir() {
        return read_folder(path, choose).map_err(place);
    }
    let reader = BufReader::new(File::open(path).map_err(|error| place(error.to_string()))?);
    let ending = path.extension().and_then(|ending| ending.to_str());
    match FORMATS.iter().find(|format| Some(format.0) == ending) {
        Some((_, read)) => read(path, reader, choose),
        None => Err(format!("expected a file that ends in {}, or a folder of .npy files", endings())),
    }
    .map_err(place)
}

/// The endings of all formats: `.a, .b or .c`.
fn endings() -> String {
    let endings: Vec<String> = FORMATS.iter().map(|(ending, _)| format!(".{ending}")).collect();
    let (last, others) = endings.split_last().expect("there are formats");
    format!("{} or {last}", others.join(", "))
}

fn read_lone(path: &Path, reader: BufReader<File>, choose: Choose<'_>) -> Result<Arrays, String> {
    let size = reader.get_ref().metadata().map_or(u64::MAX, |metadata| metadata.len());
    choose(&[stem(path)])?;
    Ok(Arrays::from([(stem(path), npy::read_npy(reader, size)?)]))
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

fn read_folder(path: &Path, choose: Choose<'_>) -> Result<Arrays, String> {
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
