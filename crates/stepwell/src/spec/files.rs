//! Arrays that a spec names in files; the library itself reads none.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::check::{SpecError, refuse};

/// An array in a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ArraySpec {
    /// A `.npy` or `.npz` file.
    pub path: String,
    /// The array's name in a `.npz` file with several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub array: Option<String>,
}

/// An array that a file held: its shape and its values, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Length of each dimension.
    pub shape: Vec<usize>,
    /// The values, last dimension fastest.
    pub values: Vec<f64>,
}

/// Whoever can read files for a spec; the library itself has none.
pub trait ArraySource: Sync {
    /// All arrays of a `.npy`, `.npz` or `.safetensors` file or a folder of `.npy` files, by name.
    ///
    /// # Errors
    /// A message that names the file and what is wrong with it.
    fn arrays(&self, path: &str) -> Result<BTreeMap<String, Array>, String>;
}

/// No files: for specs that name none.
pub struct NoFiles;

impl ArraySource for NoFiles {
    fn arrays(&self, path: &str) -> Result<BTreeMap<String, Array>, String> {
        Err(format!("{path}: this program reads no files"))
    }
}

impl ArraySpec {
    pub(super) fn read(&self, files: &dyn ArraySource) -> Result<Array, SpecError> {
        one_array(files.arrays(&self.path).map_err(SpecError::File)?, &self.path, self.array.as_deref())
    }
}

/// The array of that name among those of the file `path`, or the only one.
pub(super) fn one_array(
    mut arrays: BTreeMap<String, Array>,
    path: &str,
    name: Option<&str>,
) -> Result<Array, SpecError> {
    let names = arrays.keys().cloned().collect::<Vec<_>>().join(", ");
    match name {
        Some(name) => {
            arrays.remove(name).ok_or_else(|| refuse(path, format!("no array `{name}`"), format!("one of: {names}")))
        }
        None if arrays.len() == 1 => Ok(arrays.pop_first().expect("there is one").1),
        None => Err(refuse(path, format!("arrays {names}"), "`array = \"..\"` to say which")),
    }
}

pub(super) fn shape(array: &Array) -> String {
    array.shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(" x ")
}
