//! Intervals with outward rounding: the result of every operation contains every real result.

use core::fmt;
use core::ops::{Add, Div, Mul, Neg, Sub};

/// A closed interval `[lo, hi]` of real numbers; an end may be infinite.
///
/// Each operation rounds to nearest, so the exact result lies between the neighbors of the rounded one: ends are moved
/// outward by one [`f64::next_down`] or [`f64::next_up`]. Source: Moore, Kearfott, Cloud, Introduction to Interval
/// Analysis (2009), chapters 2 and 3.
///
/// ```
/// use stepwell::theory::Interval;
/// let third = Interval::point(1.0) / Interval::point(3.0);
/// assert!(third.lo() < third.hi() && third.contains(1.0 / 3.0));
/// ```
#[derive(Clone, Copy, PartialEq)]
pub struct Interval {
    lo: f64,
    hi: f64,
}

impl Interval {
    /// All real numbers: what is known of a result that is not a number.
    pub const ENTIRE: Self = Self { lo: f64::NEG_INFINITY, hi: f64::INFINITY };

    /// `[lo, hi]`; all real numbers unless `lo <= hi`.
    pub fn new(lo: f64, hi: f64) -> Self {
        if lo <= hi { Self { lo, hi } } else { Self::ENTIRE }
    }

    /// The number `x` itself, which must be the number meant: a small integer, a half.
    pub fn point(x: f64) -> Self {
        Self::new(x, x)
    }

    /// A number that was written in decimal, 0.65 say, and rounded to `x`: the interval between the neighbors of `x`.
    pub fn decimal(x: f64) -> Self {
        Self::outward(x, x)
    }

    /// `[lo, hi]` moved outward by one neighbor each.
    fn outward(lo: f64, hi: f64) -> Self {
        Self::new(lo.next_down(), hi.next_up())
    }

    /// Lower end.
    pub fn lo(self) -> f64 {
        self.lo
    }

    /// Upper end.
    pub fn hi(self) -> f64 {
        self.hi
    }

    /// A number in the middle, always inside.
    pub fn middle(self) -> f64 {
        (0.5 * self.lo + 0.5 * self.hi).clamp(self.lo, self.hi)
    }

    /// `hi - lo`, rounded up.
    pub fn width(self) -> f64 {
        (self.hi - self.lo).next_up()
    }

    /// Whether `x` lies inside.
    pub fn contains(self, x: f64) -> bool {
        self.lo <= x && x <= self.hi
    }

    /// The smallest interval that contains both.
    pub fn hull(self, other: Self) -> Self {
        Self::new(self.lo.min(other.lo), self.hi.max(other.hi))
    }

    /// What lies in both, for two enclosures of the same number.
    pub fn intersect(self, other: Self) -> Self {
        Self::new(self.lo.max(other.lo), self.hi.min(other.hi))
    }

    /// The halves below and above the middle.
    pub fn halves(self) -> [Self; 2] {
        let middle = self.middle();
        [Self::new(self.lo, middle), Self::new(middle, self.hi)]
    }

    /// `x^2`, which is never negative.
    pub fn square(self) -> Self {
        self.power(2)
    }

    /// `x^k`, k >= 0; even powers know that they are not negative.
    pub fn power(self, k: u32) -> Self {
        match k {
            0 => Self::point(1.0),
            1 => self,
            _ if k.is_multiple_of(2) => {
                let (a, b) = (self.lo.abs(), self.hi.abs());
                let nearest = if self.contains(0.0) { 0.0 } else { a.min(b) };
                let low = repeated(Self::point(nearest), k);
                Self::new(low.lo.max(0.0), repeated(Self::point(a.max(b)), k).hi)
            }
            _ => Self::new(repeated(Self::point(self.lo), k).lo, repeated(Self::point(self.hi), k).hi),
        }
    }

    /// Square root of the part that is not negative; all real numbers if there is none.
    pub fn sqrt(self) -> Self {
        if self.hi < 0.0 {
            return Self::ENTIRE;
        }
        Self::new(self.lo.max(0.0).sqrt().next_down().max(0.0), self.hi.sqrt().next_up())
    }

    /// Natural logarithm of the positive part; all real numbers if there is none. `libm::log` is right to less than one
    /// unit in the last place, hence two neighbors outward.
    pub fn ln(self) -> Self {
        if self.hi <= 0.0 {
            return Self::ENTIRE;
        }
        let low = if self.lo <= 0.0 { f64::NEG_INFINITY } else { libm::log(self.lo).next_down().next_down() };
        Self::new(low, libm::log(self.hi).next_up().next_up())
    }
}

/// `x^k` by k - 1 multiplications.
fn repeated(x: Interval, k: u32) -> Interval {
    (1..k).fold(x, |power, _| power * x)
}

impl fmt::Debug for Interval {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "[{:?}, {:?}]", self.lo, self.hi)
    }
}

impl Neg for Interval {
    type Output = Self;
    fn neg(self) -> Self {
        Self { lo: -self.hi, hi: -self.lo }
    }
}

impl Add for Interval {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self::outward(self.lo + other.lo, self.hi + other.hi)
    }
}

impl Sub for Interval {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self::outward(self.lo - other.hi, self.hi - other.lo)
    }
}

impl Mul for Interval {
    type Output = Self;
    /// The ends are among the four products of ends. Zero times an infinite end (which stands for any large number) is 0.
    fn mul(self, other: Self) -> Self {
        let product = |a: f64, b: f64| if a == 0.0 || b == 0.0 { 0.0 } else { a * b };
        let (a, b) = (product(self.lo, other.lo), product(self.lo, other.hi));
        let (c, d) = (product(self.hi, other.lo), product(self.hi, other.hi));
        Self::outward(a.min(b).min(c.min(d)), a.max(b).max(c.max(d)))
    }
}

impl Div for Interval {
    type Output = Self;
    /// All real numbers if the divisor contains zero.
    fn div(self, other: Self) -> Self {
        if other.contains(0.0) {
            return Self::ENTIRE;
        }
        let (a, b) = (self.lo / other.lo, self.lo / other.hi);
        let (c, d) = (self.hi / other.lo, self.hi / other.hi);
        if [a, b, c, d].iter().any(|q| q.is_nan()) {
            return Self::ENTIRE;
        }
        Self::outward(a.min(b).min(c.min(d)), a.max(b).max(c.max(d)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use num_rational::BigRational;
    use proptest::prelude::*;

    fn exact(x: f64) -> BigRational {
        BigRational::from_float(x).unwrap()
    }

    /// Whether the exact rational `q` lies in `interval`; infinite ends contain everything.
    fn encloses(interval: Interval, q: &BigRational) -> bool {
        let above = interval.lo == f64::NEG_INFINITY || exact(interval.lo) <= *q;
        let below = interval.hi == f64::INFINITY || *q <= exact(interval.hi);
        above && below
    }

    /// Numbers of very different size, small integers and zero.
    fn number() -> impl Strategy<Value = f64> {
        let sized = (-1.0..1.0_f64, -60..60_i32).prop_map(|(m, e)| libm::ldexp(m, e));
        prop_oneof![4 => sized, 1 => (-4..5_i32).prop_map(f64::from), 1 => Just(5e-324), 1 => Just(0.1)]
    }

    /// An interval and a number in it.
    fn with_member() -> impl Strategy<Value = (Interval, f64)> {
        (number(), number(), 0.0..=1.0_f64).prop_map(|(a, b, share)| {
            let interval = Interval::new(a.min(b), a.max(b));
            let member = (interval.lo + share * (interval.hi - interval.lo)).clamp(interval.lo, interval.hi);
            (interval, member)
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// Whatever the members, the exact result of an operation lies in the interval result.
        #[test]
        fn operations_enclose_the_exact_result((x, a) in with_member(), (y, b) in with_member(), k in 0..6_u32) {
            let (p, q) = (exact(a), exact(b));
            prop_assert!(encloses(x + y, &(&p + &q)));
            prop_assert!(encloses(x - y, &(&p - &q)));
            prop_assert!(encloses(x * y, &(&p * &q)));
            prop_assert!(encloses(-x, &-&p));
            if b != 0.0 {
                prop_assert!(encloses(x / y, &(&p / &q)));
            }
            let power = (0..k).fold(exact(1.0), |power, _| power * &p);
            prop_assert!(encloses(x.power(k), &power));
            prop_assert!(k % 2 == 1 || x.power(k).lo >= 0.0);
        }

        /// A result of points is tight: at most a few neighbors wide.
        #[test]
        fn point_results_are_tight(a in -1e3..1e3_f64, b in 1e-3..1e3_f64) {
            let (x, y) = (Interval::point(a), Interval::point(b));
            for result in [x + y, x - y, x * y, x / y, y.sqrt(), y.square()] {
                let size = result.lo.abs().max(result.hi.abs()).max(f64::MIN_POSITIVE);
                prop_assert!(result.width() <= 6.0 * f64::EPSILON * size, "{result:?}");
            }
        }

        /// `sqrt(x)^2 = x` in exact arithmetic: the squares of the ends lie on both sides of x.
        #[test]
        fn roots_enclose(a in prop_oneof![0.0..1e-300_f64, 0.0..4.0_f64, 0.0..1e300_f64]) {
            let root = Interval::point(a).sqrt();
            let (lo, hi) = (exact(root.lo), exact(root.hi));
            prop_assert!(&lo * &lo <= exact(a) && exact(a) <= &hi * &hi);
        }

    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        /// `ln(1 + z)` between its alternating partial sums, in exact arithmetic: an enclosure of 30 digits for z < 1/16.
        #[test]
        fn logarithms_enclose(z in 0.0..0.0625_f64, shift in -30..30_i32) {
            let z = z + 1.0 - 1.0;
            let (mut below, mut above, mut power) = (exact(0.0), exact(0.0), exact(1.0));
            for k in 1..26 {
                power *= exact(z);
                let term = &power / exact(f64::from(k));
                if k % 2 == 1 { above = &below + term } else { below = &above - term }
            }
            let log = Interval::point(1.0 + z).ln();
            prop_assert!(exact(log.lo) <= above && below <= exact(log.hi), "{log:?}");
            // ln(2^k x) = k ln 2 + ln x
            let scaled = Interval::point(libm::ldexp(1.0 + z, shift)).ln();
            let sum = Interval::point(2.0).ln() * Interval::point(f64::from(shift)) + log;
            prop_assert!(scaled.lo <= sum.hi && sum.lo <= scaled.hi);
        }
    }

    #[test]
    fn what_is_unknown_is_everything() {
        let around_zero = Interval::new(-1.0, 1.0);
        assert_eq!(Interval::point(1.0) / around_zero, Interval::ENTIRE);
        assert_eq!(Interval::point(-1.0).sqrt(), Interval::ENTIRE);
        assert_eq!(Interval::point(-1.0).ln(), Interval::ENTIRE);
        assert_eq!(Interval::new(1.0, 0.0), Interval::ENTIRE);
        assert_eq!(Interval::point(f64::NAN), Interval::ENTIRE);
        assert_eq!(around_zero.square().lo(), 0.0);
        assert!(Interval::ENTIRE * Interval::point(0.0) == Interval::outward(0.0, 0.0));
    }

    #[test]
    fn decimals_are_enclosed() {
        let exactly = BigRational::new(13.into(), 20.into());
        assert!(encloses(Interval::decimal(0.65), &exactly) && !encloses(Interval::point(0.65), &exactly));
    }
}
