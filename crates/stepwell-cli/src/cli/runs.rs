//! `run` and `train`.

use std::path::PathBuf;

use clap::Args;

use super::ResultArgs;

/// `run`.
#[derive(Args)]
pub struct RunArgs {
    /// The spec, a TOML file (- for stdin)
    pub spec: PathBuf,
    /// Change a key of the spec, as in schedule.step_size=0.2 (may be given again)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub sets: Vec<String>,
    /// The (first) seed
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// How many seeds, counted from --seed
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub seeds: u64,
    /// Fail unless the folder holds this run already. (A run that is there is resumed without this flag, too)
    #[arg(long, conflicts_with = "overwrite")]
    pub resume: bool,
    /// Exit with 1 if a run diverges
    #[arg(long)]
    pub fail_on_diverge: bool,
    /// Write event files for TensorBoard too, below `tensorboard` in the folder
    #[arg(long)]
    pub tensorboard: bool,
    /// What becomes of the results
    #[command(flatten)]
    pub results: ResultArgs,
}

/// `train`.
#[derive(Args)]
pub struct TrainArgs {
    /// The spec, a TOML file (- for stdin). A spec with variants trains them one after the other
    pub spec: PathBuf,
    /// Change a key of the spec, as in schedule.step_size=0.2 (may be given again)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub sets: Vec<String>,
    /// The seed [default: the spec's]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Where data sets are [default: STEPWELL_DATA; else ./data and /usr/share/datasets]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// The device to compute on: cpu, cuda, cuda:N or wgpu
    #[arg(long, value_name = "NAME", default_value = "cpu")]
    pub device: String,
    /// Fail unless the folder holds this training already. (A training that is there is resumed without this flag, too)
    #[arg(long, conflicts_with = "overwrite")]
    pub resume: bool,
    /// Seconds between checkpoints; the end and a stop on request write one in any case
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0)]
    pub checkpoint_every: f64,
    /// Exit with 1 if a run diverges
    #[arg(long)]
    pub fail_on_diverge: bool,
    /// What becomes of the results
    #[command(flatten)]
    pub results: ResultArgs,
}
