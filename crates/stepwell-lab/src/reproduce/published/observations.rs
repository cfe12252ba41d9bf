//! The paper's observations as tests over paired seeds: the loss stabilizes; large step sizes, and the longer ones among them,
//! leave a smaller test loss, rank, and share of features. Which of two settings diverges more often is a question of its own.

use stepwell::statistics::Share;
use stepwell::verdict::{Behavior, Effect, Finding, Observation, Pooled, Signs};
use stepwell::words::probe_in_sentence;

use crate::setting::Setting;

/// All observations that the figure can speak to, in the series `names` that were recorded. Rows that compare one pair of
/// settings are corrected together.
pub fn observations(settings: &[Setting], names: &[String]) -> Vec<Observation> {
    let decays = |setting: &&Setting| setting.timetable.as_ref().is_some_and(|table| !table.decays.is_empty());
    let mut large: Vec<&Setting> = settings.iter().filter(decays).collect();
    large.sort_by_key(|setting| setting.last_large);
    let mut out: Vec<Observation> = large.iter().map(|setting| stabilization(setting)).collect();
    let small = settings.iter().find(|setting| !decays(setting));
    let mut compare = |one: &Setting, other: &Setting, what: &str| {
        let claimed = |name: &&String| {
            matches!(name.as_str(), "test_loss" | "rank" | "nonzero")
                || name.starts_with("feature_sparsity")
                || name.starts_with("nonzero_share")
        };
        let rows = names.iter().filter(claimed).map(|name| shrinks(name, one, other, what)).collect();
        out.extend(Observation::family(rows));
        out.push(diverges(one, other, what));
    };
    if let (Some(small), Some(long)) = (small, large.last()) {
        compare(small, long, "with the large step size than with the small one");
    }
    if let [short, .., long] = large[..] {
        compare(short, long, "with the longer large phase than with the shorter one");
    }
    out
}

/// The verdict on the setting decides; runs that diverged meanwhile, or were too short, are left out. Effect: its drift.
fn stabilization(setting: &Setting) -> Observation {
    let Pooled { behavior, drift, runs, .. } = setting.stabilization();
    let statement = "the loss stabilizes while the step size is large, unless it diverges";
    let is_interval = drift.low > 0.0 && drift.high.is_finite();
    let (low, high) = if is_interval { (drift.low, drift.high) } else { (drift.factor, drift.factor) };
    let effect = Effect { unit: "drift, factor".into(), median: drift.factor, low, high, is_interval };
    let finding = match behavior {
        Behavior::Stabilizes => Finding::Holds,
        Behavior::Flat | Behavior::CannotTell | Behavior::TooShort => Finding::CannotTell,
        _ => Finding::DoesNotHold,
    };
    let share = Share::of(setting.levels().len(), runs);
    let row = Observation::new(statement, &*setting.label, share, (runs > 0).then_some(effect));
    // the drift decides, not the shares of single runs
    Observation { finding, p: f64::NAN, corrected_p: f64::NAN, ..row }
}

/// Whether the last value of a series is smaller in the second setting, seed by seed; pairs of which one diverged are left out.
fn shrinks(name: &str, one: &Setting, other: &Setting, what: &str) -> Observation {
    let pairs = one.paired_finals(other, name);
    let is_loss = name.ends_with("loss");
    let sizes: Vec<f64> = pairs.iter().map(|(a, b)| if is_loss { b / a } else { b - a }).collect();
    let effect = Effect::of(if is_loss { "ratio" } else { "difference" }, &sizes);
    let less = if name == "nonzero" { "fewer" } else { "smaller" };
    let statement = format!("{less} {} {what}", probe_in_sentence(name));
    Observation::paired(statement, between(one, other), seeds(one, other), Signs::smaller(&pairs), effect)
}

/// Whether more seeds diverge in the second setting only than in the first one only.
fn diverges(one: &Setting, other: &Setting, what: &str) -> Observation {
    let runs = one.outcomes.iter().zip(&other.outcomes).filter(|(a, b)| a.has_ended() && b.has_ended());
    let pairs: Vec<(bool, bool)> = runs.map(|(a, b)| (a.diverged(), b.diverged())).collect();
    let statement = format!("diverges more often {what}");
    Observation::paired(statement, between(one, other), seeds(one, other), Signs::more_often(&pairs), None)
}

fn between(one: &Setting, other: &Setting) -> String {
    format!("{} → {}", one.label, other.label)
}

fn seeds(one: &Setting, other: &Setting) -> usize {
    one.outcomes.len().min(other.outcomes.len())
}
