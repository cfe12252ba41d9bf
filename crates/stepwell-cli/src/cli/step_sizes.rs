//! `phase` and `advise`.

use std::path::PathBuf;

use clap::Args;
use stepwell_lab::phase::StepSizes;

use super::ResultArgs;

/// A share between 0 and 1, both left out.
fn inner_share(text: &str) -> Result<f64, String> {
    let value = text.parse::<f64>().ok().filter(|value| *value > 0.0 && *value < 1.0);
    value.ok_or_else(|| "expected a number between 0 and 1".into())
}

/// `phase`.
#[derive(Args)]
pub struct PhaseArgs {
    /// The spec, a TOML file (- for stdin), or the name of a figure
    pub spec: PathBuf,
    /// Try k step sizes from lo to hi, half of them placed where the shares change most [default: 24, from a quarter of
    /// the smallest threshold of the data to beyond where all runs diverge]
    #[arg(long, value_name = "LO:HI:K")]
    pub step_sizes: Option<StepSizes>,
    /// Runs at each step size
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub seeds: u64,
    /// Draw a fresh data set for each seed
    #[arg(long)]
    pub fresh: bool,
    /// Decay after this share of the run [default: the spec's decays; 0.5 where it has none]
    #[arg(long, value_name = "F", value_parser = inner_share)]
    pub decay_after: Option<f64>,
    /// Divide the step size by this at that point [default: 4]
    #[arg(long, value_name = "D", value_parser = divisor)]
    pub divide_by: Option<f64>,
    /// Change a key of the spec (may be given again)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub sets: Vec<String>,
    /// What becomes of the results
    #[command(flatten)]
    pub results: ResultArgs,
}

/// What a step size is divided by.
fn divisor(text: &str) -> Result<f64, String> {
    let value = text.parse::<f64>().ok().filter(|value| *value > 1.0 && value.is_finite());
    value.ok_or_else(|| "expected a number above 1".into())
}

/// `advise`.
#[derive(Args)]
pub struct AdviseArgs {
    /// The spec, a TOML file (- for stdin), or the name of a figure; its decays are replaced
    pub spec: PathBuf,
    /// The share of diverged runs that the step size stays below, with 95% confidence
    #[arg(long, value_name = "SHARE", default_value_t = 0.05, value_parser = inner_share)]
    pub level: f64,
    /// Runs that must bear that out, at least; up to four times as many where these cannot tell
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub seeds: u64,
    /// A linear warm-up from a tenth of the step size over this share of the run; 0 means none [default: the
    /// spec's; where it has none, one is tried]
    #[arg(long, value_name = "F", value_parser = warmup_share)]
    pub warmup: Option<f64>,
    /// Draw a fresh data set for each seed
    #[arg(long)]
    pub fresh: bool,
    /// Work the advice out on N fresh data sets as well, and judge it there
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub validate: Option<u64>,
    /// Change a key of the spec (may be given again)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub sets: Vec<String>,
    /// What becomes of the results
    #[command(flatten)]
    pub results: ResultArgs,
}

/// A share of the run for a warm-up.
fn warmup_share(text: &str) -> Result<f64, String> {
    let value = text.parse::<f64>().ok().filter(|value| (0.0..1.0).contains(value));
    value.ok_or_else(|| "expected a share of the run from 0 to below 1".into())
}
