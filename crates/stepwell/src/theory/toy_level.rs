//! Bounds of the toy model's loss on the set that its iterates end in, for an interval of gamma: proved on an outer set that
//! is sharpened by its own image, refuted by a sequence of gamma whose orbit breaks the bound again and again.

use serde::{Deserialize, Serialize};

use super::toy_certificates::{
    Certified, GAMMA_PHI, Lemma, ToyError, assemble, between, certify_alternation, check, h, image, level, one,
};
use super::toy_map::{loss, step};
use super::{Interval, Jet};

/// The direction of a bound of the loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Inequality {
    /// The loss is above the value.
    Lower,
    /// The loss is below the value.
    Upper,
}

impl Inequality {
    /// Whether every loss of the interval breaks the bound.
    fn is_broken_by(self, loss: Interval, value: f64) -> bool {
        match self {
            Self::Lower => loss.hi() <= value,
            Self::Upper => loss.lo() >= value,
        }
    }
}

/// A sequence of gamma that breaks a bound in each of its rounds, for ever: it maps an interval of starts into itself. Anyone
/// can replay it: `phi <- phi + gamma phi (1 - phi^2)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Replay {
    /// Any of these phi will do as a start, and each round ends among them.
    pub starts: Interval,
    /// Whether every orbit comes here by itself, from any start in (0, 1) that is not led to exactly 1.
    pub from_anywhere: bool,
    /// One round.
    pub gammas: Vec<f64>,
    /// After so many steps of a round the bound is broken.
    pub broken_after: usize,
    /// Contains the loss there, whatever the start.
    pub loss: Interval,
}

impl Replay {
    /// One round, each gamma with how often it is taken in a row.
    pub fn in_rows(&self) -> Vec<(f64, usize)> {
        let mut rows: Vec<(f64, usize)> = Vec::new();
        for &gamma in &self.gammas {
            match rows.last_mut() {
                Some((last, times)) if *last == gamma => *times += 1,
                _ => rows.push((gamma, 1)),
            }
        }
        rows
    }

    /// The replay in words: what to start from, which gamma, when to look.
    pub fn in_words(&self) -> String {
        let Self { starts, from_anywhere, gammas, broken_after, loss } = self;
        let word = |(gamma, times): &(f64, usize)| match times {
            1 => format!("{gamma}"),
            _ => format!("{gamma} ({times} times)"),
        };
        let sequence = self.in_rows().iter().map(word).collect::<Vec<_>>().join(", ");
        let anywhere = if *from_anywhere { ", where iterates come from any start" } else { "" };
        format!(
            "from any phi in [{}, {}] (say {}){anywhere}, the gamma sequence {sequence}, repeated for ever: F lies in [{}, {}] \
             after {broken_after} steps of each round of {}",
            starts.lo(),
            starts.hi(),
            starts.middle(),
            loss.lo(),
            loss.hi(),
            gammas.len()
        )
    }
}

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

/// An interval of gamma.
#[derive(Clone, Copy)]
struct Gammas {
    least: f64,
    most: f64,
}

impl Gammas {
    fn interval(self) -> Interval {
        between(self.least, self.most)
    }

    fn clamp(self, gamma: f64) -> f64 {
        gamma.clamp(self.least, self.most)
    }

    /// Where iterates of `phi`, all above 0, go: h is linear in gamma.
    fn image(self, phi: Interval) -> Interval {
        image_of(Interval::decimal(self.least), phi).hull(image_of(Interval::decimal(self.most), phi))
    }
}

/// Where iterates end: `below` and `above` the minimum.
struct Set {
    below: Interval,
    above: Interval,
    /// Whether they alternate between the two; else the two have 1 in common.
    alternating: bool,
}

/// The highest point of `h_gamma`.
fn peak(gamma: f64) -> f64 {
    libm::sqrt((1.0 + gamma) / (3.0 * gamma))
}

/// `h_gamma(phi)` for a narrow gamma and any interval of positive phi, where h is concave: least at an end, largest at an end
/// or at its highest point `sqrt((1 + gamma) / (3 gamma))`.
fn image_of(gamma: Interval, phi: Interval) -> Interval {
    let (one, three) = (Interval::point(1.0), Interval::point(3.0));
    let ends = image(gamma, Interval::point(phi.lo())).hull(image(gamma, Interval::point(phi.hi())));
    let top = ((one + gamma) / (three * gamma)).sqrt();
    if top.hi() < phi.lo() || phi.hi() < top.lo() { ends } else { ends.hull(image(gamma, top)) }
}

/// The images of the outer set are looked at so often at most.
const ROUNDS: usize = 1_000;

/// The set that iterates end in, from outside, with the lemmas that prove it.
///
/// Iterates enter `[floor, ceiling]`. If they alternate there and gamma_min is above 1, their distance to 1 grows by a factor
/// above 1 per step until it is above eps0, and stays so. Then each image of the set under all gamma contains all later
/// iterates, too: it is taken until it does not shrink.
fn attracting_set(gammas: Gammas) -> Result<(Set, Vec<Lemma>), ToyError> {
    let alternation = certify_alternation(gammas.least, gammas.most)?;
    let [low, high] = alternation.attracting;
    let mut lemmas = alternation.lemmas;
    let whole = Set { below: Interval::new(low.min(1.0), 1.0), above: Interval::new(1.0, high), alternating: false };
    let eps0 = start_of_gap(gammas, low);
    if alternation.outcome != Certified::Proved || eps0.is_nan() {
        lemmas.retain(|lemma| lemma.name != "changes sides");
        return Ok((whole, lemmas));
    }
    lemmas.extend(leaves_gap(gammas, low, high, eps0));
    let mut below = Interval::new(low, (1.0 - eps0).next_up());
    let mut above = Interval::new((1.0 + eps0).next_down(), high);
    for _ in 0..ROUNDS {
        let next = (gammas.image(above).intersect(below), gammas.image(below).intersect(above));
        let settled = next.0.lo() - below.lo() < 1e-13
            && below.hi() - next.0.hi() < 1e-13
            && next.1.lo() - above.lo() < 1e-13
            && above.hi() - next.1.hi() < 1e-13;
        (below, above) = next;
        if settled {
            break;
        }
    }
    Ok((Set { below: outward(below), above: outward(above), alternating: true }, lemmas))
}

/// Moved outward to nine decimals, to be read.
fn outward(over: Interval) -> Interval {
    Interval::new(((over.lo() * 1e9).floor() / 1e9).next_down(), ((over.hi() * 1e9).ceil() / 1e9).next_up())
}

/// Half of the distance to 1 that iterates surely come to: there `gamma_min (1 - d) (2 - d) > 2`, and the floor leads beyond.
/// NaN if there is none.
fn start_of_gap(gammas: Gammas, low: f64) -> f64 {
    let grows = 0.5 * (3.0 - libm::sqrt(1.0 + 8.0 / gammas.least));
    let eps0 = 0.5 * grows.min(step(gammas.least, low) - 1.0);
    if eps0 > 1e-9 { eps0 } else { f64::NAN }
}

/// `|h - 1| / |phi - 1|` is `gamma phi (1 + phi) - 1`: above 1 within eps0 of 1; and farther than eps0 iterates stay farther.
fn leaves_gap(gammas: Gammas, low: f64, high: f64, eps0: f64) -> Vec<Lemma> {
    let (gamma, gap) = (gammas.interval(), Interval::new(0.0, eps0));
    let two = || Jet::exactly(2.0);
    let names = ["gamma", "delta"];
    vec![
        Lemma::decide("leaves 1 upward", "gamma (1 - delta)(2 - delta) > 2", names, [gamma, gap], |[g, d]| {
            *g * (one() - *d) * (two() - *d) - two()
        }),
        Lemma::decide("leaves 1 downward", "gamma (1 + delta)(2 + delta) > 2", names, [gamma, gap], |[g, d]| {
            *g * (one() + *d) * (two() + *d) - two()
        }),
        Lemma::decide(
            "stays away upward",
            format!("h > {}", 1.0 + eps0),
            GAMMA_PHI,
            [gamma, Interval::new(low, 1.0 - eps0)],
            |[g, p]| h(*g, *p) - Jet::decimal(1.0 + eps0),
        ),
        Lemma::decide(
            "stays away downward",
            format!("h < {}", 1.0 - eps0),
            GAMMA_PHI,
            [gamma, Interval::new(1.0 + eps0, high)],
            |[g, p]| Jet::decimal(1.0 - eps0) - h(*g, *p),
        ),
    ]
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

/// The gamma whose 2-cycle passes the highest point of h, so that it attracts fastest.
const FASTEST: f64 = 3.0 * core::f64::consts::FRAC_1_SQRT_2 - 1.0;
/// Steps with it, so that the start is forgotten: odd, from below to above.
const FORGETS: usize = 99;
/// Steps along the orbit to the extreme point, at most: even.
const TAIL: usize = 80;

/// A sequence whose orbit comes to the extreme of the set, checked in interval arithmetic.
fn refute(inequality: Inequality, value: f64, gammas: Gammas, set: &Set) -> Option<Replay> {
    let round = round_to_extreme(inequality, gammas, set);
    let fastest = gammas.clamp(FASTEST);
    let mut around = 0.8;
    for _ in 0..4 * FORGETS {
        around = round.gammas.iter().fold(around, |phi, gamma| step(*gamma, phi));
    }
    let near = [1e-9, 1e-7, 1e-5, 1e-3].map(|width| (false, Interval::new(around - width, around + width)));
    let everything = set.alternating.then_some((true, set.below));
    let candidates = everything.into_iter().chain(near).filter(|(_, starts)| starts.hi() < 1.0);
    let mut gammas = round.gammas;
    if gammas.len() % 2 == 1 {
        gammas.push(fastest);
    }
    let try_from = |(from_anywhere, starts): (bool, Interval)| {
        let (mut phi, mut found) = (starts, None);
        for (k, gamma) in gammas.iter().enumerate() {
            phi = image_of(Interval::decimal(*gamma), phi);
            if k + 1 == round.extreme_after {
                found = Some(Interval::point(0.25) * (Interval::point(1.0) - phi.square()).square());
            }
        }
        let loss = found.filter(|loss| inequality.is_broken_by(*loss, value))?;
        let returns = starts.lo() <= phi.lo() && phi.hi() <= starts.hi();
        returns.then(|| Replay {
            starts,
            from_anywhere,
            gammas: gammas.clone(),
            broken_after: round.extreme_after,
            loss,
        })
    };
    candidates.into_iter().find_map(try_from)
}

/// Gammas that lead from below the minimum to the extreme of the loss.
struct Round {
    gammas: Vec<f64>,
    extreme_after: usize,
}

/// An end of the set: the least or largest point below or above the minimum, or the highest point of `h_gamma_max`.
#[derive(Clone, Copy, PartialEq)]
enum End {
    LeastBelow,
    MostBelow,
    LeastAbove,
    MostAbove,
    Peak,
}

/// Follows the extreme backward, each end being the image of another, until it comes from the highest point of h, which is
/// then reached by one chosen gamma from the 2-cycle of [`FASTEST`].
fn round_to_extreme(inequality: Inequality, gammas: Gammas, set: &Set) -> Round {
    let Gammas { least, most } = gammas;
    let top = peak(most);
    let at = |end: End| match end {
        End::LeastBelow => set.below.lo(),
        End::MostBelow => set.below.hi(),
        End::LeastAbove => set.above.lo(),
        End::MostAbove => set.above.hi(),
        End::Peak => top,
    };
    let before = |end: End| match end {
        End::LeastBelow => (most, End::MostAbove),
        End::MostBelow => (least, End::LeastAbove),
        End::LeastAbove if step(least, at(End::LeastBelow)) < step(least, at(End::MostBelow)) => {
            (least, End::LeastBelow)
        }
        End::LeastAbove => (least, End::MostBelow),
        End::MostAbove if set.below.contains(top) => (most, End::Peak),
        End::MostAbove if top < set.below.lo() => (most, End::LeastBelow),
        End::MostAbove | End::Peak => (most, End::MostBelow),
    };
    let larger = |a: End, b: End| if loss(at(a)) >= loss(at(b)) { a } else { b };
    let mut end = match inequality {
        Inequality::Upper => larger(End::LeastBelow, End::MostAbove),
        Inequality::Lower if larger(End::MostBelow, End::LeastAbove) == End::MostBelow => End::LeastAbove,
        Inequality::Lower => End::MostBelow,
    };
    let mut tail = Vec::new();
    while tail.len() < TAIL && end != End::Peak {
        let (gamma, earlier) = before(end);
        tail.push(gamma);
        end = earlier;
    }
    let fastest = gammas.clamp(FASTEST);
    let mut round = vec![fastest; FORGETS];
    if end == End::Peak {
        round.extend(to_peak(gammas, round.iter().fold(0.8, |phi, gamma| step(*gamma, phi))));
    } else if matches!(end, End::LeastBelow | End::MostBelow) {
        round.push(fastest);
    }
    round.extend(tail.into_iter().rev());
    Round { extreme_after: round.len(), gammas: round }
}

/// Gammas that lead from `phi` above the minimum to the highest point of `h_gamma_max`: an even number at the ends of the
/// interval, as few as will do, and a last one; whatever comes nearest if so few do not.
fn to_peak(gammas: Gammas, phi: f64) -> Vec<f64> {
    let top = peak(gammas.most);
    let last = |phi: f64| (phi - top) / (phi * (phi * phi - 1.0));
    let word = |length: u32, bits: u32| {
        let letter = move |k: u32| if bits >> k & 1 == 0 { gammas.least } else { gammas.most };
        let mut word: Vec<f64> = (0..length).map(letter).collect();
        word.push(last(word.iter().fold(phi, |phi, gamma| step(*gamma, phi))));
        word
    };
    let mut words = (0..=6).flat_map(|half: u32| (0..1 << (2 * half)).map(move |bits| word(2 * half, bits)));
    let fits = |word: &Vec<f64>| word.last().is_some_and(|last| (gammas.least..=gammas.most).contains(last));
    words.find(fits).unwrap_or_else(|| vec![gammas.clamp(last(phi))])
}

#[cfg(test)]
mod tests {
    use super::*;

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
