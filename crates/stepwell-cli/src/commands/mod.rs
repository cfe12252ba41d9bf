//! The commands, one per file.

pub mod advise;
pub mod completions;
#[cfg(feature = "deep")]
pub mod data;
pub mod explain;
pub mod measure;
#[cfg(feature = "deep")]
pub mod measure_network;
#[cfg(not(feature = "deep"))]
mod not_built;
pub mod phase;
pub mod report;
pub mod reproduce;
pub mod run;
pub mod spec;
pub mod sweep;
#[cfg(feature = "deep")]
pub mod train;
pub mod verify;

#[cfg(not(feature = "deep"))]
pub use not_built::{data, measure_network, train};

use std::process::ExitCode;

use clap::Subcommand;

use crate::cli::*;
use crate::failure::Failure;

/// The commands, each with its arguments and what it does.
macro_rules! commands {
    ($($(#[$about:meta])* $command:ident($args:ty) = $run:path;)*) => {
        /// The commands.
        #[derive(Subcommand)]
        pub enum Command {
            $($(#[$about])* $command($args),)*
        }

        impl Command {
            /// Does it.
            pub fn run(&self) -> Result<ExitCode, Failure> {
                match self {
                    $(Self::$command(args) => $run(args),)*
                }
            }
        }
    };
}

commands! {
    /// Reproduce a figure, as a distribution over seeds
    Reproduce(ReproduceArgs) = reproduce::run;
    /// Run a spec of your own
    Run(RunArgs) = run::run;
    /// Train a deep network on images
    Train(TrainArgs) = train::run;
    /// Check the claims of the theory numerically, and by certified proof where that is possible
    Verify(VerifyArgs) = verify::run;
    /// Many runs of an experiment: planned, computed in parallel, resumed, collected
    #[command(subcommand)]
    Sweep(sweep::args::SweepCommand) = sweep::run;
    /// What runs do as a function of the step size: converge, stabilize, diverge
    Phase(PhaseArgs) = phase::run;
    /// Advise a step size and a schedule, with the evidence
    Advise(AdviseArgs) = advise::run;
    /// One self-contained page of results, with panels to zoom; also figures for print and event files
    Report(ReportArgs) = report::run;
    /// Check, show or describe specs
    #[command(subcommand)]
    Spec(SpecCommand) = spec::run;
    /// Measure arrays in files
    #[command(subcommand)]
    Measure(MeasureCommand) = measure::run;
    /// Image data sets for deep networks: what is there, and whether it is sound
    #[command(subcommand)]
    Data(DataCommand) = data::run;
    /// Explain a word of the tables and pictures
    Explain(explain::ExplainArgs) = explain::run;
    /// Print completions for a shell
    Completions(completions::CompletionsArgs) = completions::run;
}
