//! The command line: what can be asked for.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use stepwell_lab::phase::StepSizes;
use stepwell_store::run_folder::{Claim, Format};

use crate::commands::sweep::args::SweepCommand;

/// A laboratory for SGD with large step sizes.
#[derive(Parser)]
#[command(name = "stepwell", version, about = "A laboratory for SGD with large step sizes", after_help = EXIT_CODES, propagate_version = true)]
pub struct Cli {
    /// Threads to use; 0 is one per core. Results do not depend on it
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

/// What can be reproduced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Figure {
    /// Diagonal linear networks: loss stabilization and sparse features (the paper's first figure)
    Diagonal,
    /// A ReLU network on 12 points in 1D: kinks vanish, features become sparse
    #[value(name = "relu-1d")]
    Relu1d,
    /// A two-layer ReLU student of a two-layer teacher
    #[value(name = "teacher-2")]
    Teacher2,
    /// A three-layer ReLU student of a three-layer teacher
    #[value(name = "teacher-3")]
    Teacher3,
    /// SGD beside label noise at a fixed level and its stochastic differential equations
    Sde,
    /// Gradient descent on a quadratic: the three regimes against their closed forms
    Quadratic,
    /// The scalar toy model: bouncing, its regions, its bifurcations
    Toy,
    /// A DenseNet on images: sparse features of a deep network, in minutes or at the published scale (build with
    /// --features deep)
    #[value(name = "densenet")]
    DenseNet,
}

impl Figure {
    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Diagonal => "diagonal",
            Self::Relu1d => "relu-1d",
            Self::Teacher2 => "teacher-2",
            Self::Teacher3 => "teacher-3",
            Self::Sde => "sde",
            Self::Quadratic => "quadratic",
            Self::Toy => "toy",
            Self::DenseNet => "densenet",
        }
    }
}

/// Where results go, and how.
#[derive(Args)]
pub struct ResultArgs {
    /// Where results go [default: a folder in results/ with the name of the spec or figure]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Replace what other results left in the folder; without it, results that are at hand are not computed again
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

/// `reproduce`.
#[derive(Args)]
pub struct ReproduceArgs {
    /// The figure
    pub figure: Figure,
    /// Runs per setting, each with its own seed [default: 100; 1 for densenet]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub seeds: Option<u64>,
    /// Use N fresh data sets, one per seed, instead of the published one
    #[arg(long, value_name = "N", conflicts_with = "seeds", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub fresh: Option<u64>,
    /// Scale the step sizes of each data set by its own threshold, as they stand to that of the published one: the
    /// mean-square threshold at the solution that small steps lead to
    #[arg(long)]
    pub relative: bool,
    /// What only densenet has
    #[command(flatten)]
    pub deep: DenseNetArgs,
    /// What becomes of the results
    #[command(flatten)]
    pub results: ResultArgs,
}

/// `reproduce densenet`: which images, how, at which scale.
#[derive(Args, Default)]
#[command(next_help_heading = "Only for densenet")]
pub struct DenseNetArgs {
    /// The data set [default: fashion-mnist]
    #[arg(long, value_name = "SET")]
    pub data: Option<ImageSet>,
    /// How it is trained [default: basic]
    #[arg(long)]
    pub setting: Option<Setting>,
    /// How large network, images and time are [default: small]
    #[arg(long)]
    pub scale: Option<Scale>,
    /// The large step size [default: by data set, setting and scale; it is printed at the start]
    #[arg(long, value_name = "ETA", value_parser = step_size)]
    pub step_size: Option<f64>,
    /// The small step size that it is compared with
    #[arg(long, value_name = "ETA", value_parser = step_size)]
    pub small_step_size: Option<f64>,
    /// Change a key of the spec, as in training.epochs=10 (may be given again)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub sets: Vec<String>,
    /// Where data sets are [default: STEPWELL_DATA; else ./data and /usr/share/datasets]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// What computes: cpu, cuda, cuda:N or wgpu [default: cpu]
    #[arg(long, value_name = "NAME")]
    pub device: Option<String>,
}

impl DenseNetArgs {
    /// What was given, flag by flag, with its value.
    pub fn given(&self) -> Vec<(&'static str, String)> {
        let one = |flag, value: Option<String>| value.map(|value| (flag, value));
        let path = |path: &PathBuf| path.display().to_string();
        let mut given: Vec<_> = [
            one("--data", self.data.as_ref().map(word)),
            one("--setting", self.setting.as_ref().map(word)),
            one("--scale", self.scale.as_ref().map(word)),
            one("--step-size", self.step_size.map(|eta| eta.to_string())),
            one("--small-step-size", self.small_step_size.map(|eta| eta.to_string())),
            one("--data-dir", self.data_dir.as_ref().map(path)),
            one("--device", self.device.clone()),
        ]
        .into_iter()
        .flatten()
        .collect();
        given.extend(self.sets.iter().map(|set| ("--set", set.clone())));
        given
    }
}

/// A choice as it is written on the command line.
pub fn word(choice: &impl ValueEnum) -> String {
    choice.to_possible_value().map_or(String::new(), |value| value.get_name().to_owned())
}

/// Image data sets of the published experiments, and one that is at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ImageSet {
    /// Articles of clothing, gray, 28 x 28, 10 classes
    FashionMnist,
    /// Photographs, 32 x 32, 10 classes
    Cifar10,
    /// Photographs, 32 x 32, 100 classes
    Cifar100,
    /// Photographs, 64 x 64, 200 classes
    #[value(name = "tiny-imagenet")]
    TinyImageNet,
}

/// The published settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Setting {
    /// Plain SGD with exponential warm-up: no momentum, no weight decay, no augmentation
    Basic,
    /// Momentum, weight decay and augmentation, without warm-up
    Sota,
}

/// Network, images and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scale {
    /// DenseNet-16-12 on 5,120 images at half size, 50 epochs: minutes
    Small,
    /// DenseNet-100-12 on all images, batch 256, 100 epochs: for a GPU
    Paper,
}

/// A positive number.
fn step_size(text: &str) -> Result<f64, String> {
    let value = text.parse::<f64>().ok().filter(|value| *value > 0.0 && value.is_finite());
    value.ok_or_else(|| "expected a number above 0".into())
}

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
    /// Go on in a folder that an interrupted run left, from its checkpoint: same spec, same bytes
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
    /// What computes: cpu, cuda, cuda:N or wgpu
    #[arg(long, value_name = "NAME", default_value = "cpu")]
    pub device: String,
    /// Go on from the last good checkpoint in the folder, to the same bytes
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
    /// From lo to hi in k step sizes, half of them placed where the fates of runs change [default: 24, from a quarter of
    /// the mean-square threshold to where all runs diverge]
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
    /// Divide the step size by this then [default: 4]
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
    /// Runs that must bear that out; at 5% at least 73, of which none may diverge
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub seeds: u64,
    /// A linear warm-up from a tenth of the step size over this share of the run; 0 is none [default: the spec's]
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

/// `report`.
#[derive(Args)]
pub struct ReportArgs {
    /// Folders of results of run, reproduce or sweep
    #[arg(required = true, value_name = "DIR")]
    pub folders: Vec<PathBuf>,
    /// The file; its ending says what it is: .html, .svg, .png or .pdf [default: report.html]
    #[arg(short, long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// A figure as SVG [default name: report.svg]
    #[arg(long, group = "format")]
    pub svg: bool,
    /// A figure as PNG [default name: report.png]
    #[arg(long, group = "format")]
    pub png: bool,
    /// A figure as PDF for a paper: of its final width, letters as outlines [default name: report.pdf]
    #[arg(long, alias = "pdf-ready", group = "format")]
    pub pdf: bool,
    /// Width of the PDF in inches; below 4 panels stand in one column
    #[arg(long, value_name = "INCHES", default_value_t = 6.75, value_parser = inches)]
    pub width: f32,
    /// Event files for TensorBoard, a folder a run below LOGDIR
    #[arg(long, value_name = "LOGDIR", group = "format", conflicts_with = "out")]
    pub tensorboard: Option<PathBuf>,
    /// Only these series (train_loss,rank,step_size, say)
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub series: Vec<String>,
    /// About how many runs are drawn one by one; medians, bands and tables are over all
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub runs: usize,
    /// Report what is there, where an experiment has not ended
    #[arg(long)]
    pub partial: bool,
}

/// A width for a page.
fn inches(text: &str) -> Result<f32, String> {
    let value = text.parse::<f32>().ok().filter(|value| (1.0..=40.0).contains(value));
    value.ok_or_else(|| "expected inches from 1 to 40".into())
}

/// `spec`.
#[derive(Subcommand)]
pub enum SpecCommand {
    /// Check specs and the files they name
    Check {
        /// The specs
        #[arg(required = true)]
        specs: Vec<PathBuf>,
    },
    /// Print a spec with all defaults and changes
    Show {
        /// A spec file, or the name of a figure
        spec: PathBuf,
        /// Change a key of the spec (may be given again)
        #[arg(long = "set", value_name = "KEY=VALUE")]
        sets: Vec<String>,
    },
    /// Print the JSON Schema of specs
    Schema {
        /// Of which command
        #[arg(value_enum, default_value_t)]
        of: SpecKind,
    },
}

/// The kinds of specs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum SpecKind {
    /// What `run` takes, and all that simulate
    #[default]
    Run,
    /// What `train` takes
    Train,
}

/// `measure`.
#[derive(Subcommand)]
pub enum MeasureCommand {
    /// Feature sparsity coefficient of a layer's activations
    Sparsity(SparsityArgs),
    /// Numerical rank of a matrix
    Rank {
        /// A .npy, .npz or .safetensors file
        file: PathBuf,
        /// How large a singular value must be, relative to the largest
        #[arg(long, value_name = "T", default_value_t = 1e-4)]
        tol: f64,
        /// The array, where the file holds several
        #[arg(long, visible_alias = "tensor", value_name = "NAME")]
        array: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// What a trained network's features, Jacobian or Hessian look like
    #[command(flatten)]
    Network(NetworkMeasure),
}

/// `measure` of the network in a checkpoint of `train`.
#[derive(Subcommand)]
pub enum NetworkMeasure {
    /// Write activations of training images at named places to a .safetensors file, which `measure sparsity` reads
    Activations {
        /// The network and its images
        #[command(flatten)]
        of: NetworkArgs,
        /// Where in the network, such as block3 or pooled (may be given again)
        #[arg(long = "at", value_name = "PLACE", required = true)]
        places: Vec<String>,
        /// The file to write
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Rank and singular values of the Jacobian of a random combination of logits at test images
    Jacobian {
        /// The network and its images
        #[command(flatten)]
        of: NetworkArgs,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Sharpness, the largest eigenvalue of the Hessian of the loss on training images in one batch, and batch sharpness, the
    /// curvature that gradients of mini-batches meet in their own losses
    Sharpness {
        /// The network and its images
        #[command(flatten)]
        of: NetworkArgs,
        /// Mini-batches of the training's size for batch sharpness
        #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..))]
        batches: u64,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

impl NetworkMeasure {
    /// The name on the command line.
    #[cfg(not(feature = "deep"))]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Activations { .. } => "activations",
            Self::Jacobian { .. } => "jacobian",
            Self::Sharpness { .. } => "sharpness",
        }
    }
}

/// The network of a checkpoint and images to measure it on.
#[derive(Args)]
pub struct NetworkArgs {
    /// A checkpoint.safetensors, or the folder of a training
    pub checkpoint: PathBuf,
    /// How many images [default: record.sparsity_images of its spec; 128 for jacobian and sharpness]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub images: Option<u64>,
    /// Where data sets are [default: STEPWELL_DATA; else ./data and /usr/share/datasets]
    #[arg(long, visible_alias = "data", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// What computes: cpu, cuda, cuda:N or wgpu
    #[arg(long, value_name = "NAME", default_value = "cpu")]
    pub device: String,
}

/// `measure sparsity`.
#[derive(Args)]
pub struct SparsityArgs {
    /// A .npy, .npz or .safetensors file: samples x neurons; further dimensions are flattened behind the first
    pub file: PathBuf,
    /// Neurons whose absolute correlation exceeds this are duplicates
    #[arg(long, value_name = "C", default_value_t = 0.95)]
    pub threshold: f64,
    /// Divide each sample's activations by their norm first, as for the shallow networks
    #[arg(long)]
    pub normalize: bool,
    /// Count entries other than 0 as active, not only those above 0
    #[arg(long)]
    pub nonzero: bool,
    /// Take N neurons at random, as for layers wider than 1000
    #[arg(long, value_name = "N")]
    pub subset: Option<usize>,
    /// The seed of --subset
    #[arg(long, value_name = "N", default_value_t = 1, requires = "subset")]
    pub seed: u64,
    /// The array, where the file holds several
    #[arg(long, visible_alias = "tensor", value_name = "NAME")]
    pub array: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `data`.
#[derive(Subcommand)]
pub enum DataCommand {
    /// Say which of the known data sets are found, where, and how to get the others
    List {
        /// Where data sets are [default: STEPWELL_DATA; else ./data and /usr/share/datasets]
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Read data sets to their end: counts, shapes, labels, checksums. Exits with 6 if a file is damaged, 3 if something is
    /// missing or not what it should be
    Check {
        /// The data sets; all that are found if none is named
        #[arg(value_name = "NAME")]
        names: Vec<String>,
        /// Where data sets are [default: STEPWELL_DATA; else ./data and /usr/share/datasets]
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// `verify`.
#[derive(Args)]
pub struct VerifyArgs {
    /// The claims; all of them if none is named
    #[arg(value_name = "CLAIM")]
    pub claims: Vec<String>,
    /// Seeds of statistical checks; too few leave them undecided
    #[arg(long, value_name = "N")]
    pub seeds: Option<u64>,
    /// With toy-theorem: print the lemmas of its proof by machine
    #[arg(long)]
    pub certify: bool,
    /// With toy-alternation or toy-bound: smallest gamma
    #[arg(long, value_name = "A", allow_negative_numbers = true)]
    pub gamma_min: Option<f64>,
    /// With toy-alternation or toy-bound: largest gamma
    #[arg(long, value_name = "B", allow_negative_numbers = true)]
    pub gamma_max: Option<f64>,
    /// With toy-alternation: find the largest gamma that can be certified, to 1e-4
    #[arg(long)]
    pub search: bool,
    /// With toy-bound: whether --value bounds the loss from below or above
    #[arg(long, value_name = "SIDE")]
    pub inequality: Option<BoundSide>,
    /// With toy-bound: the bound, in units of E[x^2] theta_*^4
    #[arg(long, value_name = "V", allow_negative_numbers = true)]
    pub value: Option<f64>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// The side of a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum BoundSide {
    /// The loss lies above the value.
    Lower,
    /// The loss lies below the value.
    Upper,
}
