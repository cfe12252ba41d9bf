//! A problem: a model, a data set and a loss; residuals, losses and gradients of the whole set.

use std::sync::Arc;

use crate::data::{Dataset, Samples};
use crate::linalg::{AlignedVec, Matrix, lanes};
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

/// Predictions `h(theta, x_i)` of all rows of `inputs`.
struct Predictions<'a, M> {
    model: &'a M,
    theta: &'a [f64],
    inputs: &'a Matrix,
    out: &'a mut [f64],
}

impl<M: Model> Kernel for Predictions<'_, M> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let mut tape = self.model.tape();
        for (x, h) in self.inputs.iter_rows().zip(self.out) {
            *h = self.model.predict(self.theta, x, &mut tape);
        }
    }
}

/// The predictions of a linear predictor.
struct LinearPredictions<'a> {
    beta: &'a [f64],
    inputs: &'a Matrix,
    out: &'a mut [f64],
}

impl Kernel for LinearPredictions<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for (x, h) in self.inputs.iter_rows().zip(self.out) {
            *h = lanes::dot(self.beta, x);
        }
    }
}

struct Gradient<'a, M> {
    problem: &'a Problem<M>,
    theta: &'a [f64],
    weight: f64,
    out: &'a mut [f64],
}

impl<M: Model> Kernel for Gradient<'_, M> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Problem { model, data, loss } = self.problem;
        let mut tape = model.tape();
        for (x, y) in data.train.x.iter_rows().zip(&data.train.y) {
            let r = loss.residual(model.predict(self.theta, x, &mut tape), *y);
            model.pullback(self.theta, x, &mut tape, self.weight * r, self.out);
        }
    }
}

impl<M: Model> Problem<M> {
    /// Number of training samples.
    pub fn n(&self) -> usize {
        self.data.train.len()
    }

    /// Predictions `h(theta, x_i)` for the rows of `inputs`.
    pub fn predictions(&self, theta: &[f64], inputs: &Matrix) -> Vec<f64> {
        let mut out = vec![0.0; inputs.rows()];
        match self.model.coefficients(theta) {
            Some(beta) => {
                let beta = AlignedVec::from(&beta[..]);
                dispatch(LinearPredictions { beta: &beta, inputs, out: &mut out });
            }
            None => dispatch(Predictions { model: &self.model, theta, inputs, out: &mut out }),
        }
        out
    }

    /// Residuals `h(theta, x_i) - y_i` of `samples`.
    pub fn residuals(&self, theta: &[f64], samples: &Samples) -> Vec<f64> {
        let mut out = vec![0.0; samples.len()];
        dispatch(Predictions { model: &self.model, theta, inputs: &samples.x, out: &mut out });
        out.iter_mut().zip(&samples.y).for_each(|(h, y)| *h -= y);
        out
    }

    /// The loss of `samples` at `theta`.
    pub fn loss_on(&self, theta: &[f64], samples: &Samples) -> f64 {
        let mut terms = self.predictions(theta, &samples.x);
        terms.iter_mut().zip(&samples.y).for_each(|(h, y)| *h = self.loss.term(*h, *y));
        self.loss.value(lanes::sum(&terms), samples.len())
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
        dispatch(Gradient { problem: self, theta, weight, out: &mut out });
        out
    }
}
