//! Branch and bound: proves that a function is positive on a box, refutes it, or says where it could not tell.

use super::{Interval, Jet};

/// What became of the statement `f > 0` on a box.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision<const N: usize> {
    /// True: f is positive on each of the boxes that cover the domain.
    Proved,
    /// False: at this point f is not positive, in exact arithmetic.
    Refuted {
        /// The counterexample.
        point: [f64; N],
        /// Contains f there.
        value: Interval,
    },
    /// The smallest box on which the enclosure of f still contains both signs.
    Undecided {
        /// The box.
        smallest: [Interval; N],
    },
}

/// A decision and the number of boxes that were looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Search<const N: usize> {
    /// What was found.
    pub decision: Decision<N>,
    /// How many boxes were bounded.
    pub boxes: usize,
}

/// Boxes that a search may look at before it gives up.
pub const MOST_BOXES: usize = 20_000;

/// Decides whether `f > 0` everywhere on `domain`.
///
/// On each box f is enclosed by the natural form (f evaluated in interval arithmetic) and the mean-value form
/// `f(m) + grad f(box) (box - m)`, intersected. A box without a decision is halved along the variable k in which
/// `|df/dx_k| width_k` is largest. Source: Moore, Kearfott, Cloud (2009), chapters 6 and 7.
///
/// ```
/// use stepwell::theory::{Decision, Interval, Jet, is_positive};
/// // x^2 - x + 1/3 > 0 on [0, 1]: the minimum is 1/12
/// let f = |[x]: &[Jet<1>; 1]| x.square() - *x + Jet::decimal(1.0 / 3.0);
/// assert_eq!(is_positive(f, [Interval::new(0.0, 1.0)]).decision, Decision::Proved);
/// ```
pub fn is_positive<const N: usize>(f: impl Fn(&[Jet<N>; N]) -> Jet<N>, domain: [Interval; N]) -> Search<N> {
    let mut waiting = vec![domain];
    let mut boxes = 0;
    while let Some(over) = waiting.pop() {
        boxes += 1;
        let middle = over.map(Interval::middle);
        let at_middle = f(&middle.map(Jet::exactly)).value;
        if at_middle.hi() <= 0.0 {
            return Search { decision: Decision::Refuted { point: middle, value: at_middle }, boxes };
        }
        let whole = f(&Jet::variables(&over));
        if bound(&whole, at_middle, &over).lo() > 0.0 {
            continue;
        }
        let half = widest(&whole, &over).map(|k| over[k].halves().map(|half| with(over, k, half)));
        match half {
            Some(halves) if boxes + waiting.len() < MOST_BOXES => waiting.extend(halves),
            _ => return Search { decision: Decision::Undecided { smallest: over }, boxes },
        }
    }
    Search { decision: Decision::Proved, boxes }
}

/// The natural form, intersected with the mean-value form.
fn bound<const N: usize>(whole: &Jet<N>, at_middle: Interval, over: &[Interval; N]) -> Interval {
    let terms = over.iter().zip(&whole.gradient).map(|(x, g)| *g * (*x - Interval::point(x.middle())));
    terms.fold(at_middle, |sum, term| sum + term).intersect(whole.value)
}

/// The variable in which f varies most over the box, among those that can still be halved.
fn widest<const N: usize>(whole: &Jet<N>, over: &[Interval; N]) -> Option<usize> {
    let variation = |k: usize| {
        let slope = whole.gradient[k].lo().abs().max(whole.gradient[k].hi().abs());
        over[k].width() * slope.clamp(f64::MIN_POSITIVE, f64::MAX)
    };
    let divisible = (0..N).filter(|&k| over[k].lo() < over[k].middle() && over[k].middle() < over[k].hi());
    divisible.max_by(|&a, &b| variation(a).total_cmp(&variation(b)))
}

fn with<const N: usize>(mut over: [Interval; N], k: usize, interval: Interval) -> [Interval; N] {
    over[k] = interval;
    over
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `x^2 + y^2 - 2xy + c` is `(x - y)^2 + c`: positive iff c is; the natural form alone never sees it.
    fn shifted_square(c: f64) -> Search<2> {
        let side = Interval::new(-1.0, 2.0);
        is_positive(|[x, y]| x.square() + y.square() - Jet::exactly(2.0) * *x * *y + Jet::exactly(c), [side, side])
    }

    #[test]
    fn proves_and_refutes_around_the_true_bound() {
        assert_eq!(shifted_square(0.01).decision, Decision::Proved);
        let Decision::Refuted { point: [x, y], value } = shifted_square(-0.01).decision else { panic!() };
        assert!((x - y) * (x - y) - 0.01 <= 0.0 && value.hi() <= 0.0);
    }

    /// A minimum that is exactly 0 at a number no double is: neither sign can be shown.
    #[test]
    fn a_touching_bound_is_undecided_and_says_where() {
        let f = |[x]: &[Jet<1>; 1]| (x.square() - Jet::exactly(2.0)).square();
        let search = is_positive(f, [Interval::new(1.0, 2.0)]);
        let Decision::Undecided { smallest } = search.decision else { panic!("{search:?}") };
        assert!(smallest[0].contains(core::f64::consts::SQRT_2) && smallest[0].width() < 1e-6, "{smallest:?}");
    }

    #[test]
    fn functions_that_are_not_defined_are_undecided() {
        let f = |[x]: &[Jet<1>; 1]| Jet::exactly(1.0) / *x + Jet::exactly(10.0);
        assert!(matches!(is_positive(f, [Interval::new(0.0, 1.0)]).decision, Decision::Undecided { .. }));
    }

    proptest! {
        /// The minimum of `(x - a)^2 + b` over [0, 1] is known: the decision has to follow its sign.
        #[test]
        fn decisions_agree_with_a_known_minimum(a in -0.5..1.5_f64, b in -0.5..0.5_f64) {
            let nearest = a.clamp(0.0, 1.0);
            let least = (nearest - a) * (nearest - a) + b;
            prop_assume!(least.abs() > 1e-6);
            let f = |[x]: &[Jet<1>; 1]| (*x - Jet::exactly(a)).square() + Jet::exactly(b);
            let proved = is_positive(f, [Interval::new(0.0, 1.0)]).decision == Decision::Proved;
            prop_assert_eq!(proved, least > 0.0);
        }
    }
}
