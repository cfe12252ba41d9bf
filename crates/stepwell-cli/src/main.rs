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

use crate::commands::Command;
use crate::failure::Failure;

/// A laboratory for SGD with large step sizes.
#[derive(Parser)]
#[command(name = "stepwell", version, about = "A laboratory for SGD with large step sizes", after_help = EXIT_CODES, propagate_version = true)]
struct Cli {
    /// Threads to use; 0 means one per core. Results do not depend on it
    #[arg(long, global = true, value_name = "N", default_value_t = 0, hide_default_value = true)]
    jobs: usize,
    /// What to do
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done (a diverged run is a result), 1 failure, 2 usage, 3 bad spec or data; \
                          4 some runs of a sweep failed, 5 locked by another process, 6 corrupt file, \
                          75 stopped on request (what was computed is kept), 130 interrupted (likewise).";

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
    cli.command.run()
}

/// `STEPWELL_SIMD=sse2|avx2|avx512` forces an instruction set, to see that results do not depend on it.
fn force_simd() -> Result<(), Failure> {
    let Some(name) = std::env::var_os("STEPWELL_SIMD") else { return Ok(()) };
    let refuse = |why: &str| Failure::usage(format!("STEPWELL_SIMD={}: {why}", name.display()));
    let level = name.to_str().and_then(Level::named).ok_or_else(|| refuse("expected sse2, avx2 or avx512"))?;
    if simd::force(level) { Ok(()) } else { Err(refuse("this processor does not have it")) }
}
