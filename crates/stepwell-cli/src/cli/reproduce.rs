//! `reproduce`.

use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use stepwell_lab::reproduce::{FIGURES, Figure};

use super::ResultArgs;

/// Reads the name of a figure.
fn figure() -> impl TypedValueParser<Value = &'static Figure> {
    let names = FIGURES.iter().map(|figure| PossibleValue::new(figure.name).help(figure.about));
    PossibleValuesParser::new(names).map(|name| Figure::named(&name).expect("one of the possible values"))
}

/// `reproduce`.
#[derive(Args)]
pub struct ReproduceArgs {
    /// The figure
    #[arg(value_parser = figure())]
    pub figure: &'static Figure,
    /// Runs per setting, each with its own seed [default: 100; 1 for densenet]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub seeds: Option<u64>,
    /// Use N fresh data sets, one per seed, instead of the published one
    #[arg(long, value_name = "N", conflicts_with = "seeds", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub fresh: Option<u64>,
    /// Scale the published step sizes to each data set's own mean-square threshold (at the solution that small steps lead
    /// to): their ratio to it stays that of the published data set
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
    /// How large the network is, on how many images, for how long [default: small]
    #[arg(long)]
    pub scale: Option<Scale>,
    /// The large step size [default: depends on data set, setting and scale, and is printed at the start]
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
    /// The device to compute on: cpu, cuda, cuda:N or wgpu [default: cpu]
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
