//! Verdicts on the loss at a large step size, in words.

use stepwell::verdict::{Behavior, Drift, Pooled, Stabilization};
use stepwell::words::{short, thousands};

/// The verdict on a setting, and how many runs would tell where these do not.
pub fn verdict_text(found: &Pooled) -> String {
    match found.runs_needed() {
        Some(runs) => format!("cannot tell (about {} runs would)", thousands(runs as u64)),
        None => found.behavior.name().into(),
    }
}

/// How many runs have each verdict.
pub fn singles_text(found: &Pooled) -> String {
    let parts: Vec<String> =
        found.single.iter().map(|(behavior, runs)| format!("{runs} {}", behavior.name())).collect();
    if parts.is_empty() { "–".into() } else { parts.join(", ") }
}

/// A factor with its interval, where there is one.
pub fn drift_text(drift: &Drift) -> String {
    match drift {
        Drift { factor, .. } if factor.is_nan() => "–".into(),
        Drift { factor, low, high } if *low > 0.0 && high.is_finite() => {
            format!("{} [{}, {}]", short(*factor), short(*low), short(*high))
        }
        Drift { factor, .. } => short(*factor),
    }
}

/// The verdict on one run, with its numbers.
pub fn run_text(found: &Stabilization) -> String {
    let Stabilization { behavior, drift, from, level, p10, p90, to, .. } = found;
    let drift_words = || format!("drift {}", drift_text(drift));
    match behavior {
        Behavior::TooShort => format!("too short to tell ({} steps at the large step size)", thousands(to + 1)),
        Behavior::Diverges => "diverged".into(),
        Behavior::Stabilizes => format!(
            "stabilized at {} [{}, {}] from step {}; {}",
            short(*level),
            short(*p10),
            short(*p90),
            thousands(*from),
            drift_words()
        ),
        Behavior::CannotTell => {
            let more = drift.more_needed().map_or(String::new(), |times| {
                format!(
                    "; a phase {} times as long, or {} seeds, would tell",
                    short(times.ceil()),
                    (times.ceil() as usize).max(6)
                )
            });
            format!("cannot tell: {}{more}", drift_words())
        }
        behavior => format!("{}, level {}; {}", behavior.name(), short(*level), drift_words()),
    }
}
