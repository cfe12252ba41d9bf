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
use crate::experiments::experiment;
use crate::findings::published::Asked;

/// What can be reproduced without deep networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// Diagonal linear networks.
    Diagonal,
    /// A ReLU network on 12 points in 1D.
    Relu1d,
    /// A two-layer ReLU student of a two-layer teacher.
    Teacher2,
    /// A three-layer ReLU student of a three-layer teacher.
    Teacher3,
    /// SGD beside its stochastic differential equations.
    Sde,
    /// Gradient descent on a quadratic.
    Quadratic,
    /// The scalar toy model.
    Toy,
}

impl Figure {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Diagonal, Self::Relu1d, Self::Teacher2, Self::Teacher3, Self::Sde, Self::Quadratic, Self::Toy];

    /// Its name, also that of its spec.
    pub fn name(self) -> &'static str {
        match self {
            Self::Diagonal => "diagonal",
            Self::Relu1d => "relu-1d",
            Self::Teacher2 => "teacher-2",
            Self::Teacher3 => "teacher-3",
            Self::Sde => "sde",
            Self::Quadratic => "quadratic",
            Self::Toy => "toy",
        }
    }

    /// Its spec, as TOML.
    pub fn text(self) -> &'static str {
        experiment(self.name()).expect("each figure has a spec")
    }

    /// The figure of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|figure| figure.name() == name)
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// The figure.
    pub figure: Figure,
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
/// figure that is not of the paper.
pub fn reproduce(question: &Question, watch: &dyn Watch) -> Result<Experiment, LabError> {
    let &Question { figure, seeds, fresh, relative } = question;
    let spec: Spec = toml::from_str(figure.text()).expect("specs of the program are sound");
    match figure {
        Figure::Diagonal | Figure::Relu1d | Figure::Teacher2 | Figure::Teacher3 => {
            let asked = Asked { figure: figure.name().into(), seeds, fresh, relative };
            published::reproduce(asked, &spec, watch)
        }
        _ if relative => Err(LabError::Usage(format!(
            "relative step sizes: {} has step sizes of its own, expected a figure of the paper",
            figure.name()
        ))),
        Figure::Sde => sde::reproduce(seeds, fresh, &spec, watch),
        Figure::Quadratic => quadratic::reproduce(seeds, &spec, watch),
        Figure::Toy => toy::reproduce(seeds, &spec, watch),
    }
}
