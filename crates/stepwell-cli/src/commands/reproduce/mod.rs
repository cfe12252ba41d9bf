//! `stepwell reproduce`: the figures, from specs that are part of the program.

mod published;
mod quadratic;
mod sde;
mod toy;

use std::path::PathBuf;
use std::process::ExitCode;

use crate::cli::{Figure, ReproduceArgs};
use crate::failure::Failure;
use crate::store::Folder;

/// The spec of a figure, by the figure's name.
pub fn embedded_spec(figure: &str) -> Option<&'static str> {
    match figure {
        "diagonal" => Some(include_str!("../../../../../experiments/diagonal.toml")),
        "relu-1d" => Some(include_str!("../../../../../experiments/relu-1d.toml")),
        "teacher-2" => Some(include_str!("../../../../../experiments/teacher-2.toml")),
        "teacher-3" => Some(include_str!("../../../../../experiments/teacher-3.toml")),
        "sde" => Some(include_str!("../../../../../experiments/sde.toml")),
        "quadratic" => Some(include_str!("../../../../../experiments/quadratic.toml")),
        "toy" => Some(include_str!("../../../../../experiments/toy.toml")),
        _ => None,
    }
}

/// Reproduces a figure.
pub fn run(args: &ReproduceArgs) -> Result<ExitCode, Failure> {
    if args.relative && matches!(args.figure, Figure::Quadratic | Figure::Toy) {
        let name = args.figure.name();
        return Err(Failure::usage(format!(
            "--relative: {name} has thresholds of its own, expected a figure of the paper"
        )));
    }
    match args.figure {
        Figure::Diagonal | Figure::Relu1d | Figure::Teacher2 | Figure::Teacher3 => published::run(args),
        Figure::Sde => sde::run(args),
        Figure::Quadratic => quadratic::run(args),
        Figure::Toy => toy::run(args),
    }
}

/// How long the authors' own scripts took for one seed of a figure, in seconds, on a machine like those this is tested on.
fn authors_seconds(figure: Figure) -> Option<f64> {
    match figure {
        Figure::Diagonal => Some(35.6),
        Figure::Relu1d => Some(29.8),
        Figure::Teacher2 => Some(14.8),
        Figure::Teacher3 => Some(38.1),
        Figure::Sde | Figure::Quadratic | Figure::Toy => None,
    }
}

/// The folder that the command writes to.
fn folder(args: &ReproduceArgs) -> Result<Folder, Failure> {
    let default = || PathBuf::from("results").join(args.figure.name());
    Folder::create(&args.out.clone().unwrap_or_else(default))
}
