//! `stepwell spec`: checks, shows and describes specs.

use std::path::Path;
use std::process::ExitCode;

use crate::cli::SpecCommand;
use crate::commands::reproduce::embedded_spec;
use crate::failure::Failure;
use crate::output::print;
use crate::spec_file::SpecFile;

/// Runs `spec check`, `spec show` or `spec schema`.
pub fn run(command: &SpecCommand) -> Result<ExitCode, Failure> {
    match command {
        SpecCommand::Check { specs } => {
            for path in specs {
                let file = SpecFile::read(path, &[])?;
                check(&file)?;
                print(&format!("{}: good\n", path.display()))?;
            }
        }
        SpecCommand::Show { spec, sets } => {
            let file = open(spec, sets)?;
            check(&file)?;
            print(&file.resolved()?)?;
        }
        SpecCommand::Schema => {
            let schema = schemars::schema_for!(stepwell::spec::Spec);
            print(&format!("{:#}\n", schema.to_value()))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A spec file, or the spec of a figure by its name.
fn open(path: &Path, sets: &[String]) -> Result<SpecFile, Failure> {
    match path.to_str().and_then(embedded_spec) {
        Some(text) if !path.exists() => SpecFile::embedded(&format!("{}.toml", path.display()), text, sets),
        _ => SpecFile::read(path, sets),
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
