//! A problem: a model, a data set and a loss; residuals, losses and gradients of the whole set.

use std::sync::Arc;

use crate::data::{Dataset, Samples};
use crate::linalg::{AlignedVec, lanes};
use crate::loss::Loss;
use crate::model::Model;
use crate::simd::{Kernel, dispatch};

/// What is minimized. Cheap to clone: the data set is shared.
#[derive(Clone, Debug)]
pub struct Problem<M> {
    /// The predictor.
    pub model: M,
    /// The data, shared by all runs on it.
    pub data: Arc<Dataset>,
    /// The loss and its convention.
    pub loss: Loss,
}

/// Residuals `h(theta, x_i) - y_i` of all samples.
struct Residuals<'a, M> {
    model: &'a M,
    theta: &'a [f64],
    samples: &'a Samples,
    out: &'a mut [f64],
}

impl<M: Model> Kernel for Residuals<'_, M> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let mut tape = self.model.tape();
        for (i, r) in self.out.iter_mut().enumerate() {
            *r = self.model.predict(self.theta, self.samples.x.row(i), &mut tape) - self.samples.y[i];
        }
    }
}

/// The sum of squared residuals of a linear predictor.
struct LinearSquares<'a> {
    beta: &'a [f64],
    samples: &'a Samples,
}

impl Kernel for LinearSquares<'_> {
    type Output = f64;
    #[inline(always)]
    fn run(self) -> f64 {
        let mut acc = [0.0; lanes::LANES];
        for (i, (x, y)) in self.samples.x.iter_rows().zip(&self.samples.y).enumerate() {
            let r = lanes::dot(self.beta, x) - y;
            acc[i % lanes::LANES] += r * r;
        }
        lanes::combine(acc)
    }
}

struct Gradient<'a, M> {
    model: &'a M,
    theta: &'a [f64],
    samples: &'a Samples,
    weight: f64,
    out: &'a mut [f64],
}

impl<M: Model> Kernel for Gradient<'_, M> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let mut tape = self.model.tape();
        for (i, y) in self.samples.y.iter().enumerate() {
            let x = self.samples.x.row(i);
            let r = self.model.predict(self.theta, x, &mut tape) - y;
            self.model.pullback(self.theta, x, &tape, self.weight * r, self.out);
        }
    }
}

impl<M: Model> Problem<M> {
    /// Number of training samples.
    pub fn n(&self) -> usize {
        self.data.train.len()
    }

    /// Residuals `h(theta, x_i) - y_i` of `samples`.
    pub fn residuals(&self, theta: &[f64], samples: &Samples) -> Vec<f64> {
        let mut out = vec![0.0; samples.len()];
        dispatch(Residuals { model: &self.model, theta, samples, out: &mut out });
        out
    }

    /// The loss of `samples` at `theta`.
    pub fn loss_on(&self, theta: &[f64], samples: &Samples) -> f64 {
        let squares = match self.model.coefficients(theta) {
            Some(beta) => {
                let beta = AlignedVec::from(&beta[..]);
                dispatch(LinearSquares { beta: &beta, samples })
            }
            None => lanes::norm2(&self.residuals(theta, samples)),
        };
        self.loss.value(squares, samples.len())
    }

    /// The training loss at `theta`.
    pub fn train_loss(&self, theta: &[f64]) -> f64 {
        self.loss_on(theta, &self.data.train)
    }

    /// The test loss at `theta`, where there is a test set.
    pub fn test_loss(&self, theta: &[f64]) -> Option<f64> {
        self.data.test.as_ref().map(|test| self.loss_on(theta, test))
    }

    /// The gradient of the training loss.
    pub fn gradient(&self, theta: &[f64]) -> Vec<f64> {
        let n = self.n();
        let weight = self.loss.slope() * self.loss.batch_scale(n) / n as f64;
        let mut out = vec![0.0; self.model.parameters()];
        dispatch(Gradient { model: &self.model, theta, samples: &self.data.train, weight, out: &mut out });
        out
    }
}
