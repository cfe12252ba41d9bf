//! Deep networks on images, with bands over seeds where there are several.

use stepwell_lab::experiment::Experiment;
use stepwell_lab::setting::series_names;

use crate::axis::Scale;
use crate::figure::{Entry, Figure, Mark};
use crate::panel::Panel;
use crate::series::{Group, groups, panel};
use crate::style::INK;

/// Training loss, test error, sparsity at each place, effective rank of the Jacobian, schedule. (Its rank at few images is
/// their number all the time.)
pub fn figure(experiment: &Experiment) -> Figure {
    let shown = |name: &String| {
        matches!(&**name, "train_loss" | "test_error" | "jacobian_effective_rank" | "step_size")
            || name.starts_with("feature_sparsity")
    };
    let groups = groups(&experiment.settings);
    let names = series_names(&experiment.settings);
    let panels = names.iter().filter(|name| shown(name)).map(|name| scaled(name, &groups)).collect();
    let entry = |group: &Group<'_>| {
        let (runs, left) = (&group.setting.outcomes, group.setting.survived());
        let end = match (&runs[..], group.remark()) {
            ([run], _) => group.setting.end_words(run),
            (_, Some(remark)) => remark,
            _ if left < runs.len() => {
                format!("median and 10% to 90% of {left} of {} seeds; the others diverged", runs.len())
            }
            _ => format!("median and 10% to 90% of {left} seeds"),
        };
        Entry { mark: Mark::LineInBand(group.color), text: format!("{}\n{end}", group.label) }
    };
    let mut legend: Vec<Entry> = groups.iter().map(entry).collect();
    if experiment.settings.iter().any(|setting| !setting.decays().is_empty()) {
        legend.push(Entry { mark: Mark::Dashed(INK), text: "the step size is divided".into() });
    }
    Figure { title: experiment.title.clone(), columns: 3, panels, legend, below: Vec::new() }
}

fn scaled(name: &str, groups: &[Group<'_>]) -> Panel {
    let log = name.ends_with("loss") || name.ends_with("error") || name == "step_size";
    Panel { scale: if log { Scale::Log } else { Scale::Linear }, ..panel(name, groups) }
}
