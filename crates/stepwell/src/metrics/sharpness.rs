//! Sharpness: the largest eigenvalue of the loss Hessian, by Lanczos on Hessian-vector products.

use crate::linalg::{Extreme, lanes, largest_eigenvalue};
use crate::model::Model;
use crate::problem::Problem;
use crate::simd::{Kernel, dispatch};

struct HessianVector<'a, M> {
    problem: &'a Problem<M>,
    theta: &'a [f64],
    v: &'a [f64],
    out: &'a mut [f64],
}

impl<M: Model> Kernel for HessianVector<'_, M> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Problem { model, data, loss } = self.problem;
        let n = data.train.len();
        let weight = loss.slope() * loss.batch_scale(n) / n as f64;
        let mut tape = model.tape();
        let mut gradient = vec![0.0; self.theta.len()];
        self.out.fill(0.0);
        for (x, y) in data.train.x.iter_rows().zip(&data.train.y) {
            let h = model.predict(self.theta, x, &mut tape);
            gradient.fill(0.0);
            model.pullback(self.theta, x, &mut tape, 1.0, &mut gradient);
            let along = weight * loss.curvature(h, *y) * lanes::dot(&gradient, self.v);
            lanes::add_scaled(self.out, along, &gradient);
            let r = loss.residual(h, *y);
            model.curvature(self.theta, x, &mut tape, weight * r, self.v, self.out);
        }
    }
}

/// `out = H v` with the Hessian of the training loss,
/// `H = slope/n sum_i [c_i grad h_i grad h_i^T + r_i grad^2 h_i]`, with the residuals and curvatures of [`Loss`]
/// (for square losses `c_i = 1`).
///
/// [`Loss`]: crate::loss::Loss
pub fn hessian_vector<M: Model>(problem: &Problem<M>, theta: &[f64], v: &[f64], out: &mut [f64]) {
    dispatch(HessianVector { problem, theta, v, out });
}

/// The largest eigenvalue of the Hessian of the training loss, its vector, residual and number of products.
pub fn sharpness<M: Model>(problem: &Problem<M>, theta: &[f64]) -> Extreme {
    largest_eigenvalue(theta.len(), 1e-10, 300, |v, out| hessian_vector(problem, theta, v, out))
}
