//! SGD beside its stochastic differential equations, as a table.

use stepwell::words::{band_text, share_text, short, thousands};
use stepwell_lab::experiment::Experiment;
use stepwell_lab::findings::sde::{SERIES, Sde};

use crate::output::table;

const LEGEND: &str = "log factor: median over coordinates of ln(|u² − v²| / |u₀² − v₀²|), not below round-off; on and off the support: mean |β_j| where β* is \
     not zero and where it is;\ndistance: sliced Wasserstein distance of β to SGD's paths; its floor: between two halves of SGD's paths";

/// One row per law.
pub fn in_words(experiment: &Experiment, found: &Sde) -> String {
    let mut table = table(&[
        "description",
        "diverged [95%]",
        "train loss",
        "log factor",
        "on the support",
        "off the support",
        "distance to SGD (floor)",
    ]);
    for (setting, law) in experiment.settings.iter().zip(&found.laws) {
        let distance = law
            .sliced_wasserstein
            .map_or("–".into(), |distance| format!("{} ({})", short(distance.0), short(found.last_floor())));
        let mut row = vec![law.label.clone(), share_text(&setting.diverged())];
        row.extend(SERIES.iter().map(|series| band_text(&setting.band(series))));
        row.push(distance);
        table.add_row(row);
    }
    let (steps, paths) = experiment.settings.first().map_or((0, 0), |first| (first.steps, first.outcomes.len()));
    format!(
        "{}\n{} steps, {paths} paths each; values at the last recording point, of the paths that did not diverge\n{}\n{LEGEND}\n",
        experiment.title,
        thousands(steps),
        table.trim_fmt()
    )
}
