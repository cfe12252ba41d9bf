//! Losses and their conventions, named apart: which factor stands before the sum decides which step size goes with
//! which update.

use serde::{Deserialize, Serialize};

/// A loss of the predictions `h_i = h(theta, x_i)` with the labels `y_i`; `r_i = h_i - y_i`.
///
/// One sample's derivative by its prediction is `slope * residual`, its second derivative `slope * curvature`. For square
/// losses the residual is `r_i` and the curvature 1.
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
    /// `1/n sum log(1 + exp(-y_i h_i))` for labels `+-1`; one sample's step is
    /// `theta + eta y_i / (1 + exp(y_i h_i)) grad h`. Binary classification.
    Logistic,
}

impl Loss {
    /// All losses.
    pub const ALL: [Self; 5] =
        [Self::HalfMeanSquare, Self::MeanSquare, Self::QuarterMeanSquare, Self::SumOfSquares, Self::Logistic];

    /// Whether it is a square loss.
    #[inline(always)]
    pub fn is_square(self) -> bool {
        self != Self::Logistic
    }

    /// The factor c of `c r^2` for one sample; 1 for the logistic loss.
    fn coefficient(self) -> f64 {
        match self {
            Self::HalfMeanSquare => 0.5,
            Self::MeanSquare | Self::SumOfSquares | Self::Logistic => 1.0,
            Self::QuarterMeanSquare => 0.25,
        }
    }

    /// Derivative of one sample's term by the prediction, divided by the residual: `2c` for `c r^2`, 1 for the logistic
    /// loss.
    #[inline(always)]
    pub fn slope(self) -> f64 {
        if self.is_square() { 2.0 * self.coefficient() } else { 1.0 }
    }

    /// `h - y`, or `-y / (1 + exp(y h))` for the logistic loss (NaN if h is not finite): the derivative of one sample's
    /// term by its prediction is `slope` times this.
    #[inline(always)]
    pub fn residual(self, prediction: f64, label: f64) -> f64 {
        if self.is_square() { prediction - label } else { logistic_residual(prediction, label) }
    }

    /// The second derivative of one sample's term by its prediction, divided by `slope`: 1, or
    /// `s (1 - s)` with `s = 1 / (1 + exp(y h))` for the logistic loss.
    pub fn curvature(self, prediction: f64, label: f64) -> f64 {
        if self.is_square() {
            return 1.0;
        }
        let s = logistic_residual(prediction, label).abs();
        s * (1.0 - s)
    }

    /// One sample's term before its coefficient: `r^2`, or `log(1 + exp(-y h))`.
    #[inline(always)]
    pub fn term(self, prediction: f64, label: f64) -> f64 {
        if self.is_square() {
            let r = prediction - label;
            r * r
        } else {
            logistic_term(prediction, label)
        }
    }

    /// The [term](Self::term) of a sample of which the residual is known already.
    #[inline(always)]
    pub fn term_seen(self, residual: f64, prediction: f64, label: f64) -> f64 {
        if self.is_square() { residual * residual } else { logistic_term(prediction, label) }
    }

    /// The [term](Self::term) that goes with a residual: `r^2`, or `-log(1 - |r|)`, which rounding keeps below 37.
    pub fn term_of_residual(self, residual: f64) -> f64 {
        if self.is_square() { residual * residual } else { -libm::log((1.0 - residual.abs()).max(f64::EPSILON / 2.0)) }
    }

    /// The loss of the best predictor that is constant: the variance of the labels by the loss's convention, or their entropy.
    pub fn of_best_constant(self, labels: &[f64]) -> f64 {
        let n = labels.len() as f64;
        if self.is_square() {
            let mean = labels.iter().sum::<f64>() / n;
            return self.value(labels.iter().map(|y| (y - mean) * (y - mean)).sum(), labels.len());
        }
        let positive = labels.iter().filter(|y| **y > 0.0).count() as f64 / n;
        let part = |share: f64| if share > 0.0 { -share * libm::log(share) } else { 0.0 };
        part(positive) + part(1.0 - positive)
    }

    /// The loss of `n` samples from the sum of their [terms](Self::term).
    pub fn value(self, sum_of_terms: f64, n: usize) -> f64 {
        let mean = if self == Self::SumOfSquares { 1.0 } else { n as f64 };
        self.coefficient() * sum_of_terms / mean
    }

    /// What the gradients of single samples, `slope residual grad h`, are multiplied with after their mean over a batch,
    /// so that its expectation is the gradient of the loss: 1 for means, n for the sum.
    #[inline(always)]
    pub fn batch_scale(self, n: usize) -> f64 {
        if self == Self::SumOfSquares { n as f64 } else { 1.0 }
    }
}

/// Kept out of line: the steps of square losses are hot loops.
#[inline(never)]
fn logistic_residual(prediction: f64, label: f64) -> f64 {
    if prediction.is_finite() { -label / (1.0 + libm::exp(label * prediction)) } else { f64::NAN }
}

/// `log(1 + exp(-m))` of the margin m, without overflow.
#[inline(never)]
fn logistic_term(prediction: f64, label: f64) -> f64 {
    let margin = label * prediction;
    libm::log1p(libm::exp(-margin.abs())) + if margin < 0.0 { -margin } else { 0.0 }
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
        assert_eq!(Loss::Logistic.value(8.0, 4), 2.0);
    }

    /// `slope residual` is the first and `slope curvature` the second derivative of the value, by central differences.
    #[test]
    fn derivatives_agree_with_the_value() {
        for loss in Loss::ALL {
            for (h, y) in [(3.0, 1.0), (-0.7, 1.0), (0.4, -1.0), (8.0, -1.0)] {
                let value = |h: f64| loss.value(loss.term(h, y), 1);
                let first = |h: f64| loss.slope() * loss.residual(h, y);
                let step = 1e-5;
                let difference = (value(h + step) - value(h - step)) / (2.0 * step);
                assert!((difference - first(h)).abs() < 1e-9, "{loss:?} at {h}");
                let second = (first(h + step) - first(h - step)) / (2.0 * step);
                assert!((second - loss.slope() * loss.curvature(h, y)).abs() < 1e-9, "{loss:?} at {h}");
            }
        }
    }

    /// `log 2` at margin 0, `-m` and `exp(-m)` at its ends; an infinite prediction has no step.
    #[test]
    fn logistic_loss_at_its_ends() {
        let loss = Loss::Logistic;
        assert_eq!(loss.term(0.0, 1.0), core::f64::consts::LN_2);
        assert_eq!((loss.term(-800.0, 1.0), loss.term(800.0, -1.0)), (800.0, 800.0));
        assert!((loss.term(40.0, 1.0) / libm::exp(-40.0) - 1.0).abs() < 1e-15);
        assert_eq!((loss.residual(-800.0, 1.0), loss.residual(800.0, 1.0)), (-1.0, 0.0));
        assert!(loss.residual(f64::INFINITY, 1.0).is_nan());
        assert_eq!(loss.term(f64::NEG_INFINITY, 1.0), f64::INFINITY);
    }
}
