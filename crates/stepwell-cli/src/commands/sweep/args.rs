//! What can be asked of `stepwell sweep`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// `sweep`.
#[derive(Subcommand)]
pub enum SweepCommand {
    /// Freeze a plan in a folder; print how many runs it has, how long they take, and what is done
    Plan(PlanArgs),
    /// Compute what is missing
    Run(RunArgs),
    /// Compute a share of what is missing: for clusters and for several machines
    Work(WorkArgs),
    /// Submit a job array to a cluster
    Submit(SubmitArgs),
    /// Print what is done, from the folder alone
    Status(StatusArgs),
    /// Compute again what failed or is damaged
    Retry(RetryArgs),
    /// Gather all results in one table of records and one of runs
    Collect(CollectArgs),
}

/// `sweep plan`.
#[derive(Args)]
pub struct PlanArgs {
    /// A sweep's file (TOML), or its folder
    pub sweep: PathBuf,
    /// The folder [default: results/NAME of NAME.toml]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Print JSON instead of the table
    #[arg(long)]
    pub json: bool,
}

/// `sweep run`.
#[derive(Args)]
pub struct RunArgs {
    /// A sweep's folder, or its file (TOML)
    pub sweep: PathBuf,
    /// The folder [default: results/NAME of NAME.toml]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// How to take failures
    #[command(flatten)]
    pub failures: FailureArgs,
}

/// What a failed run means for the others. A diverged run has not failed.
#[derive(Args)]
pub struct FailureArgs {
    /// Go on when a run fails (the default)
    #[arg(long)]
    pub keep_going: bool,
    /// Stop as soon as a run fails
    #[arg(long, conflicts_with = "keep_going")]
    pub fail_fast: bool,
}

/// `sweep work`.
#[derive(Args)]
pub struct WorkArgs {
    /// The sweep's folder
    pub folder: PathBuf,
    /// Every n-th chunk, from the i-th on (0 <= i < n)
    #[arg(long, value_name = "i/n", default_value = "0/1", value_parser = shard)]
    pub shard: Shard,
    /// How to take failures
    #[command(flatten)]
    pub failures: FailureArgs,
}

/// A share of the chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Which share.
    pub index: u64,
    /// Of how many.
    pub count: u64,
}

fn shard(text: &str) -> Result<Shard, String> {
    let parts = text.split_once('/').and_then(|(index, count)| Some((index.parse().ok()?, count.parse().ok()?)));
    match parts {
        Some((index, count)) if index < count => Ok(Shard { index, count }),
        _ => Err("expected i/n with 0 <= i < n, such as 0/4".into()),
    }
}

/// A scheduler of clusters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Engine {
    /// Slurm
    Slurm,
}

/// `sweep submit`.
#[derive(Args)]
pub struct SubmitArgs {
    /// The sweep's folder, where all nodes see it
    pub folder: PathBuf,
    /// The scheduler
    #[arg(long, value_enum)]
    pub engine: Engine,
    /// The partition [default: the cluster's]
    #[arg(long, value_name = "NAME")]
    pub partition: Option<String>,
    /// Time limit of an array task; one that needs longer is queued again
    #[arg(long, value_name = "TIME", default_value = "01:00:00")]
    pub time: String,
    /// Array tasks; each works on many chunks [default: up to 64]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub array_size: Option<u64>,
    /// Print the script, submit nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// `sweep status`.
#[derive(Args)]
pub struct StatusArgs {
    /// The sweep's folder
    pub folder: PathBuf,
    /// Print JSON instead of the table
    #[arg(long)]
    pub json: bool,
}

/// `sweep retry`.
#[derive(Args)]
pub struct RetryArgs {
    /// The sweep's folder
    pub folder: PathBuf,
    /// Chunks with failed runs or with damaged files
    #[arg(long, required = true)]
    pub failed: bool,
}

/// `sweep collect`.
#[derive(Args)]
pub struct CollectArgs {
    /// The sweep's folder
    pub folder: PathBuf,
    /// The table of records, .parquet or .csv; the table of runs is put beside it as .runs.parquet or .runs.csv
    #[arg(short, long, value_name = "FILE")]
    pub out: PathBuf,
    /// Collect what is there, though the sweep is not complete
    #[arg(long)]
    pub partial: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_counted_from_zero() {
        assert_eq!(shard("3/4"), Ok(Shard { index: 3, count: 4 }));
        for bad in ["4/4", "1", "a/b", "-1/2", "0/0"] {
            assert!(shard(bad).is_err(), "{bad}");
        }
    }
}
