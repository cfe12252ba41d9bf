//! A function's value and its gradient, both as intervals: what the mean-value form needs.

use core::array::from_fn;
use core::ops::{Add, Div, Mul, Sub};

use super::Interval;

/// Enclosures of a function of N variables over a box, and of its partial derivatives (forward differentiation).
#[derive(Clone, Copy, Debug)]
pub struct Jet<const N: usize> {
    /// Contains every value.
    pub value: Interval,
    /// Entry k contains every derivative by variable k.
    pub gradient: [Interval; N],
}

impl<const N: usize> Jet<N> {
    /// A constant.
    pub fn constant(value: Interval) -> Self {
        Self { value, gradient: [Interval::point(0.0); N] }
    }

    /// The integer, half or other number that is exactly `x`.
    pub fn exactly(x: f64) -> Self {
        Self::constant(Interval::point(x))
    }

    /// A constant that was written in decimal, see [`Interval::decimal`].
    pub fn decimal(x: f64) -> Self {
        Self::constant(Interval::decimal(x))
    }

    /// The variables themselves over a box.
    pub fn variables(over: &[Interval; N]) -> [Self; N] {
        from_fn(|k| Self { value: over[k], gradient: from_fn(|l| Interval::point(if k == l { 1.0 } else { 0.0 })) })
    }

    /// `f^2`.
    pub fn square(self) -> Self {
        let slope = Interval::point(2.0) * self.value;
        Self { value: self.value.square(), gradient: self.gradient.map(|g| slope * g) }
    }
}

impl<const N: usize> Add for Jet<N> {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self { value: self.value + other.value, gradient: from_fn(|k| self.gradient[k] + other.gradient[k]) }
    }
}

impl<const N: usize> Sub for Jet<N> {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self { value: self.value - other.value, gradient: from_fn(|k| self.gradient[k] - other.gradient[k]) }
    }
}

impl<const N: usize> Mul for Jet<N> {
    type Output = Self;
    #[expect(clippy::suspicious_arithmetic_impl, reason = "the product rule has a sum")]
    fn mul(self, other: Self) -> Self {
        let gradient = from_fn(|k| self.gradient[k] * other.value + self.value * other.gradient[k]);
        Self { value: self.value * other.value, gradient }
    }
}

impl<const N: usize> Div for Jet<N> {
    type Output = Self;
    #[expect(clippy::suspicious_arithmetic_impl, reason = "the quotient rule has a difference and a product")]
    fn div(self, other: Self) -> Self {
        let value = self.value / other.value;
        Self { value, gradient: from_fn(|k| (self.gradient[k] - value * other.gradient[k]) / other.value) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `f = (x y + x) / y - x^2`: derivatives `1 + 1/y - 2x` and `-x/y^2`, at a point.
    #[test]
    fn derivatives_of_a_formula() {
        let [x, y] = Jet::variables(&[Interval::point(3.0), Interval::point(2.0)]);
        let f = (x * y + x) / y - x.square();
        for (found, expected) in [(f.value, -4.5), (f.gradient[0], -4.5), (f.gradient[1], -0.75)] {
            assert!(found.contains(expected) && found.width() < 1e-13, "{found:?} {expected}");
        }
    }
}
