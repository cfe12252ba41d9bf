//! The set that the toy model's iterates end in, for an interval of gamma: known from outside and sharpened by its own image.

use super::toy_certificates::{Certified, GAMMA_PHI, Lemma, ToyError, between, certify_alternation, h, image, one};
use super::toy_map::step;
use super::{Interval, Jet};

/// An interval of gamma.
#[derive(Clone, Copy)]
pub(super) struct Gammas {
    pub(super) least: f64,
    pub(super) most: f64,
}

impl Gammas {
    pub(super) fn interval(self) -> Interval {
        between(self.least, self.most)
    }

    pub(super) fn clamp(self, gamma: f64) -> f64 {
        gamma.clamp(self.least, self.most)
    }

    /// Where iterates of `phi`, all above 0, go: h is linear in gamma.
    fn image(self, phi: Interval) -> Interval {
        image_of(Interval::decimal(self.least), phi).hull(image_of(Interval::decimal(self.most), phi))
    }
}

/// Where iterates end: `below` and `above` the minimum.
pub(super) struct Set {
    pub(super) below: Interval,
    pub(super) above: Interval,
    /// Whether they alternate between the two; else the two have 1 in common.
    pub(super) alternating: bool,
}

/// The highest point of `h_gamma`.
pub(super) fn peak(gamma: f64) -> f64 {
    libm::sqrt((1.0 + gamma) / (3.0 * gamma))
}

/// `h_gamma(phi)` for a narrow gamma and any interval of positive phi, where h is concave: least at an end, largest at an end
/// or at its highest point `sqrt((1 + gamma) / (3 gamma))`.
pub(super) fn image_of(gamma: Interval, phi: Interval) -> Interval {
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
pub(super) fn attracting_set(gammas: Gammas) -> Result<(Set, Vec<Lemma>), ToyError> {
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
