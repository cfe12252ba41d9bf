//! Bounds of the toy model's loss on the set that its iterates end in, for an interval of gamma: proved on an outer set that
//! is sharpened by its own image, refuted by a sequence of gamma whose orbit breaks the bound again and again.

use super::toy_attracting::{Gammas, Set, attracting_set};
use super::toy_certificates::{Certified, Lemma, ToyError, assemble, check, level};
use super::toy_replay::refute;
pub use super::toy_replay::{Inequality, Replay};
use super::{Interval, Jet};

/// What became of a bound of the loss.
#[derive(Clone, Debug, PartialEq)]
pub struct LevelCertificate {
    /// The verdict.
    pub outcome: Certified,
    /// Boxes that were looked at.
    pub boxes: usize,
    /// The lemmas.
    pub lemmas: Vec<Lemma>,
    /// Intervals that iterates enter and do not leave: one below and one above the minimum.
    pub attracting: [Interval; 2],
    /// The sequence that breaks the bound, if it is refuted.
    pub replay: Option<Replay>,
}

/// Decides `value < F` or `F < value`, `F = (1 - phi^2)^2 / 4`, for all iterates from some t0 on, for every sequence of gamma in
/// `[gamma_min, gamma_max]` and every start in (0, 1), unless an iterate is exactly 1.
///
/// Proved on intervals that iterates enter and do not leave. Refuted by a [`Replay`] alone: a point of an outer set that
/// breaks the bound refutes nothing, as iterates may never come there. Undecided otherwise.
///
/// # Errors
/// If `0 < gamma_min <= gamma_max <= 2` does not hold, the value is not finite, or a lower bound is asked for where
/// gamma_min is at most 1.
pub fn certify_level(
    inequality: Inequality,
    value: f64,
    gamma_min: f64,
    gamma_max: f64,
) -> Result<LevelCertificate, ToyError> {
    check(gamma_min, gamma_max)?;
    if !value.is_finite() {
        return Err(ToyError::Number { name: "value", found: value, expected: "a finite number" });
    }
    if inequality == Inequality::Lower && gamma_min <= 1.0 {
        return Err(ToyError::MinimumAttracts(gamma_min));
    }
    let gammas = Gammas { least: gamma_min, most: gamma_max };
    let (set, mut lemmas) = attracting_set(gammas)?;
    lemmas.extend(levels(inequality, value, &set));
    let (chain, boxes) = assemble(&lemmas);
    let replay = if chain == Certified::Proved { None } else { refute(inequality, value, gammas, &set) };
    let outcome = match (chain, &replay) {
        (Certified::Proved, _) => Certified::Proved,
        (_, Some(replay)) => Certified::Refuted(replay.in_words()),
        (found, None) => Certified::Undecided(found.detail().to_string()),
    };
    // what is proved about an outer set is no counterexample to the statement about iterates
    for lemma in &mut lemmas {
        if let Certified::Refuted(detail) = &lemma.outcome {
            lemma.outcome = Certified::Undecided(format!("not on all of the outer set: {detail}"));
        }
    }
    Ok(LevelCertificate { outcome, boxes, lemmas, attracting: [set.below, set.above], replay })
}

/// The bound on either part of the set.
fn levels(inequality: Inequality, value: f64, set: &Set) -> Vec<Lemma> {
    let decide = |name, over: Interval| {
        let sign = if inequality == Inequality::Lower { '>' } else { '<' };
        let statement = format!("(1 - phi^2)^2 / 4 {sign} {value}");
        Lemma::decide(name, statement, ["phi"], [over], |[p]| match inequality {
            Inequality::Lower => level(*p) - Jet::decimal(value),
            Inequality::Upper => Jet::decimal(value) - level(*p),
        })
    };
    vec![decide("below the minimum", set.below), decide("above the minimum", set.above)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theory::toy_attracting::peak;
    use crate::theory::toy_map::{loss, step};

    fn outcome(inequality: Inequality, value: f64, a: f64, b: f64) -> Certified {
        certify_level(inequality, value, a, b).unwrap().outcome
    }

    /// The least loss for gamma in [1.05, 1.25] is .0022821: at the end of the orbit from the highest point of `h_1.25` with
    /// gamma = 1.25, 1.25, 1.05.
    #[test]
    fn lower_bounds_are_sharp() {
        let least = [1.25, 1.25, 1.05].iter().fold(peak(1.25), |phi, gamma| step(*gamma, phi));
        assert!((loss(least) - 0.002_282_1).abs() < 1e-7);
        for value in [0.001, 0.00228, loss(least) - 1e-8] {
            assert_eq!(outcome(Inequality::Lower, value, 1.05, 1.25), Certified::Proved, "{value}");
        }
        for value in [0.0023, loss(least) + 1e-7] {
            let found = certify_level(Inequality::Lower, value, 1.05, 1.25).unwrap();
            assert!(matches!(found.outcome, Certified::Refuted(_)), "{value}: {found:?}");
            assert!(found.replay.unwrap().from_anywhere);
        }
    }

    /// What a refutation prints can be replayed in ordinary arithmetic, from a start that knows nothing of it.
    #[test]
    fn refutations_can_be_replayed() {
        for (inequality, value, a, b) in [
            (Inequality::Lower, 0.0023, 1.05, 1.25),
            (Inequality::Lower, 0.0093, 1.08, 1.2),
            (Inequality::Lower, 0.02, 1.06, 1.25),
            (Inequality::Upper, 0.082, 1.05, 1.25),
            (Inequality::Upper, 0.08203, 1.0, 1.25),
            (Inequality::Upper, 0.1, 1.1, 1.5),
        ] {
            let found = certify_level(inequality, value, a, b).unwrap();
            let Some(replay) = found.replay else { panic!("{inequality:?} {value} {a} {b}: {found:?}") };
            let mut phi = if replay.from_anywhere { 0.123 } else { replay.starts.middle() };
            if replay.from_anywhere {
                while !(phi < 1.0 && replay.starts.contains(phi)) {
                    phi = step(a, phi);
                }
            }
            for _ in 0..50 {
                assert!(replay.starts.contains(phi));
                for (k, gamma) in replay.gammas.iter().enumerate() {
                    assert!((a..=b).contains(gamma));
                    phi = step(*gamma, phi);
                    if k + 1 == replay.broken_after {
                        assert!(if inequality == Inequality::Lower { loss(phi) < value } else { loss(phi) > value });
                    }
                }
            }
        }
    }

    #[test]
    fn levels_are_proved_and_refuted_on_both_sides_of_the_truth() {
        assert_eq!(outcome(Inequality::Upper, 0.0821, 1.0, 1.25), Certified::Proved);
        // s = 0.06, eps0 = 0.02: the bound (2 eps0 - eps0^2)^2 / 4 = 3.9204e-4 of the proposition is far from sharp
        assert_eq!(outcome(Inequality::Lower, 3.93e-4, 1.06, 1.25), Certified::Proved);
        // one gamma: the 2-cycle alone
        let (low, high) = crate::theory::toy_map::two_cycle(1.1).unwrap();
        let least = loss(low).min(loss(high));
        assert_eq!(outcome(Inequality::Lower, least - 1e-6, 1.1, 1.1), Certified::Proved);
        assert!(matches!(outcome(Inequality::Lower, least + 1e-6, 1.1, 1.1), Certified::Refuted(_)));
        assert!(certify_level(Inequality::Lower, 0.1, 1.0, 1.2).is_err());
    }

    /// Between what is proved and what is refuted there is next to nothing, for many intervals of gamma.
    #[test]
    fn the_outer_set_is_the_attracting_one() {
        for (a, b) in [(1.02, 1.25), (1.05, 1.25), (1.08, 1.2), (1.1, 1.1), (1.2, 1.27), (1.05, 1.1)] {
            let [below, above] = certify_level(Inequality::Lower, 1e-6, a, b).unwrap().attracting;
            let (least, most) = (loss(below.hi()).min(loss(above.lo())), loss(below.lo()).max(loss(above.hi())));
            let bounds = [(Inequality::Lower, least, 1.0 + 1e-3), (Inequality::Upper, most, 1.0 - 1e-3)];
            for (inequality, bound, beyond) in bounds {
                assert_eq!(outcome(inequality, bound * (2.0 - beyond), a, b), Certified::Proved, "{a} {b}");
                let found = outcome(inequality, bound * beyond, a, b);
                assert!(matches!(found, Certified::Refuted(_)), "{inequality:?} {a} {b} {found:?}");
            }
        }
    }

    /// No bound is both proved and broken by random orbits.
    #[test]
    fn proved_sets_hold_random_orbits() {
        let mut stream = crate::rng::Stream::new(5, crate::rng::Purpose::Probe);
        for (a, b) in [(1.02, 1.25), (1.05, 1.25), (1.1, 1.2), (1.2, 1.27)] {
            let [below, above] = certify_level(Inequality::Lower, 1e-4, a, b).unwrap().attracting;
            for _ in 0..50 {
                let mut phi = stream.uniform();
                for t in 0..2_000 {
                    let extreme = stream.uniform() < 0.5;
                    let share = if extreme { f64::from(u8::from(stream.uniform() < 0.5)) } else { stream.uniform() };
                    phi = step(a + (b - a) * share, phi);
                    assert!(t < 1_500 || below.contains(phi) || above.contains(phi), "{phi} {below:?} {above:?}");
                }
            }
        }
    }
}
