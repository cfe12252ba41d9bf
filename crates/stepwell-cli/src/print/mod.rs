//! What is printed of an experiment: one file per kind of findings.

mod advice;
pub mod diverged;
mod observation;
mod phase;
mod published;
mod quadratic;
mod runs;
mod sde;
mod stabilization;
mod toy;
mod training;

use stepwell_lab::experiment::Experiment;
use stepwell_lab::findings::Findings;

/// The experiment in words and tables.
pub fn in_words(experiment: &Experiment) -> String {
    match &experiment.findings {
        Findings::Published(found) => published::in_words(experiment, found),
        Findings::Quadratic(found) => quadratic::in_words(experiment, found),
        Findings::Sde(found) => sde::in_words(experiment, found),
        Findings::Toy(found) => toy::in_words(experiment, found),
        Findings::Phase(found) => phase::in_words(experiment, found),
        Findings::Advice(found) => advice::in_words(experiment, found),
        Findings::Training(found) => training::in_words(experiment, found),
        Findings::Runs => runs::in_words(experiment),
    }
}
