//! Settings of which all runs diverged, in a line each.

use stepwell_lab::experiment::Experiment;
use stepwell_lab::findings::Findings;

/// The lines, with what may help; empty where runs are left, and of experiments that are made to diverge.
pub fn in_words(experiment: &Experiment, help: Option<&str>) -> String {
    let meant = matches!(experiment.findings, Findings::Quadratic(_) | Findings::Phase(_) | Findings::Advice(_));
    let settings = if meant { &[] } else { &experiment.settings[..] };
    let help = help.map_or(String::new(), |help| format!("; {help}"));
    let line = |(label, words): (&str, String)| match settings {
        [_] => format!("{words}{help}\n"),
        _ => format!("{label}: {words}{help}\n"),
    };
    settings.iter().filter_map(|setting| Some((&*setting.label, setting.all_diverged_words()?))).map(line).collect()
}
