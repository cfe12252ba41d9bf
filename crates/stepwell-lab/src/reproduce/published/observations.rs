//! The paper's observations as tests over paired seeds: the loss stabilizes; the longer the step size stays large, the
//! smaller the test loss, the rank, and the share of features that is left.

use stepwell::statistics::Share;
use stepwell::verdict::{Behavior, Effect, Finding, Observation, Pooled};
use stepwell::words::probe_words;

use crate::setting::Setting;

/// All observations that the figure can speak to, in the series `names` that were recorded.
pub fn observations(settings: &[Setting], names: &[String]) -> Vec<Observation> {
    let decays = |setting: &&Setting| setting.timetable.as_ref().is_some_and(|table| !table.decays.is_empty());
    let mut large: Vec<&Setting> = settings.iter().filter(decays).collect();
    large.sort_by_key(|setting| setting.last_large);
    let mut out: Vec<Observation> = large.iter().map(|setting| stabilization(setting)).collect();
    if let [short, .., long] = large[..] {
        let claimed = |name: &&String| {
            matches!(name.as_str(), "test_loss" | "rank" | "nonzero")
                || name.starts_with("feature_sparsity")
                || name.starts_with("nonzero_share")
        };
        out.extend(names.iter().filter(claimed).map(|name| shrinks(name, short, long)));
    }
    out
}

/// The verdict on the setting decides; runs that diverged meanwhile, or were too short, are left out. Effect: its drift.
fn stabilization(setting: &Setting) -> Observation {
    let Pooled { behavior, drift, runs, .. } = setting.stabilization();
    let stabilized = setting.stabilizations().iter().filter(|run| run.behavior == Behavior::Stabilizes).count();
    let statement = "the loss stabilizes while the step size is large, unless it diverges";
    let effect = Effect { unit: "drift, factor".into(), median: drift.factor, low: drift.low, high: drift.high };
    let finding = match behavior {
        Behavior::Stabilizes => Finding::Holds,
        Behavior::Flat | Behavior::CannotTell | Behavior::TooShort => Finding::CannotTell,
        _ => Finding::DoesNotHold,
    };
    let share = Share::of(stabilized, runs);
    Observation { finding, ..Observation::new(statement, &*setting.label, share, (runs > 0).then_some(effect)) }
}

/// Whether the last value of a series is smaller where the step size was large for longer, seed by seed; pairs of which
/// one diverged are left out.
fn shrinks(name: &str, short: &Setting, long: &Setting) -> Observation {
    let pairs: Vec<(f64, f64)> =
        short.finals(name).into_iter().zip(long.finals(name)).filter(|(a, b)| !a.is_nan() && !b.is_nan()).collect();
    let share = Share::of(pairs.iter().filter(|(a, b)| b < a).count(), pairs.len());
    let is_loss = name.ends_with("loss");
    let sizes: Vec<f64> = pairs.iter().map(|(a, b)| if is_loss { b / a } else { b - a }).collect();
    let effect = Effect::of(if is_loss { "ratio" } else { "difference" }, &sizes);
    let statement = format!("the longer, the smaller the {}", probe_words(name));
    Observation::new(statement, format!("{} → {}", short.label, long.label), share, effect)
}
