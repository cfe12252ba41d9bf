//! Runs over seeds as they were recorded.

use stepwell_lab::experiment::Experiment;
use stepwell_lab::setting::series_names;

use crate::figure::Figure;
use crate::series::{groups, legend, panels};

/// A panel per series, a color per setting.
pub fn figure(experiment: &Experiment) -> Figure {
    let names = series_names(&experiment.settings);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let groups = groups(&experiment.settings);
    let (panels, legend) = (panels(&names, &groups), legend(&groups));
    let title = if experiment.title.is_empty() { "stepwell".into() } else { experiment.title.clone() };
    Figure { title, columns: 3, panels, legend, below: Vec::new() }
}
