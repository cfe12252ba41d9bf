//! Where results go, and how: what all commands that compute have in common.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use stepwell_store::run_folder::{Claim, Format};

/// Where results go, and how.
#[derive(Args)]
pub struct ResultArgs {
    /// Where results go [default: a folder in results/ with the name of the spec or figure]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Replace the results in the folder, or compute those at hand again
    #[arg(long)]
    pub overwrite: bool,
    /// How records are written
    #[arg(long, value_name = "FORMAT", default_value = "csv")]
    format: RecordsFormat,
    /// Print JSON instead of the table
    #[arg(long)]
    pub json: bool,
}

impl ResultArgs {
    /// Which folder may be taken: `usual`, unless it is to be overwritten.
    pub fn claim(&self, usual: Claim) -> Claim {
        if self.overwrite { Claim::Overwrite } else { usual }
    }

    /// How records are written.
    pub fn format(&self) -> Format {
        match self.format {
            RecordsFormat::Csv => Format::Csv,
            RecordsFormat::Parquet => Format::Parquet,
        }
    }
}

/// Formats of the table of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum RecordsFormat {
    /// records.csv
    Csv,
    /// records.parquet
    Parquet,
}
