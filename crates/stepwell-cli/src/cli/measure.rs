//! `measure` and `verify`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// `measure`.
#[derive(Subcommand)]
pub enum MeasureCommand {
    /// Feature sparsity coefficient of a layer's activations (lower is sparser)
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
    /// Sharpness, the largest eigenvalue of the Hessian of the loss on training images in one batch, and both kinds of batch
    /// sharpness, the curvature that mini-batches meet along their own gradients in their own losses
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
    /// The device to compute on: cpu, cuda, cuda:N or wgpu
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
