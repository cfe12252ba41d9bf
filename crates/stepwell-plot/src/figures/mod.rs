//! The picture of an experiment, from its values alone: one file per kind of findings.

mod phase;
mod published;
mod quadratic;
mod runs;
mod sde;
mod shapes;
mod toy;
mod training;

use stepwell_lab::experiment::Experiment;
use stepwell_lab::findings::Findings;

use crate::figure::Figure;

/// The picture of an experiment; `None` of one that has no picture.
pub fn figure(experiment: &Experiment) -> Option<Figure> {
    match &experiment.findings {
        Findings::Runs => Some(runs::figure(experiment)),
        Findings::Training(_) => Some(training::figure(experiment)),
        Findings::Published(found) => Some(published::figure(experiment, found)),
        Findings::Quadratic(found) => Some(quadratic::figure(experiment, found)),
        Findings::Sde(found) => Some(sde::figure(experiment, found)),
        Findings::Toy(found) => Some(toy::figure(experiment, found)),
        Findings::Phase(found) => Some(phase::figure(&experiment.title, found)),
        Findings::Advice(_) => None,
    }
}
