//! Runs over seeds, as a table of their last values.

use stepwell::words::{band_of_text, probe_label, share_text, short, thousands};
use stepwell_lab::experiment::Experiment;
use stepwell_lab::setting::{Setting, series_names};

use super::stabilization::{drift_text, run_text, singles_text, verdict_text};
use crate::output::table;

/// One row per series of a setting.
pub fn in_words(experiment: &Experiment) -> String {
    let names = series_names(&experiment.settings);
    let mut table = table(&["run", "value", "last recorded", "diverged", "loss at the large step size"]);
    for setting in &experiment.settings {
        for (k, name) in names.iter().enumerate() {
            let first = |text: String| if k == 0 { text } else { String::new() };
            table.add_row([
                first(setting.label.clone()),
                probe_label(name),
                last_text(setting, name),
                first(diverged_text(setting)),
                first(phases_text(setting)),
            ]);
        }
    }
    format!("{}\n", table.trim_fmt())
}

fn last_text(setting: &Setting, name: &str) -> String {
    match &setting.outcomes[..] {
        [run] => short(run.records.last(name)),
        _ => band_of_text(&setting.band(name), setting.survived()),
    }
}

fn diverged_text(setting: &Setting) -> String {
    match &setting.outcomes[..] {
        [run] => run.diverged_at().map_or("no".into(), |step| format!("at step {}", thousands(step))),
        _ => share_text(&setting.diverged()),
    }
}

fn phases_text(setting: &Setting) -> String {
    if let [run] = &setting.outcomes[..] {
        return run_text(&run.stabilization);
    }
    let found = setting.stabilization();
    let (verdict, singles) = (verdict_text(&found), singles_text(&found));
    if found.runs == 0 {
        return singles;
    }
    let (level, drift, runs) = (short(found.level), drift_text(&found.drift), found.runs);
    format!("{verdict}, level {level}; drift {drift} over {runs} runs (each by itself: {singles})")
}
