//! The command line: what can be asked for.

mod measure;
mod report;
mod reproduce;
mod results;
mod runs;
mod step_sizes;

use clap::{Parser, Subcommand};
use clap_complete::Shell;

pub use self::measure::*;
pub use self::report::*;
pub use self::reproduce::*;
pub use self::results::*;
pub use self::runs::*;
pub use self::step_sizes::*;

use crate::commands::sweep::args::SweepCommand;

/// A laboratory for SGD with large step sizes.
#[derive(Parser)]
#[command(name = "stepwell", version, about = "A laboratory for SGD with large step sizes", after_help = EXIT_CODES, propagate_version = true)]
pub struct Cli {
    /// Threads to use; 0 means one per core. Results do not depend on it
    #[arg(long, global = true, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub jobs: usize,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done (a diverged run is a result), 1 failure, 2 usage, 3 bad spec or data; \
                          4 some runs of a sweep failed, 5 locked by another process, 6 corrupt file, \
                          75 stopped on request (what was computed is kept), 130 interrupted (likewise).";

/// The commands.
#[derive(Subcommand)]
pub enum Command {
    /// Reproduce a figure, as a distribution over seeds
    Reproduce(ReproduceArgs),
    /// Run a spec of your own
    Run(RunArgs),
    /// Train a deep network on images
    Train(TrainArgs),
    /// Check the theory's claims, numerically, and certified where that is possible
    Verify(VerifyArgs),
    /// Many runs of an experiment: planned, computed in parallel, resumed, collected
    #[command(subcommand)]
    Sweep(SweepCommand),
    /// What runs do as a function of the step size: converge, stabilize, diverge
    Phase(PhaseArgs),
    /// Advise a step size and a schedule, with the evidence
    Advise(AdviseArgs),
    /// One self-contained page of results, with panels to zoom; also figures for print and event files
    Report(ReportArgs),
    /// Check, show or describe specs
    #[command(subcommand)]
    Spec(SpecCommand),
    /// Measure arrays in files
    #[command(subcommand)]
    Measure(MeasureCommand),
    /// Image data sets for deep networks: what is there, and whether it is sound
    #[command(subcommand)]
    Data(DataCommand),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}
