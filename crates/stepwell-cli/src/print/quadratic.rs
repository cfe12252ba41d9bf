//! Gradient descent on a quadratic beside its closed form, as a table.

use stepwell::verdict::Finding;
use stepwell::words::{band_text, share_text, short, significant};
use stepwell_lab::experiment::Experiment;
use stepwell_lab::findings::quadratic::{Quadratic, SAME};

use crate::output::table;

/// One row per regime.
pub fn in_words(experiment: &Experiment, found: &Quadratic) -> String {
    let mut table = table(&[
        "regime",
        "diverged [95%]",
        "last loss (or step of overflow), median [10%, 90%]",
        "closed form",
        "largest |F_t / closed form − 1|",
        "verdict",
    ]);
    for (setting, regime) in experiment.settings.iter().zip(&found.regimes) {
        table.add_row([
            regime.label.clone(),
            share_text(&setting.diverged()),
            band_text(&regime.end),
            band_text(&regime.expected_end),
            significant(regime.largest_error, 2),
            match regime.finding {
                Finding::Holds => "as the closed form".into(),
                _ => format!("differs by more than {}", short(SAME)),
            },
        ]);
    }
    let (steps, runs) = experiment.settings.first().map_or((0, 0), |first| (first.steps, first.outcomes.len()));
    format!(
        "{}\n{steps} steps; {runs} data sets, each with its own threshold 2/λ (λ: largest eigenvalue of the Hessian 2 XᵀX)\n{}\n",
        experiment.title,
        table.trim_fmt()
    )
}
