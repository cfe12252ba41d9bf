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

use crate::output::explained;

/// The experiment in words and tables, with its notes, and where these words are explained.
pub fn in_words(experiment: &Experiment) -> String {
    let notes: String = experiment.notes.iter().map(|note| format!("\nnote     {note}\n")).collect();
    let told = found(experiment) + &notes;
    format!("{}\n\n{}\n", told.trim_end(), explained(explained_words(&experiment.findings)))
}

fn found(experiment: &Experiment) -> String {
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

/// Of each kind of findings, some words of what is printed that are not everyday ones.
const PUBLISHED: &[&str] = &["published indices", "within", "drift", "stabilized", "level δ", "sign test"];
const QUADRATIC: &[&str] = &["as the closed form", "diverged"];
const SDE: &[&str] = &["log factor", "on the support", "distance to SGD"];
const TOY: &[&str] = &["2-cycle", "Lyapunov exponent", "holds"];
const PHASE: &[&str] = &["converges", "stabilizes", "cannot tell", "level δ", "mean-square", "Lyapunov exponent"];
const ADVICE: &[&str] = &["large steps help", "drift", "level", "mean-square", "converge"];
const TRAINING: &[&str] = &["feature sparsity", "effective rank", "stabilized", "too few"];
const RUNS: &[&str] = &["diverged", "drift", "level", "each run by itself"];

fn explained_words(findings: &Findings) -> &'static [&'static str] {
    match findings {
        Findings::Published(_) => PUBLISHED,
        Findings::Quadratic(_) => QUADRATIC,
        Findings::Sde(_) => SDE,
        Findings::Toy(_) => TOY,
        Findings::Phase(_) => PHASE,
        Findings::Advice(_) => ADVICE,
        Findings::Training(_) => TRAINING,
        Findings::Runs => RUNS,
    }
}

#[cfg(test)]
mod tests {
    use stepwell_lab::glossary::find;

    use super::*;

    #[test]
    fn words_that_are_named_are_explained() {
        for word in [PUBLISHED, QUADRATIC, SDE, TOY, PHASE, ADVICE, TRAINING, RUNS].into_iter().flatten() {
            assert!(find(word).is_some(), "{word}");
        }
    }
}
