//! `stepwell data` in a build without deep networks.

use std::process::ExitCode;

use crate::cli::DataCommand;
use crate::failure::Failure;

/// Says which build has it.
pub fn run(_: &DataCommand) -> Result<ExitCode, Failure> {
    Err(Failure::usage(
        "`stepwell data` is for deep networks, which this build leaves out; `cargo build --release --features deep` \
         builds them in",
    ))
}
