//! Files of specs, changed by `--set`: read, with their paths, and what is wrong with them as a failure.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use stepwell::spec::{Prepared, Spec, SpecError};
use stepwell_lab::reproduce::experiment;
use stepwell_store::arrays::Files;
use stepwell_store::run_folder::{Input, inputs};

use crate::failure::Failure;

/// A spec with the text it came from.
#[derive(Clone)]
pub struct SpecFile {
    /// The spec, changes by `--set` included; paths are relative to the folder of the file.
    pub spec: Spec,
    name: String,
    text: String,
    sets: Vec<String>,
}

impl SpecFile {
    /// Reads a file (`-` is stdin) and applies `key=value` changes.
    pub fn read(path: &Path, sets: &[String]) -> Result<Self, Failure> {
        let (name, text) = read_text(path)?;
        Self::from_text(path, name, text, sets)
    }

    /// The same of the text of a file, once it is read.
    pub fn from_text(path: &Path, name: String, text: String, sets: &[String]) -> Result<Self, Failure> {
        let folder = path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
        Self::parse(name, text, sets, &folder)
    }

    /// A spec that is part of the program.
    pub fn embedded(name: &str, text: &str, sets: &[String]) -> Result<Self, Failure> {
        Self::parse(name.to_string(), text.to_string(), sets, Path::new(""))
    }

    fn parse(name: String, text: String, sets: &[String], folder: &Path) -> Result<Self, Failure> {
        if is_of_a_deep_network(&text) {
            return Err(Failure::input(format!("{name}: the spec of a deep network; `stepwell train` runs it")));
        }
        let spec: Spec = parse_as(&name, &text, sets)?;
        let mut file = Self { spec, name, text, sets: sets.to_vec() };
        file.spec.for_each_path(|path| *path = folder.join(&*path).display().to_string());
        Ok(file)
    }

    /// A file, or a figure's spec by its name.
    pub fn named(path: &Path, sets: &[String]) -> Result<Self, Failure> {
        match path.to_str().and_then(experiment) {
            Some(text) if !path.exists() => Self::embedded(&format!("{}.toml", path.display()), text, sets),
            _ => Self::read(path, sets),
        }
    }

    /// The files that the spec names, with their hashes.
    pub fn inputs(&self) -> Result<Vec<Input>, Failure> {
        let mut paths = Vec::new();
        self.anywhere().for_each_path(|path| paths.push(path.clone()));
        Ok(inputs(&paths)?)
    }

    /// The spec with absolute paths, so that it can be run from anywhere.
    pub fn anywhere(&self) -> Spec {
        let mut spec = self.spec.clone();
        spec.for_each_path(|path| {
            if let Ok(absolute) = std::path::absolute(&*path) {
                *path = absolute.display().to_string();
            }
        });
        spec
    }

    /// Checks a spec that came from this file (its variants, say) and reads the files that it names.
    pub fn prepare(&self, spec: &Spec) -> Result<Prepared, Failure> {
        spec.prepare(&Files).map_err(|error| self.explain(&error))
    }

    /// The message for a spec that was refused, at its place in the text.
    pub fn explain(&self, error: &SpecError) -> Failure {
        explain(&self.name, &self.text, &self.sets, error)
    }
}

/// Specs of `stepwell train` have a network, those of `stepwell run` a model.
pub fn is_of_a_deep_network(text: &str) -> bool {
    toml::from_str::<toml::Table>(text).is_ok_and(|table| table.contains_key("network") && !table.contains_key("model"))
}

/// Name and text of a file; `-` is stdin.
pub fn read_text(path: &Path) -> Result<(String, String), Failure> {
    let name = path.display().to_string();
    let text = if name == "-" { std::io::read_to_string(std::io::stdin()) } else { std::fs::read_to_string(path) };
    let text = text.map_err(|error| Failure::input(format!("{name}: {error}; expected a spec in TOML")))?;
    Ok((name, text))
}

/// A spec of any kind from its text, with `key=value` changes.
pub fn parse_as<S: DeserializeOwned>(name: &str, text: &str, sets: &[String]) -> Result<S, Failure> {
    stepwell::spec::parse_as(text, sets).map_err(|error| explain(name, text, sets, &error))
}

/// The message for a spec that was refused, at its place in the text.
pub fn explain(name: &str, text: &str, sets: &[String], error: &SpecError) -> Failure {
    let error = error.clone().of_sets(sets);
    let message = error.in_text(name, text);
    if matches!(error, SpecError::Set { .. }) { Failure::usage(message) } else { Failure::input(message) }
}
