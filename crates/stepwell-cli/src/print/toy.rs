//! The scalar toy model: statements of the theory with what was measured, as a table.

use stepwell_lab::experiment::Experiment;
use stepwell_lab::findings::toy::{PATHS, PHI, Toy};

use crate::output::table;

/// One row per statement.
pub fn in_words(experiment: &Experiment, found: &Toy) -> String {
    let mut table = table(&["statement", "theory", "measured", "verdict"]);
    for check in &found.checks {
        table.add_row([&check.statement, &check.theory, &check.measured, check.finding.name()]);
    }
    let paths = experiment.settings.iter().find(|setting| setting.label == PATHS);
    let (steps, seeds) = paths.map_or((0, 0), |paths| (paths.steps, paths.outcomes.len()));
    let first = paths.and_then(|paths| paths.outcomes.first()).and_then(|run| run.records.line(PHI).1.first().copied());
    format!(
        "{}\n{steps} steps from φ = {}, {seeds} seeds; φ = θ/θ*, losses in units of E[x²] θ*⁴\n{}\n",
        experiment.title,
        first.unwrap_or(f64::NAN),
        table.trim_fmt()
    )
}
