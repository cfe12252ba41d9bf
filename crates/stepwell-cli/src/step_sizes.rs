//! What `phase` and `advise` share: a spec whose step size varies, runs that are kept, a summary.

use std::path::{Path, PathBuf};

use stepwell::spec::Spec;
use stepwell_lab::error::LabError;
use stepwell_lab::experiment::Experiment;
use stepwell_lab::experiments::experiment;
use stepwell_lab::summary::Summary;
use stepwell_store::folder::Folder;
use stepwell_store::kept::KeptOutcomes;

use crate::commands::run::stem;
use crate::ensemble::explain;
use crate::failure::Failure;
use crate::interrupt;
use crate::spec_file::SpecFile;

/// A spec file, or a figure's spec by its name. It has a title, and paths that hold anywhere.
pub fn open(path: &Path, sets: &[String]) -> Result<SpecFile, Failure> {
    let mut file = match path.to_str().and_then(experiment) {
        Some(text) if !path.exists() => SpecFile::embedded(&format!("{}.toml", path.display()), text, sets)?,
        _ => SpecFile::read(path, sets)?,
    };
    file.spec = file.anywhere();
    file.spec.title.get_or_insert_with(|| stem(path));
    Ok(file)
}

/// Where results go, unless told otherwise.
pub fn default_folder(spec: &Path, what: &str) -> PathBuf {
    PathBuf::from("results").join(format!("{}-{what}", stem(spec)))
}

/// The files that a spec names.
pub fn inputs(spec: &Spec) -> Vec<String> {
    let mut paths = Vec::new();
    spec.clone().for_each_path(|path| paths.push(path.clone()));
    paths
}

/// What was measured, once all of its runs are kept.
pub fn kept(
    measured: Result<Experiment, LabError>,
    watch: &KeptOutcomes<'_>,
    file: &SpecFile,
) -> Result<Experiment, Failure> {
    watch.sync()?;
    measured.map_err(|error| match error {
        LabError::Stopped => {
            interrupt::failure("interrupted; the runs that had ended are kept, and the same call goes on")
        }
        error => explain(error, file),
    })
}

/// Writes `summary.json`, and gives its text.
pub fn write_summary(folder: &Folder, experiment: &Experiment, command: &str) -> Result<String, Failure> {
    let summary = Summary::of(experiment, env!("CARGO_PKG_VERSION"), command);
    let failed = |error: serde_json::Error| Failure::other(format!("summary.json: {error}"));
    let text = serde_json::to_string_pretty(&summary).map_err(failed)? + "\n";
    folder.write("summary.json", text.as_bytes())?;
    Ok(text)
}
