//! `stepwell sweep`: many runs of an experiment.

pub mod args;
mod collect;
mod plan;
mod retry;
mod run;
mod status;
mod submit;
mod work;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use stepwell_store::sweep::folder::SweepFolder;
use stepwell_store::sweep::sweep_file::SweepFile;

use self::args::SweepCommand;
use crate::failure::Failure;

/// Runs a subcommand.
pub fn run(command: &SweepCommand) -> Result<ExitCode, Failure> {
    match command {
        SweepCommand::Plan(args) => plan::run(args),
        SweepCommand::Run(args) => run::run(args),
        SweepCommand::Work(args) => work::run(args),
        SweepCommand::Submit(args) => submit::run(args),
        SweepCommand::Status(args) => status::run(args),
        SweepCommand::Retry(args) => retry::run(args),
        SweepCommand::Collect(args) => collect::run(args),
    }
}

/// The folder of a sweep: named itself, or made for the sweep that a file describes.
fn open(sweep: &Path, out: Option<&Path>) -> Result<SweepFolder, Failure> {
    if sweep.is_dir() {
        return match out {
            None => Ok(SweepFolder::open(sweep)?),
            Some(_) => Err(Failure::usage(format!("--out goes with a sweep's file; {} is a folder", sweep.display()))),
        };
    }
    let file = SweepFile::read(sweep)?;
    let stem = || sweep.file_stem().map_or("sweep".into(), |stem| stem.to_string_lossy().into_owned());
    let out = out.map_or_else(|| PathBuf::from("results").join(stem()), Path::to_path_buf);
    Ok(SweepFolder::freeze(&out, file.plan()?, file.sweep.leaves_open())?)
}
