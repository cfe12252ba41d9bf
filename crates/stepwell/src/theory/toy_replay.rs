//! Sequences of gamma that break a bound of the toy model's loss again and again, found by following its extreme backward and
//! checked in interval arithmetic.

use serde::{Deserialize, Serialize};

use super::Interval;
use super::toy_attracting::{Gammas, Set, image_of, peak};
use super::toy_map::{loss, step};

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

/// The gamma whose 2-cycle passes the highest point of h, so that it attracts fastest.
const FASTEST: f64 = 3.0 * core::f64::consts::FRAC_1_SQRT_2 - 1.0;
/// Steps with it, so that the start is forgotten: odd, from below to above.
const FORGETS: usize = 99;
/// Steps along the orbit to the extreme point, at most: even.
const TAIL: usize = 80;

/// A sequence whose orbit comes to the extreme of the set, checked in interval arithmetic.
pub(super) fn refute(inequality: Inequality, value: f64, gammas: Gammas, set: &Set) -> Option<Replay> {
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
