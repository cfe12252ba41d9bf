//! Trainings of deep networks as settings over seeds: whether large steps give a lower test error and sparser features there too.

#[cfg(feature = "deep")]
pub mod densenet;
#[cfg(feature = "deep")]
mod runs;

#[cfg(feature = "deep")]
pub use runs::{labeled, setting};
use stepwell::number::Number;
use stepwell::statistics::{Share, quantile};
use stepwell::verdict::{Behavior, Observation, Signs};
use stepwell::words::probe_in_sentence;

use crate::findings::training::Observed;
use crate::setting::{Setting, series_names};

/// The paper's observations, of settings in this order: a small step, then decays of a large one from the earliest to the latest.
pub fn observations(settings: &[Setting]) -> Vec<Observed> {
    let [small, early, .., late] = settings else { return Vec::new() };
    let mut found = vec![stabilization(late)];
    found.push(smaller("test_error", "smaller test error with large steps than with small ones".into(), small, late));
    for name in series_names([late]) {
        if name == "test_error" || name == "jacobian_effective_rank" || name.starts_with("feature_sparsity") {
            found.push(smaller(
                &name,
                format!("smaller {} with the longer large phase than with the shorter one", probe_in_sentence(&name)),
                early,
                late,
            ));
        }
    }
    found
}

fn stabilization(late: &Setting) -> Observed {
    let found = late.stabilizations();
    let told = found.iter().filter(|one| !matches!(one.behavior, Behavior::TooShort | Behavior::Diverges)).count();
    let share = Share::of(late.levels().len(), told);
    let statement = "the loss stabilizes while the step size is large";
    Observed { observation: Observation::new(statement, &*late.label, share, None), medians: None }
}

/// Whether the last value of a series is smaller in the second setting, seed by seed; pairs of which one diverged are left out.
fn smaller(name: &str, statement: String, a: &Setting, b: &Setting) -> Observed {
    let pairs = a.paired_finals(b, name);
    let median = |of: fn(&(f64, f64)) -> f64| Number(quantile(&pairs.iter().map(of).collect::<Vec<_>>(), 0.5));
    let (signs, seeds) = (Signs::smaller(&pairs), a.outcomes.len().min(b.outcomes.len()));
    Observed {
        observation: Observation::paired(statement, format!("{} → {}", a.label, b.label), seeds, signs, None),
        medians: (!pairs.is_empty()).then(|| [median(|pair| pair.0), median(|pair| pair.1)]),
    }
}

#[cfg(test)]
mod tests {
    use stepwell::outcome::Outcome;
    use stepwell::record::Records;
    use stepwell::run::Status;

    use super::*;

    fn setting(label: &str, errors: &[f64]) -> Setting {
        let run = |(seed, error): (u64, &f64)| {
            let mut records = Records::default();
            records.push("test_error", 10, *error);
            records.push("feature_sparsity/block2", 10, 2.0 * error);
            Outcome { status: Status::Finished, records, ..Outcome::not_begun(seed) }
        };
        let outcomes = (1..).zip(errors).map(run).collect();
        Setting { label: label.into(), steps: 10, last_large: 5, timetable: None, outcomes, as_published: None }
    }

    #[test]
    fn pairs_of_seeds_are_compared() {
        let settings = [
            setting("small", &[0.5, 0.5]),
            setting("10%", &[0.3, 0.1]),
            setting("30%", &[9.0]),
            setting("50%", &[0.2, 0.2]),
        ];
        let found = observations(&settings);
        let shares: Vec<(usize, usize)> =
            found.iter().map(|one| (one.observation.share.hits, one.observation.share.total)).collect();
        assert_eq!(shares, [(0, 0), (2, 2), (1, 2), (1, 2)]);
        assert_eq!(found[1].medians, Some([Number(0.5), Number(0.2)]));
        assert_eq!(found[3].observation.between, "10% → 50%");
        assert_eq!(
            found[3].observation.statement,
            "smaller feature sparsity, block2, with the longer large phase than with the shorter one"
        );
        assert!(observations(&settings[..2]).is_empty());
    }
}
