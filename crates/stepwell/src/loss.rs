//! Square losses and their conventions, named apart: which factor stands before the sum decides which step size goes
//! with which update.

use serde::{Deserialize, Serialize};

/// A square loss of the residuals `r_i = h(theta, x_i) - y_i`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// `1/(2n) sum r_i^2`; one sample's step is `theta - eta r_i grad h`. The diagonal network's convention.
    HalfMeanSquare,
    /// `1/n sum r_i^2`; one sample's step is `theta - 2 eta r_i grad h`. The ReLU experiments' convention.
    MeanSquare,
    /// `1/(4n) sum r_i^2`; one sample's step is `theta - (eta/2) r_i grad h`. The scalar toy model's convention.
    QuarterMeanSquare,
    /// `sum r_i^2`, without 1/n; the full gradient is `2 sum r_i grad h`. The notes' quadratic `|X b - y|^2`.
    SumOfSquares,
}

impl Loss {
    /// The factor c of `c r^2` for one sample.
    fn coefficient(self) -> f64 {
        match self {
            Self::HalfMeanSquare => 0.5,
            Self::MeanSquare | Self::SumOfSquares => 1.0,
            Self::QuarterMeanSquare => 0.25,
        }
    }

    /// Derivative of one sample's term with respect to the prediction, divided by the residual.
    #[inline(always)]
    pub fn slope(self) -> f64 {
        2.0 * self.coefficient()
    }

    /// The loss of `n` samples from the sum of their squared residuals.
    pub fn value(self, sum_of_squares: f64, n: usize) -> f64 {
        let mean = if self == Self::SumOfSquares { 1.0 } else { n as f64 };
        self.coefficient() * sum_of_squares / mean
    }

    /// What the gradients of single samples, `slope r_i grad h`, are multiplied with after their mean over a batch, so
    /// that its expectation is the gradient of the loss: 1 for means, n for the sum.
    #[inline(always)]
    pub fn batch_scale(self, n: usize) -> f64 {
        if self == Self::SumOfSquares { n as f64 } else { 1.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conventions_differ_by_their_factors() {
        assert_eq!(Loss::HalfMeanSquare.value(8.0, 4), 1.0);
        assert_eq!(Loss::MeanSquare.value(8.0, 4), 2.0);
        assert_eq!(Loss::QuarterMeanSquare.value(8.0, 4), 0.5);
        assert_eq!(Loss::SumOfSquares.value(8.0, 4), 8.0);
    }

    /// The slope is the derivative of the value: checked for one sample by a central difference, exact for squares.
    #[test]
    fn slope_is_the_derivative() {
        for loss in [Loss::HalfMeanSquare, Loss::MeanSquare, Loss::QuarterMeanSquare, Loss::SumOfSquares] {
            let value = |r: f64| loss.value(r * r, 1) / loss.batch_scale(1);
            assert_eq!((value(3.5) - value(2.5)) / 1.0, loss.slope() * 3.0);
        }
    }
}
