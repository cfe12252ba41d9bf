//! `stepwell spec`: checks, shows and describes specs.

use std::path::Path;
use std::process::ExitCode;

use serde_json::Value;
use stepwell_lab::reproduce::experiment;

use crate::cli::{SpecCommand, SpecKind};
use crate::failure::Failure;
use crate::output::print;
use crate::spec_file::{SpecFile, is_of_a_deep_network, read_text};

/// Runs `spec check`, `spec show` or `spec schema`.
pub fn run(command: &SpecCommand) -> Result<ExitCode, Failure> {
    match command {
        SpecCommand::Check { specs } => {
            for path in specs {
                resolved(path, read_text(path)?, &[])?;
                print(&format!("{}: good\n", path.display()))?;
            }
        }
        SpecCommand::Show { spec, sets } => print(&resolved(spec, open(spec)?, sets)?)?,
        SpecCommand::Schema { of } => print(&format!("{:#}\n", schema(*of)?))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Name and text of a spec file, or of the spec of a figure by its name.
fn open(path: &Path) -> Result<(String, String), Failure> {
    match path.to_str().and_then(experiment) {
        Some(text) if !path.exists() => Ok((format!("{}.toml", path.display()), text.to_owned())),
        _ => read_text(path),
    }
}

/// A checked spec of either kind, as TOML with all defaults.
fn resolved(path: &Path, (name, text): (String, String), sets: &[String]) -> Result<String, Failure> {
    if is_of_a_deep_network(&text) {
        return of_a_training(&name, &text, sets);
    }
    let file = SpecFile::from_text(path, name, text, sets)?;
    check(&file)?;
    Ok(file.spec.to_toml())
}

#[cfg(feature = "deep")]
fn of_a_training(name: &str, text: &str, sets: &[String]) -> Result<String, Failure> {
    Ok(super::train::spec(name, text, sets, None)?.to_toml())
}

#[cfg(not(feature = "deep"))]
fn of_a_training(name: &str, _: &str, _: &[String]) -> Result<String, Failure> {
    Err(super::not_built::failure(&format!("{name}: the spec of `stepwell train`")))
}

fn schema(of: SpecKind) -> Result<Value, Failure> {
    match of {
        SpecKind::Run => Ok(schemars::schema_for!(stepwell::spec::Spec).to_value()),
        #[cfg(feature = "deep")]
        SpecKind::Train => Ok(schemars::schema_for!(stepwell_deep::training::TrainingSpec).to_value()),
        #[cfg(not(feature = "deep"))]
        SpecKind::Train => Err(super::not_built::failure("`stepwell spec schema train`")),
    }
}

/// Checks the spec and each of its variants.
pub fn check(file: &SpecFile) -> Result<(), Failure> {
    file.prepare(&file.spec)?;
    for variant in &file.spec.variants {
        file.prepare(&file.spec.with_variant(variant))?;
    }
    Ok(())
}
