//! Machine proofs about the scalar toy model `phi <- h_gamma(phi) = phi + gamma phi (1 - phi^2)`: the chain of lemmas
//! behind the corrected proposition, and the alternation for an interval of gamma.
//!
//! `phi = theta / theta_*`, `gamma = eta theta_*^2 x^2`; losses are in units of `E[x^2] theta_*^4`, so that the loss at
//! phi is `(1 - phi^2)^2 / 4`. Factors `1 - phi` are divided out by hand, as the raw forms vanish at the minimum:
//! `h_gamma(phi) - 1 = (1 - phi)(gamma phi (1 + phi) - 1)`.

use super::{Decision, Interval, Jet, Search, is_positive};

/// What became of a lemma or a user's statement.
#[derive(Clone, Debug, PartialEq)]
pub enum Certified {
    /// Proved by rigorous interval arithmetic.
    Proved,
    /// False, with a counterexample in words and numbers.
    Refuted(String),
    /// Neither, with the smallest undecided box.
    Undecided(String),
}

impl Certified {
    /// `proved`, `refuted` or `undecided`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Proved => "proved",
            Self::Refuted(_) => "refuted",
            Self::Undecided(_) => "undecided",
        }
    }

    /// The counterexample or the undecided box; empty if proved.
    pub fn detail(&self) -> &str {
        match self {
            Self::Proved => "",
            Self::Refuted(detail) | Self::Undecided(detail) => detail,
        }
    }
}

/// A statement about all points of a box.
#[derive(Clone, Debug, PartialEq)]
pub struct Lemma {
    /// What it is called.
    pub name: &'static str,
    /// The inequality.
    pub statement: String,
    /// The box, variable by variable.
    pub region: String,
    /// What was found.
    pub outcome: Certified,
    /// Boxes that were looked at.
    pub boxes: usize,
}

impl Lemma {
    /// The lemma that `f > 0` on `domain`; `names` are those of the variables.
    pub(super) fn decide<const N: usize>(
        name: &'static str,
        statement: impl Into<String>,
        names: [&str; N],
        domain: [Interval; N],
        f: impl Fn(&[Jet<N>; N]) -> Jet<N>,
    ) -> Self {
        let Search { decision, boxes } = is_positive(f, domain);
        let outcome = match decision {
            Decision::Proved => Certified::Proved,
            Decision::Refuted { point, value } => {
                let at =
                    names.iter().zip(point).map(|(name, x)| format!("{name} = {x}")).collect::<Vec<_>>().join(", ");
                Certified::Refuted(format!("at {at} the difference lies in {value:?}"))
            }
            Decision::Undecided { smallest } => Certified::Undecided(format!("smallest box {}", show(names, smallest))),
        };
        Self { name, statement: statement.into(), region: show(names, domain), outcome, boxes }
    }
}

/// The box; ends that were moved outward from a short decimal are shown as that decimal.
fn show<const N: usize>(names: [&str; N], over: [Interval; N]) -> String {
    let short = |x: f64| {
        let rounded = (x * 1e9).round() / 1e9;
        if (x - rounded).abs() < 1e-15 { rounded + 0.0 } else { x }
    };
    let ranges = names.iter().zip(over).map(|(name, x)| format!("{name} in [{}, {}]", short(x.lo()), short(x.hi())));
    ranges.collect::<Vec<_>>().join(", ")
}

/// The outcome of a chain: refuted if one lemma is, proved if all are. And all boxes.
pub fn assemble(lemmas: &[Lemma]) -> (Certified, usize) {
    let boxes = lemmas.iter().map(|lemma| lemma.boxes).sum();
    let failed = |wanted: fn(&Certified) -> bool| lemmas.iter().find(|lemma| wanted(&lemma.outcome));
    let in_words = |lemma: &Lemma| format!("{}: {}: {}", lemma.name, lemma.statement, lemma.outcome.detail());
    let outcome = match failed(|o| matches!(o, Certified::Refuted(_))) {
        Some(lemma) => Certified::Refuted(in_words(lemma)),
        None => match failed(|o| matches!(o, Certified::Undecided(_))) {
            Some(lemma) => Certified::Undecided(in_words(lemma)),
            None => Certified::Proved,
        },
    };
    (outcome, boxes)
}

/// `h_gamma(phi)`.
pub(super) fn h<const N: usize>(gamma: Jet<N>, phi: Jet<N>) -> Jet<N> {
    phi * growth(gamma, phi)
}

/// `h_gamma(phi) / phi = 1 + gamma (1 - phi^2)`.
fn growth<const N: usize>(gamma: Jet<N>, phi: Jet<N>) -> Jet<N> {
    one() + gamma * (one() - phi.square())
}

/// `(h_gamma(phi) - 1) / (1 - phi) = gamma phi (1 + phi) - 1`: positive where the iterate changes sides.
fn crossing<const N: usize>(gamma: Jet<N>, phi: Jet<N>) -> Jet<N> {
    gamma * phi * (one() + phi) - one()
}

/// `(1 - phi^2)^2 / 4`.
pub(super) fn level<const N: usize>(phi: Jet<N>) -> Jet<N> {
    Jet::exactly(0.25) * (one() - phi.square()).square()
}

pub(super) fn one<const N: usize>() -> Jet<N> {
    Jet::exactly(1.0)
}

/// `[a, b]` of numbers that were written in decimal.
pub(super) fn between(a: f64, b: f64) -> Interval {
    Interval::decimal(a).hull(Interval::decimal(b))
}

/// The corrected proposition: for any sequence gamma_t in `[1 + s, 1.25]`, `s > 0`, and `phi_0` in (0, 1), either some
/// phi_t is exactly 1 or there is t0 with, for all k >= 0, `phi_{t0+2k}` in `(0.65, 1 - eps0)` and `phi_{t0+2k+1}` in
/// `(1 + eps0, 1.162)`, `eps0 = min(s/3, 0.02)`; and then
/// `(2 eps0 - eps0^2)^2 / 4 <= F / (E[x^2] theta_*^4) <= 0.0821` (for a t0 after the first visit above 1).
///
/// The lemmas, in the order of the proof: the iterates stay in (0, 1.162); below 0.65 they grow by 1.5774 per step; from
/// `[0.65, 1)` they go above 1 and from there back into `(0.65, 1)`; within eps0 of 1 the distance grows over each two
/// steps; farther than eps0 they stay farther.
pub fn toy_theorem() -> Vec<Lemma> {
    let mut lemmas = where_iterates_go();
    lemmas.extend(how_far_from_the_minimum());
    lemmas.extend(which_losses());
    lemmas
}

pub(super) const GAMMA_PHI: [&str; 2] = ["gamma", "phi"];

fn where_iterates_go() -> Vec<Lemma> {
    let gamma = between(1.0, 1.25);
    vec![
        Lemma::decide("ceiling", "h < 1.162", GAMMA_PHI, [gamma, between(0.0, 1.162)], |[g, p]| {
            Jet::decimal(1.162) - h(*g, *p)
        }),
        Lemma::decide("positive", "h / phi > 0", GAMMA_PHI, [gamma, between(0.0, 1.162)], |[g, p]| growth(*g, *p)),
        Lemma::decide("growth", "h / phi > 1.5774", GAMMA_PHI, [gamma, between(0.0, 0.65)], |[g, p]| {
            growth(*g, *p) - Jet::decimal(1.5774)
        }),
        Lemma::decide("up", "(h - 1) / (1 - phi) > 0", GAMMA_PHI, [gamma, between(0.65, 1.0)], |[g, p]| {
            crossing(*g, *p)
        }),
        Lemma::decide("down", "(h - 1) / (1 - phi) > 0", GAMMA_PHI, [gamma, between(1.0, 1.162)], |[g, p]| {
            crossing(*g, *p)
        }),
        Lemma::decide("floor", "h > 0.6532", GAMMA_PHI, [gamma, between(1.0, 1.162)], |[g, p]| {
            h(*g, *p) - Jet::decimal(0.6532)
        }),
    ]
}

/// With `delta = |1 - phi|`, `s = gamma_min - 1` and `k = delta / s` at most 1/3.
fn how_far_from_the_minimum() -> Vec<Lemma> {
    let (s, k) = (between(0.0, 0.25), Interval::new(0.0, Interval::decimal(1.0 / 3.0).hi()));
    let delta = between(0.0, 0.35);
    vec![
        // h(1 - delta) - 1 - delta = delta (gamma (2 - 3 delta + delta^2) - 2), at gamma = 1 + s, divided by s
        Lemma::decide(
            "leaves upward",
            "2 - 3(1+s)k + (1+s)s k^2 > 0: h(1 - s k) > 1 + s k",
            ["s", "k"],
            [s, k],
            |[s, k]| Jet::exactly(2.0) - Jet::exactly(3.0) * (one() + *s) * *k + (one() + *s) * *s * k.square(),
        ),
        Lemma::decide(
            "leaves upward for larger gamma",
            "2 - 3 delta + delta^2 > 0: d h(1 - delta) / d gamma > 0",
            ["delta"],
            [delta],
            |[d]| Jet::exactly(2.0) - Jet::exactly(3.0) * *d + d.square(),
        ),
        // h is concave on (0, 1): on [0.65, 1 - eps0] it is least at an end
        Lemma::decide(
            "leaves upward from the floor",
            "h(0.65) > 1.02 >= 1 + eps0",
            ["gamma"],
            [between(1.0, 1.25)],
            |[g]| h(*g, Jet::decimal(0.65)) - Jet::decimal(1.02),
        ),
        // 1 - delta - h(1 + delta) = delta (2 (gamma - 1) + gamma delta (3 + delta)); h falls above 1
        Lemma::decide(
            "leaves downward",
            "gamma (3 + delta) > 0: h(1 + delta) < 1 - delta",
            ["gamma", "delta"],
            [between(1.0, 1.25), delta],
            |[g, d]| *g * (Jet::exactly(3.0) + *d),
        ),
        Lemma::decide(
            "falls above 1",
            "gamma (3 phi^2 - 1) - 1 > 0: dh / d phi < 0",
            GAMMA_PHI,
            [between(1.0, 1.25), between(1.0, 1.162)],
            |[g, p]| *g * (Jet::exactly(3.0) * p.square() - one()) - one(),
        ),
        // |1 - h(1 - s k)| / (s k) - 1 = s (1+s) (1 - 3k + s k^2) + s (1 - s) at gamma = 1 + s; the first is not negative
        Lemma::decide(
            "distance grows",
            "(1+s)(1 - 3k + s k^2) + (1-s)/100 > 0: one step from below grows by more than 1 + 0.99 s (1-s)",
            ["s", "k"],
            [s, k],
            |[s, k]| {
                (one() + *s) * (one() - Jet::exactly(3.0) * *k + *s * k.square()) + Jet::decimal(0.01) * (one() - *s)
            },
        ),
    ]
}

fn which_losses() -> Vec<Lemma> {
    let (gamma, above) = (between(1.0, 1.25), between(1.0, 1.1619));
    vec![
        Lemma::decide("level", "(1 - phi^2)^2 / 4 < 0.0834", ["phi"], [between(0.65, 1.162)], |[p]| {
            Jet::decimal(0.0834) - level(*p)
        }),
        Lemma::decide("lower ceiling", "h < 1.1619", GAMMA_PHI, [gamma, between(0.0, 1.0)], |[g, p]| {
            Jet::decimal(1.1619) - h(*g, *p)
        }),
        Lemma::decide("higher floor", "h > 0.6535", GAMMA_PHI, [gamma, above], |[g, p]| {
            h(*g, *p) - Jet::decimal(0.6535)
        }),
        Lemma::decide(
            "level after a visit above 1",
            "(1 - phi^2)^2 / 4 < 0.0821",
            ["phi"],
            [between(0.6535, 1.1619)],
            |[p]| Jet::decimal(0.0821) - level(*p),
        ),
        Lemma::decide(
            "level grows with the distance",
            "1 - delta > 0: d (2 delta - delta^2) / d delta > 0",
            ["delta"],
            [between(0.0, 0.35)],
            |[d]| one() - *d,
        ),
    ]
}

/// Why an interval of gamma, or a bound, was refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ToyError {
    /// gamma_min is not a positive number.
    #[error("gamma_min: {0}, expected a positive number")]
    NotPositive(f64),
    /// The ends are the wrong way round.
    #[error("gamma_max: {max}, expected a number that is at least gamma_min = {min}")]
    WrongWayRound {
        /// gamma_min.
        min: f64,
        /// gamma_max.
        max: f64,
    },
    /// Above 2 iterates are unbounded.
    #[error("gamma_max: {0}, expected at most 2: above, iterates diverge")]
    Unbounded(f64),
    /// A lower bound of the loss needs iterates that stay away from the minimum.
    #[error("gamma_min: {0}, expected more than 1 for a lower bound: at or below, the minimum attracts")]
    MinimumAttracts(f64),
    /// The tolerance or value is not a usable number.
    #[error("{name}: {found}, expected {expected}")]
    Number {
        /// Which.
        name: &'static str,
        /// Its value.
        found: f64,
        /// What would be right.
        expected: &'static str,
    },
}

/// What was found out about the alternation of sides for all sequences of gamma in an interval.
#[derive(Clone, Debug, PartialEq)]
pub struct Alternation {
    /// The verdict.
    pub outcome: Certified,
    /// Boxes that were looked at.
    pub boxes: usize,
    /// Lower end of the interval.
    pub gamma_min: f64,
    /// Upper end of the interval.
    pub gamma_max: f64,
    /// The interval `[floor, ceiling]` that iterates enter and do not leave.
    pub attracting: [f64; 2],
    /// The lemmas.
    pub lemmas: Vec<Lemma>,
}

/// How far beyond the true ends of the attracting interval the lemmas are stated, so that they are strict.
const MARGIN: f64 = 1e-7;

/// The ends of the attracting interval: `ceiling = max h_gamma_max = 2/3 (1 + gamma) sqrt((1 + gamma) / (3 gamma))` (or 1
/// where h has its maximum above 1), `floor = h_gamma_max(ceiling)`.
pub(super) fn attracting(gamma_max: Interval) -> (Interval, Interval) {
    let (one, three) = (Interval::point(1.0), Interval::point(3.0));
    let top = ((one + gamma_max) / (three * gamma_max)).sqrt();
    let highest = Interval::point(2.0) * (one + gamma_max) * top / three;
    let ceiling = if gamma_max.hi() <= 0.5 { one } else { highest };
    (image(gamma_max, ceiling), ceiling)
}

/// `h_gamma(phi)` of intervals.
pub(super) fn image(gamma: Interval, phi: Interval) -> Interval {
    let one = Interval::point(1.0);
    phi * (one + gamma * (one - phi.square()))
}

pub(super) fn check(gamma_min: f64, gamma_max: f64) -> Result<(), ToyError> {
    if gamma_min.is_nan() || gamma_min <= 0.0 {
        return Err(ToyError::NotPositive(gamma_min));
    }
    if gamma_max.is_nan() || gamma_max < gamma_min {
        return Err(ToyError::WrongWayRound { min: gamma_min, max: gamma_max });
    }
    if gamma_max > 2.0 { Err(ToyError::Unbounded(gamma_max)) } else { Ok(()) }
}

/// Certifies that for every sequence of gamma in `[gamma_min, gamma_max]` and every start in (0, 1) the iterates enter
/// an interval about 1 in which they change sides of 1 at every step (until one is exactly 1, if ever).
///
/// Refuted by an orbit that is on the same side twice in a row, computed in interval arithmetic.
///
/// # Errors
/// If `0 < gamma_min <= gamma_max <= 2` does not hold.
pub fn certify_alternation(gamma_min: f64, gamma_max: f64) -> Result<Alternation, ToyError> {
    check(gamma_min, gamma_max)?;
    let gamma = between(gamma_min, gamma_max);
    let high = attracting(Interval::decimal(gamma_max)).1.hi() + MARGIN;
    let low = (image(Interval::decimal(gamma_max), Interval::point(high)).lo() - MARGIN).max(0.0);
    let (upper, lower) = (Jet::exactly(high), Jet::exactly(low));
    let above = Interval::new(1.0, high);
    let lemmas = vec![
        Lemma::decide("ceiling", format!("h < {high}"), GAMMA_PHI, [gamma, Interval::new(0.0, high)], |[g, p]| {
            upper - h(*g, *p)
        }),
        Lemma::decide("positive", "h / phi > 0", GAMMA_PHI, [gamma, Interval::new(0.0, high)], |[g, p]| growth(*g, *p)),
        Lemma::decide("growth", "h / phi > 1", GAMMA_PHI, [gamma, Interval::new(0.0, low.min(1.0))], |[g, p]| {
            *g * (one() - p.square())
        }),
        Lemma::decide("floor", format!("h > {low}"), GAMMA_PHI, [gamma, above], |[g, p]| h(*g, *p) - lower),
        Lemma::decide(
            "changes sides",
            "(h - 1) / (1 - phi) > 0",
            GAMMA_PHI,
            [gamma, Interval::new(low.min(1.0), high)],
            |[g, p]| crossing(*g, *p),
        ),
    ];
    let (chain, boxes) = assemble(&lemmas);
    let outcome = match (chain, refuting_orbit(gamma_min, gamma_max)) {
        (Certified::Proved, _) => Certified::Proved,
        (_, Some(orbit)) => Certified::Refuted(orbit),
        (Certified::Refuted(detail) | Certified::Undecided(detail), None) => Certified::Undecided(detail),
    };
    Ok(Alternation { outcome, boxes, gamma_min, gamma_max, attracting: [low, high], lemmas })
}

/// A short orbit that contradicts the alternation: with `gamma_min <= 1/2` from 0.9 with gamma_min, which stays below 1
/// for ever; else from the highest point of h with gamma_max twice, which leads to the floor, then gamma_min.
fn refuting_orbit(gamma_min: f64, gamma_max: f64) -> Option<String> {
    if gamma_min <= 0.5 {
        return Some(format!("gamma = {gamma_min} <= 1/2 for ever: h maps (0, 1) into itself, no iterate passes 1"));
    }
    let start = ((1.0 + gamma_max) / (3.0 * gamma_max)).sqrt();
    let first = image(Interval::point(gamma_max), Interval::point(start));
    let second = image(Interval::point(gamma_max), first);
    let third = image(Interval::point(gamma_min), second);
    let contradicts = first.lo() > 1.0 && second.hi() < 1.0 && third.hi() < 1.0;
    contradicts.then(|| {
        let at = |phi: Interval| phi.middle();
        format!(
            "phi = {start}, {}, {}, {} with gamma = {gamma_max}, {gamma_max}, {gamma_min}: twice below 1",
            at(first),
            at(second),
            at(third)
        )
    })
}

/// The largest gamma_max found that certifies the alternation.
#[derive(Clone, Debug, PartialEq)]
pub struct LargestGamma {
    /// The certificate at the largest gamma_max that certified.
    pub certificate: Alternation,
    /// The next larger gamma_max that was tried, and what became of it; none if 2 certifies.
    pub beyond: Option<Alternation>,
    /// Boxes of all certificates.
    pub boxes: usize,
}

/// The largest gamma_max for which [`certify_alternation`] proves, to `tolerance`, by bisection. If gamma_min alone does
/// not certify, that certificate is returned, with nothing beyond.
///
/// # Errors
/// If gamma_min or the tolerance is not positive, or gamma_min above 2.
pub fn largest_gamma_max(gamma_min: f64, tolerance: f64) -> Result<LargestGamma, ToyError> {
    if tolerance.is_nan() || tolerance < 1e-9 {
        return Err(ToyError::Number { name: "tolerance", found: tolerance, expected: "at least 1e-9" });
    }
    let mut certificate = certify_alternation(gamma_min, gamma_min)?;
    let mut boxes = certificate.boxes;
    if certificate.outcome != Certified::Proved {
        return Ok(LargestGamma { certificate, beyond: None, boxes });
    }
    let mut beyond = certify_alternation(gamma_min, 2.0)?;
    boxes += beyond.boxes;
    while beyond.gamma_max - certificate.gamma_max > tolerance {
        let tried = certify_alternation(gamma_min, 0.5 * (beyond.gamma_max + certificate.gamma_max))?;
        boxes += tried.boxes;
        if tried.outcome == Certified::Proved { certificate = tried } else { beyond = tried }
    }
    Ok(LargestGamma { certificate, beyond: Some(beyond), boxes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_theorem_is_proved_with_few_boxes() {
        let lemmas = toy_theorem();
        for lemma in &lemmas {
            assert_eq!(lemma.outcome, Certified::Proved, "{lemma:?}");
            assert!(lemma.boxes <= 200, "{}: {} boxes", lemma.name, lemma.boxes);
        }
        assert_eq!(assemble(&lemmas).0, Certified::Proved);
    }

    /// The same forms with bounds that are a little too good: the truth is max h = 1.161895.., min h = 0.653560..
    #[test]
    fn false_bounds_are_refuted_at_a_point_that_breaks_them() {
        let gamma = between(1.0, 1.25);
        let domain = [gamma, between(0.0, 1.162)];
        let tight = |bound: f64| is_positive(move |[g, p]: &[Jet<2>; 2]| Jet::decimal(bound) - h(*g, *p), domain);
        assert_eq!(tight(1.161_896).decision, Decision::Proved);
        let Decision::Refuted { point: [g, p], .. } = tight(1.161_89).decision else { panic!("not refuted") };
        assert!(p + g * p * (1.0 - p * p) >= 1.161_89 && (1.0..=1.25).contains(&g));
        // the same statement without the factor divided out can not be decided at phi = 1
        let raw = |[g, p]: &[Jet<2>; 2]| (h(*g, *p) - one()) * (one() - *p);
        let search = is_positive(raw, [gamma, between(0.65, 1.0)]);
        assert!(matches!(search.decision, Decision::Undecided { .. } | Decision::Refuted { .. }));
    }

    #[test]
    fn alternation_is_proved_up_to_the_merging_of_the_bands_and_refuted_above() {
        assert_eq!(certify_alternation(1.0, 1.25).unwrap().outcome, Certified::Proved);
        assert_eq!(certify_alternation(0.6, 0.65).unwrap().outcome, Certified::Proved);
        for (a, b) in [(1.0, 1.4), (1.05, 1.6), (0.4, 1.1), (0.3, 0.4), (1.1, 2.0)] {
            assert!(matches!(certify_alternation(a, b).unwrap().outcome, Certified::Refuted(_)), "{a} {b}");
        }
        let found = largest_gamma_max(1.0, 1e-4).unwrap();
        let (proved, beyond) = (found.certificate.gamma_max, found.beyond.unwrap());
        assert!(beyond.gamma_max - proved <= 1e-4 && matches!(beyond.outcome, Certified::Refuted(_)), "{beyond:?}");
        // the exact end: floor(gamma) (1 + floor(gamma)) = 1, floor the golden ratio - 1
        let end = bisect(1.2, 1.4, |g| attracting(Interval::point(g)).0.middle() - (5.0_f64.sqrt() - 1.0) / 2.0);
        assert!(proved <= end && end <= beyond.gamma_max, "{proved} {end}");
    }

    fn bisect(mut a: f64, mut b: f64, f: impl Fn(f64) -> f64) -> f64 {
        while b - a > 1e-12 {
            let m = 0.5 * (a + b);
            if f(m) > 0.0 { a = m } else { b = m }
        }
        a
    }

    /// A proved alternation agrees with orbits: random gamma, all sides change once the interval is entered.
    #[test]
    fn orbits_of_a_proved_interval_alternate() {
        let mut stream = crate::rng::Stream::new(11, crate::rng::Purpose::Probe);
        for (a, b) in [(1.0, 1.25), (0.8, 1.0), (1.2, 1.25)] {
            let found = certify_alternation(a, b).unwrap();
            assert_eq!(found.outcome, Certified::Proved);
            for _ in 0..200 {
                let mut phi = stream.uniform();
                for _ in 0..200 {
                    let next = phi + (a + (b - a) * stream.uniform()) * phi * (1.0 - phi * phi);
                    assert!(next > 0.0 && next < found.attracting[1]);
                    assert!(phi < found.attracting[0] || (phi - 1.0).abs() < 1e-13 || (phi < 1.0) == (next > 1.0));
                    phi = next;
                }
            }
        }
    }

    #[test]
    fn bad_intervals_are_named() {
        let message = |a, b| certify_alternation(a, b).unwrap_err().to_string();
        assert_eq!(message(0.0, 1.0), "gamma_min: 0, expected a positive number");
        assert_eq!(message(1.2, 1.1), "gamma_max: 1.1, expected a number that is at least gamma_min = 1.2");
        assert_eq!(message(1.2, 2.1), "gamma_max: 2.1, expected at most 2: above, iterates diverge");
        assert!(certify_alternation(f64::NAN, 1.0).is_err() && largest_gamma_max(1.0, 0.0).is_err());
    }
}
