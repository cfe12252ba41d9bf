//! The figures, as distributions over seeds, from specs that are part of the program.

mod over_seeds;
mod published;
mod quadratic;
mod sde;
mod toy;

use stepwell::spec::Spec;

use crate::drive::Watch;
use crate::error::LabError;
use crate::experiment::Experiment;
use crate::findings::published::Asked;

/// A figure that can be reproduced.
#[derive(Debug)]
pub struct Figure {
    /// Its name, also that of its spec.
    pub name: &'static str,
    /// What it shows, in one line.
    pub about: &'static str,
    /// Its spec, as TOML: the very file in `experiments/`.
    pub text: &'static str,
    /// What becomes of the spec.
    pub kind: Kind,
}

/// How a figure is made from its spec.
#[derive(Debug)]
pub enum Kind {
    /// It is one of the paper's.
    Paper {
        /// How long the authors' own scripts took for one seed, in seconds, on a machine like those this is tested on.
        authors_seconds: f64,
    },
    /// It has a way of its own.
    Own(fn(&Question, &Spec, &dyn Watch) -> Result<Experiment, LabError>),
    /// A deep network is trained, of which more can be chosen than [`Question`] has.
    Training,
}

/// The figures.
pub const FIGURES: &[Figure] = &[
    Figure {
        name: "diagonal",
        about: "Diagonal linear networks: loss stabilization and sparse features (the paper's first figure)",
        text: include_str!("../../experiments/diagonal.toml"),
        kind: Kind::Paper { authors_seconds: 35.6 },
    },
    Figure {
        name: "relu-1d",
        about: "A ReLU network on 12 points in 1D: kinks vanish, features become sparse",
        text: include_str!("../../experiments/relu-1d.toml"),
        kind: Kind::Paper { authors_seconds: 29.8 },
    },
    Figure {
        name: "teacher-2",
        about: "A two-layer ReLU student of a two-layer teacher",
        text: include_str!("../../experiments/teacher-2.toml"),
        kind: Kind::Paper { authors_seconds: 14.8 },
    },
    Figure {
        name: "teacher-3",
        about: "A three-layer ReLU student of a three-layer teacher",
        text: include_str!("../../experiments/teacher-3.toml"),
        kind: Kind::Paper { authors_seconds: 38.1 },
    },
    Figure {
        name: "sde",
        about: "SGD beside label noise at a fixed level and its stochastic differential equations",
        text: include_str!("../../experiments/sde.toml"),
        kind: Kind::Own(sde::reproduce),
    },
    Figure {
        name: "quadratic",
        about: "Gradient descent on a quadratic: the three regimes against their closed forms",
        text: include_str!("../../experiments/quadratic.toml"),
        kind: Kind::Own(quadratic::reproduce),
    },
    Figure {
        name: "toy",
        about: "The scalar toy model: bouncing, its regions, its bifurcations",
        text: include_str!("../../experiments/toy.toml"),
        kind: Kind::Own(toy::reproduce),
    },
    Figure {
        name: "densenet",
        about: "A DenseNet on images: sparse features of a deep network, in minutes or at the published scale (build with \
                --features deep)",
        text: include_str!("../../experiments/densenet-small.toml"),
        kind: Kind::Training,
    },
];

impl Figure {
    /// The figure of a name.
    pub fn named(name: &str) -> Option<&'static Self> {
        FIGURES.iter().find(|figure| figure.name == name)
    }
}

/// The spec of a figure, as TOML.
pub fn experiment(figure: &str) -> Option<&'static str> {
    Figure::named(figure).map(|figure| figure.text)
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// The figure.
    pub figure: &'static Figure,
    /// Runs per setting, each with its own seed, from 1 on.
    pub seeds: u64,
    /// Whether each seed draws a data set of its own.
    pub fresh: bool,
    /// Whether step sizes are scaled by each data set's own threshold.
    pub relative: bool,
}

/// Runs a figure's settings over seeds and finds in them what the figure shows.
///
/// # Errors
/// If the watcher wanted to stop before all runs had ended, or could not do its part; if step sizes are to be relative in a
/// figure that is not of the paper, or a deep network is to be trained.
pub fn reproduce(question: &Question, watch: &dyn Watch) -> Result<Experiment, LabError> {
    let &Question { figure, seeds, fresh, relative } = question;
    let spec = || toml::from_str(figure.text).expect("specs of the program are sound");
    match figure.kind {
        Kind::Paper { .. } => {
            let asked = Asked { figure: figure.name.into(), seeds, fresh, relative };
            published::reproduce(asked, &spec(), watch)
        }
        _ if relative => Err(LabError::Usage(format!(
            "relative step sizes: {} has step sizes of its own, expected a figure of the paper",
            figure.name
        ))),
        Kind::Own(reproduce) => reproduce(question, &spec(), watch),
        Kind::Training => Err(LabError::Usage(format!("{}: a training, expected a figure of runs", figure.name))),
    }
}
