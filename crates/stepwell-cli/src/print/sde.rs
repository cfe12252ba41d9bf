//! SGD beside its stochastic differential equations, as a table.

use stepwell::statistics::Band;
use stepwell::words::{band_of_text, share_text, short, thousands};
use stepwell_lab::experiment::Experiment;
use stepwell_lab::findings::sde::{Law, SERIES, Sde};
use stepwell_lab::setting::Setting;

use crate::output::table;

const LEGEND: &str = "mean r²/2: of the samples that were drawn, over all steps up to there (of all samples, for noise at a fixed level); \
     level, geometric: arithmetic and geometric mean loss over the second half;\n\
     log factor: median over coordinates of ln(|u² − v²| / |u₀² − v₀²|), accumulated step by step; on and off the support: mean \
     |β_j| where β* is not zero and where it is;\n\
     distance: sliced Wasserstein distance of β to SGD's paths; in parentheses its floor: between as many and as many other paths of \
     SGD, with the middle 95%";

/// One row per law.
pub fn in_words(experiment: &Experiment, found: &Sde) -> String {
    let mut table = table(&[
        "description",
        "diverged [95%]",
        "train loss",
        "mean r²/2",
        "log factor",
        "on the support",
        "off the support",
        "level",
        "geometric",
        "distance to SGD (floor)",
    ]);
    for (setting, law) in experiment.settings.iter().zip(&found.laws) {
        let mut row = vec![law.label.clone(), share_text(&setting.diverged())];
        row.extend(SERIES.iter().map(|series| band_of_text(&setting.band(series), setting.survived())));
        row.extend(levels(setting));
        row.push(distance_text(law));
        table.add_row(row);
    }
    let (steps, paths) = experiment.settings.first().map_or((0, 0), |first| (first.steps, first.outcomes.len()));
    let last = thousands(found.steps.last().copied().unwrap_or(0));
    let delta = if found.delta.is_finite() {
        format!(
            "noise of all but SGD: at the level δ = {}, the mean of r²/2 over steps 0 to {last} of SGD (median over its paths)\n",
            short(found.delta)
        )
    } else {
        "all paths of SGD diverged: the level δ is that of the spec\n".into()
    };
    format!(
        "{}\n{} steps, {paths} paths each; values at the last recording point, step {last}, of the paths that did not diverge\n\
         {delta}{}\n{LEGEND}\n",
        experiment.title,
        thousands(steps),
        table.trim_fmt()
    )
}

/// The arithmetic and the geometric mean loss over the second half, medians over paths.
fn levels(setting: &Setting) -> [String; 2] {
    let geometric: Vec<f64> = setting.survivors().map(|run| setting.geometric_level(run)).collect();
    [setting.stabilization().level, Band::of(&geometric).median].map(short)
}

fn distance_text(law: &Law) -> String {
    let Some(distance) = law.sliced_wasserstein else { return "–".into() };
    let floor = law.floor.last().map_or("–".into(), |floor| {
        let [median, low, high] = [floor.median, floor.low, floor.high].map(short);
        format!("{median} [{low}, {high}]")
    });
    format!("{} ({floor})", short(distance.0))
}
