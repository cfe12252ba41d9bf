//! A figure of the paper over seeds: bands of all seeds, and the run that is shown by itself.

use stepwell_lab::experiment::Experiment;
use stepwell_lab::findings::published::Published;

use super::shapes::{movements, predictors};
use crate::figure::{Entry, Figure, Mark};
use crate::series::{groups, legend, panels};
use crate::style::INK;

/// Losses, rank and sparsity of features over the iterations; below them what the shown run has learned.
pub fn figure(experiment: &Experiment, found: &Published) -> Figure {
    let settings = &experiment.settings;
    let mut groups = groups(settings);
    groups.iter_mut().for_each(|group| group.thin = group.setting.shown().map(|run| &run.records));
    let panels = panels(&shown_series(found), &groups);
    let mut legend = legend(&groups);
    let thin = if found.known { "the published data and indices" } else { "the first seed that did not diverge" };
    legend.push(Entry { mark: Mark::Thin(INK), text: thin.into() });
    let mut below = predictors(settings, found, &mut legend);
    below.extend(movements(settings, &mut legend));
    let columns = if panels.len() + below.len() > 8 { 4 } else { 3 };
    Figure { title: experiment.title.clone(), columns, panels, legend, below }
}

/// Losses and rank first, as in the paper.
fn shown_series(found: &Published) -> Vec<&str> {
    let compared = found.variants.first().map_or(&[][..], |variant| &variant.compared);
    let recorded: Vec<&str> = compared.iter().map(|compared| &compared.series[..]).collect();
    let features =
        |name: &&str| name.starts_with("feature_sparsity") || name.starts_with("nonzero_share") || *name == "kinks";
    let first = ["train_loss", "test_loss", "rank", "nonzero"].into_iter().filter(|name| recorded.contains(name));
    first.chain(recorded.iter().copied().filter(features)).chain(["step_size"]).collect()
}
