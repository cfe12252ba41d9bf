//! The equations: drift and noise, as weights of the samples' gradients.

use serde::{Deserialize, Serialize};

use crate::loss::Loss;

/// A stochastic differential equation that stands for SGD with step size eta; one step of SGD is the time eta.
///
/// `g_i = s r_i grad h(x_i)` is the gradient of sample i (s the slope of the loss), `Sigma = 1/n sum g_i g_i^T - grad L
/// grad L^T` the covariance of SGD's gradients.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Equation {
    /// `d theta = -grad L dt`.
    GradientFlow,
    /// `d theta = -grad L dt + sqrt(eta) Sigma^{1/2} dB`: weak order 1 in eta. Source: Li, Tai, E, JMLR 20 (2019).
    FirstOrder,
    /// `d theta = -grad (L + eta/4 |grad L|^2) dt + sqrt(eta) Sigma^{1/2} dB`: weak order 2 in eta. Source: as above.
    SecondOrder,
    /// `d theta = -grad L dt + c phi^T dB`, phi the Jacobian (n x p): SGD's label noise, frozen at a level of the loss.
    LabelNoise {
        /// The level delta of the loss.
        delta: f64,
        /// Which c.
        normalization: Normalization,
    },
}

/// The coefficient c of the label noise at the loss level delta, here for the loss `1/(2n) sum r_i^2`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Normalization {
    /// `c = sqrt(2 (n - 1) eta delta) / n`: the noise that SGD has at this level.
    #[default]
    Calibrated,
    /// `c = sqrt(eta delta)`, as the paper writes it: too large by `n / sqrt(2 (n - 1))`.
    AsWritten,
}

impl Normalization {
    /// The coefficient c of `phi^T dB` for `n` samples. With another factor before the sum of squares, delta is a level
    /// of that loss and c carries its slope: what matters is the mean square of the residuals at that level.
    pub fn coefficient(self, loss: Loss, n: usize, eta: f64, delta: f64) -> f64 {
        let samples = n as f64;
        let mean_square = delta / loss.value(samples, n);
        let slope = loss.slope() * loss.batch_scale(n);
        match self {
            Self::Calibrated => slope * ((samples - 1.0) * eta * mean_square).sqrt() / samples,
            Self::AsWritten => slope * (0.5 * eta * mean_square).sqrt(),
        }
    }
}

/// What an equation adds to the drift `-grad L`, as factors: the terms that are not weighted gradients of samples.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Corrections {
    /// Of `-H grad L`, H the Hessian of the loss.
    pub hessian_gradient: f64,
    /// Of `-1/n sum H_i g_i`, H_i the Hessian of sample i's loss.
    pub sample_hessian_gradients: f64,
    /// Of `-sum grad^2 h(x_i) grad h(x_i)`.
    pub prediction_curvature: f64,
}

impl Equation {
    /// The factor c of `dB_i` in sample i's weight, where it does not depend on the residual.
    pub(super) fn label_noise(self, loss: Loss, n: usize, eta: f64) -> f64 {
        match self {
            Self::LabelNoise { delta, normalization } => normalization.coefficient(loss, n, eta, delta),
            _ => 0.0,
        }
    }

    /// The factor of `r_i (dB_i - mean dB)` in sample i's weight: `s sqrt(eta / n)`, as the columns
    /// `sqrt(1/n) (g_i - grad L)` are a square root of Sigma.
    pub(super) fn gradient_noise(self, loss: Loss, n: usize, eta: f64) -> f64 {
        match self {
            Self::FirstOrder | Self::SecondOrder => loss.slope() * loss.batch_scale(n) * (eta / n as f64).sqrt(),
            _ => 0.0,
        }
    }

    /// Corrections of the Ito drift.
    pub(super) fn ito(self, eta: f64) -> Corrections {
        let hessian_gradient = if self == Self::SecondOrder { 0.5 * eta } else { 0.0 };
        Corrections { hessian_gradient, ..Corrections::default() }
    }

    /// Corrections of the Stratonovich drift, the Ito drift less `1/2 sum_k (D b_k) b_k` for the noise columns b_k:
    /// `eta/2 (1/n sum H_i g_i - H grad L)` for `b_i = sqrt(eta/n) (g_i - grad L)`, which turns the second order's drift into
    /// `-grad (L + eta/(4n) sum |g_i|^2)`, and `c^2/2 sum grad^2 h_i grad h_i` for `b_i = c grad h_i`.
    pub(super) fn stratonovich(self, loss: Loss, n: usize, eta: f64) -> Corrections {
        let c = self.label_noise(loss, n, eta);
        let (hessian_gradient, sample_hessian_gradients) = match self {
            Self::FirstOrder => (-0.5 * eta, 0.5 * eta),
            Self::SecondOrder => (0.0, 0.5 * eta),
            _ => (0.0, 0.0),
        };
        Corrections { hessian_gradient, sample_hessian_gradients, prediction_curvature: 0.5 * c * c }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coefficients_of_the_notes() {
        let (n, eta, delta) = (80, 0.25, 0.01);
        let calibrated = Normalization::Calibrated.coefficient(Loss::HalfMeanSquare, n, eta, delta);
        assert!((calibrated / ((2.0 * 79.0 * eta * delta).sqrt() / 80.0) - 1.0).abs() < 1e-15);
        let as_written = Normalization::AsWritten.coefficient(Loss::HalfMeanSquare, n, eta, delta);
        assert!((as_written / (eta * delta).sqrt() - 1.0).abs() < 1e-15);
    }

    /// Twice the loss at twice the level with half the step size is the same recursion, so one step, of time eta, has the
    /// same noise `c sqrt(eta)`.
    #[test]
    fn conventions_of_the_loss_agree() {
        for normalization in [Normalization::Calibrated, Normalization::AsWritten] {
            let step_noise = |loss, eta: f64, delta| normalization.coefficient(loss, 10, eta, delta) * eta.sqrt();
            let half = step_noise(Loss::HalfMeanSquare, 0.2, 0.3);
            for (loss, factor) in [(Loss::MeanSquare, 2.0), (Loss::QuarterMeanSquare, 0.5), (Loss::SumOfSquares, 20.0)]
            {
                assert!((step_noise(loss, 0.2 / factor, 0.3 * factor) / half - 1.0).abs() < 1e-14);
            }
        }
    }
}
