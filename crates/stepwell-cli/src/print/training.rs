//! Deep networks on images, in words and tables.

use stepwell::statistics::Band;
use stepwell::verdict::Effect;
use stepwell::words::{probe_label, short, thousands};
use stepwell_lab::experiment::Experiment;
use stepwell_lab::findings::training::{Observed, Training};
use stepwell_lab::setting::Setting;

use super::observation::seeds_text;
use super::stabilization::{drift_text, singles_text, verdict_text};
use crate::output::table;

/// What is trained, its last records, and the observations of a figure.
pub fn in_words(experiment: &Experiment, found: &Training) -> String {
    let Some(step_sizes) = &found.step_sizes else { return last_records(&experiment.settings) };
    let seeds = experiment.settings.first().map_or(0, |setting| setting.outcomes.len());
    let network = thousands(found.parameters);
    format!(
        "{}, {network} parameters\nstep sizes {} and {}: {}\n\
         {seeds} seed{} of start, images and order; values at the end.\n{}\n\nThe paper's observations, seed by seed\n{}\n",
        experiment.title,
        step_sizes.small,
        step_sizes.large,
        step_sizes.source,
        if seeds == 1 { "" } else { "s" },
        over_seeds(&experiment.settings),
        observed(&found.observations),
    )
}

/// The last records of trainings, one below the other.
fn last_records(settings: &[Setting]) -> String {
    let mut table = table(&["run", "value", "last recorded", "while the step size is large"]);
    for setting in settings {
        for run in &setting.outcomes {
            for (k, series) in run.records.series.iter().enumerate() {
                let first = |text: String| if k == 0 { text } else { String::new() };
                table.add_row([
                    first(setting.label.clone()),
                    probe_label(&series.name),
                    value_text(&series.name, &[series.last()]),
                    first(setting.end_words(run)),
                ]);
            }
        }
    }
    table.trim_fmt()
}

/// The same over seeds, without what is about the batches; diverged runs are counted, not averaged.
fn over_seeds(settings: &[Setting]) -> String {
    let mut table = table(&["run", "value", "median [10%, 90%]", "diverged", "while the step size is large"]);
    for setting in settings {
        let Some(one) = setting.outcomes.first() else { continue };
        let diverged = setting.diverged();
        let of_network = |name: &str| name != "step_size" && !name.starts_with("batch_");
        for (k, series) in one.records.series.iter().filter(|series| of_network(&series.name)).enumerate() {
            let first = |text: String| if k == 0 { text } else { String::new() };
            table.add_row([
                first(setting.label.clone()),
                probe_label(&series.name),
                over_survivors(setting, &series.name),
                first(format!("{} of {}", diverged.hits, setting.outcomes.len())),
                first(end_words(setting)),
            ]);
        }
    }
    table.trim_fmt()
}

/// Median and quantiles over the runs that have a value, and how many these are where that is not all.
fn over_survivors(setting: &Setting, name: &str) -> String {
    let (mut ends, all) = (setting.finals(name), setting.outcomes.len());
    ends.retain(|value| !value.is_nan());
    let survive = if ends.len() < all { format!(" ({} of {all} survive)", ends.len()) } else { String::new() };
    format!("{}{survive}", value_text(name, &ends))
}

/// What became of the loss: of one run in words, of several the verdict on the setting, with those on its runs.
fn end_words(setting: &Setting) -> String {
    match &setting.outcomes[..] {
        [run] => setting.end_words(run),
        _ => {
            let found = setting.stabilization();
            let drift = drift_text(&found.drift);
            format!(
                "{}; drift {drift} over {} runs (each by itself: {})",
                verdict_text(&found),
                found.runs,
                singles_text(&found)
            )
        }
    }
}

fn observed(observations: &[Observed]) -> String {
    let mut table = table(&["observation", "between", "median from → to", "in seeds [95%]", "verdict"]);
    for Observed { observation, medians } in observations {
        let name = &observation.statement;
        let effect = || observation.effect.as_ref().map_or("–".into(), Effect::words);
        let value = |v: f64| if is_share(name) { format!("{:.2}%", 100.0 * v) } else { short(v) };
        table.add_row([
            observation.statement.clone(),
            observation.between.clone(),
            medians.map_or_else(effect, |[a, b]| format!("{} → {}", value(a.0), value(b.0))),
            seeds_text(observation),
            observation.words(),
        ]);
    }
    table.trim_fmt()
}

/// Whether a value of this name is told in percent.
fn is_share(name: &str) -> bool {
    name.contains("sparsity") || name.contains("error")
}

fn value_text(name: &str, values: &[f64]) -> String {
    let text = |v: f64| if is_share(name) { format!("{:.2}%", 100.0 * v) } else { short(v) };
    let band = Band::of(values);
    match values {
        [] => "–".into(),
        [value] => text(*value),
        _ => format!("{} [{}, {}]", text(band.median), text(band.p10), text(band.p90)),
    }
}
