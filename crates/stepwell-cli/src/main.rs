//! The command line of stepwell.

mod checkpoint;
mod cli;
mod code;
mod commands;
mod deliver;
mod failure;
mod interrupt;
mod learned;
mod output;
mod print;
mod progress;
mod remake;
mod results;
mod spec_file;
mod step_sizes;
mod terminal;

use std::process::ExitCode;

use clap::Parser;
use stepwell::simd::{self, Level};

use crate::cli::{Cli, Command};
use crate::failure::Failure;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

fn run(cli: Cli) -> Result<ExitCode, Failure> {
    #[cfg(feature = "deep")]
    if matches!(cli.command, Command::Train(_) | Command::Measure(_)) {
        stepwell_deep::engine::keep_freed_memory();
    }
    interrupt::listen();
    force_simd()?;
    terminal::use_threads(cli.jobs)?;
    match cli.command {
        Command::Reproduce(args) => commands::reproduce::run(&args),
        Command::Run(args) => commands::run::run(&args),
        Command::Train(args) => commands::train::run(&args),
        Command::Verify(args) => commands::verify::run(&args),
        Command::Sweep(command) => commands::sweep::run(&command),
        Command::Phase(args) => commands::phase::run(&args),
        Command::Advise(args) => commands::advise::run(&args),
        Command::Report(args) => commands::report::run(&args),
        Command::Spec(command) => commands::spec::run(&command),
        Command::Measure(command) => commands::measure::run(&command),
        Command::Data(command) => commands::data::run(&command),
        Command::Completions { shell } => commands::completions::run(shell),
    }
}

/// `STEPWELL_SIMD=sse2|avx2|avx512` forces an instruction set, to see that results do not depend on it.
fn force_simd() -> Result<(), Failure> {
    let Some(name) = std::env::var_os("STEPWELL_SIMD") else { return Ok(()) };
    let refuse = |why: &str| Failure::usage(format!("STEPWELL_SIMD={}: {why}", name.display()));
    let level = name.to_str().and_then(Level::named).ok_or_else(|| refuse("expected sse2, avx2 or avx512"))?;
    if simd::force(level) { Ok(()) } else { Err(refuse("this processor does not have it")) }
}
