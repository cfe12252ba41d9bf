//! Commands for deep networks, in a build without them.

use std::process::ExitCode;

use crate::failure::Failure;

/// Says which build has a command.
pub fn refused(command: &str) -> Result<ExitCode, Failure> {
    Err(failure(&format!("`stepwell {command}`")))
}

/// The same of something else than a command.
pub fn failure(what: &str) -> Failure {
    Failure::usage(format!(
        "{what} is for deep networks, which this build leaves out; `cargo build --release --features deep` builds them in"
    ))
}

/// `stepwell data`.
pub mod data {
    use super::{ExitCode, Failure};

    /// Says which build has it.
    pub fn run(_: &crate::cli::DataCommand) -> Result<ExitCode, Failure> {
        super::refused("data")
    }
}

/// `stepwell train`.
pub mod train {
    use super::{ExitCode, Failure};

    /// Says which build has it.
    pub fn run(_: &crate::cli::TrainArgs) -> Result<ExitCode, Failure> {
        super::refused("train")
    }
}

/// `stepwell measure` of networks.
pub mod measure_network {
    use super::{ExitCode, Failure};

    /// Says which build has it.
    pub fn run(command: &crate::cli::NetworkMeasure) -> Result<ExitCode, Failure> {
        super::refused(&format!("measure {}", command.name()))
    }
}
