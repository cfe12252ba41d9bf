//! Trainings of deep networks as settings over seeds: whether large steps give a lower test error and sparser features there too.

#[cfg(feature = "deep")]
pub mod densenet;
#[cfg(feature = "deep")]
mod runs;

#[cfg(feature = "deep")]
pub use runs::{labeled, setting};
use stepwell::number::Number;
use stepwell::statistics::quantile;
use stepwell::verdict::{Observation, Signs};
use stepwell::words::probe_in_sentence;

use crate::findings::training::Observed;
use crate::setting::{Setting, series_names};

/// The paper's observations, of settings in this order: a small step, then decays of a large one from the earliest to the latest.
pub fn observations(settings: &[Setting]) -> Vec<Observed> {
    let [small, early, .., late] = settings else { return Vec::new() };
    let mut found = vec![Observed { observation: late.stabilizes(), medians: None }];
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

/// Whether the last value of a series is smaller in the second setting, seed by seed; pairs of which one diverged are left out.
fn smaller(name: &str, statement: String, a: &Setting, b: &Setting) -> Observed {
    let pairs = a.paired_finals(b, name);
    let median = |of: fn(&(f64, f64)) -> f64| Number(quantile(&pairs.iter().map(of).collect::<Vec<_>>(), 0.5));
    let (signs, seeds) = (Signs::smaller(&pairs), a.paired(b).len());
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
    use stepwell::verdict::{Behavior, Drift, Finding, Stabilization};

    use super::*;

    fn setting(label: &str, errors: &[f64]) -> Setting {
        let run = |(seed, error): (u64, &f64)| {
            let mut records = Records::default();
            records.push("test_error", 10, *error);
            records.push("feature_sparsity/block2", 10, 2.0 * error);
            let drift = Drift { factor: 1.0 + 0.1 * error, ..Drift::UNKNOWN };
            let unknown = Stabilization { behavior: Behavior::CannotTell, drift, ..Stabilization::unknown() };
            let stabilization = Stabilization { at_small_steps: 0.1, level: 1.0, ..unknown };
            Outcome { status: Status::Finished, records, stabilization, ..Outcome::not_begun(seed) }
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
        assert_eq!(shares, [(0, 2), (2, 2), (1, 2), (1, 2)]);
        assert_eq!(found[1].medians, Some([Number(0.5), Number(0.2)]));
        assert_eq!(found[3].observation.between, "10% → 50%");
        assert_eq!(
            found[3].observation.statement,
            "smaller feature sparsity, block2, with the longer large phase than with the shorter one"
        );
        assert!(observations(&settings[..2]).is_empty());
    }

    /// By the drift over the seeds: no run by itself can tell, six can.
    #[test]
    fn stabilization_is_the_settings() {
        let late = |seeds| setting("50%", &vec![0.2; seeds]);
        let finding = |seeds| {
            let settings = [setting("small", &[]), setting("10%", &[]), late(seeds)];
            observations(&settings)[0].observation.clone()
        };
        assert_eq!((finding(5).finding, finding(6).finding), (Finding::CannotTell, Finding::Holds));
        assert_eq!(finding(6).effect.unwrap().median, 1.02);
    }
}
