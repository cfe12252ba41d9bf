//! The command line of stepwell.

mod arrays;
mod cli;
mod commands;
mod ensemble;
mod failure;
mod figures;
mod interrupt;
mod output;
mod progress;
mod spec_file;
mod store;

use std::process::ExitCode;

use clap::Parser;

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
    interrupt::listen();
    ensemble::use_threads(cli.jobs)?;
    match cli.command {
        Command::Reproduce(args) => commands::reproduce::run(&args),
        Command::Run(args) => commands::run::run(&args),
        Command::Spec(command) => commands::spec::run(&command),
        Command::Measure(command) => commands::measure::run(&command),
        Command::Completions { shell } => commands::completions::run(shell),
    }
}
