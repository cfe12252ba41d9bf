//! Gradient descent on `F(b) = |X b - y|^2` in closed form.

use crate::data::Samples;
use crate::linalg::{Matrix, SymmetricEigen, lanes, symmetric_eigen};

/// The spectrum of a quadratic and where a run starts in it.
///
/// With the Hessian `H = 2 X^T X = Q diag(lambda) Q^T`, the minimum `b*` and `c = Q^T (b_0 - b*)`, gradient descent has
/// `b_t = b* + Q diag(1 - eta lambda)^t c` and `F_t = F* + 1/2 sum_k lambda_k (1 - eta lambda_k)^{2t} c_k^2`.
#[derive(Clone, Debug)]
pub struct Quadratic {
    /// Eigenvalues of the Hessian, largest first.
    pub eigenvalues: Vec<f64>,
    /// Eigenvectors, one per row, in the order of the eigenvalues.
    pub eigenvectors: Matrix,
    /// The minimum of smallest norm.
    pub minimum: Vec<f64>,
    /// `F*`.
    pub least_loss: f64,
    /// Coordinates of `b_0 - b*` in the eigenvectors.
    pub start: Vec<f64>,
}

impl Quadratic {
    /// The quadratic of `samples`, for a run from `b0`.
    pub fn new(samples: &Samples, b0: &[f64]) -> Self {
        let columns = samples.x.transposed();
        let d = columns.rows();
        let hessian = Matrix::from_fn(d, d, |j, k| 2.0 * lanes::dot(columns.row(j), columns.row(k)));
        let SymmetricEigen { values: eigenvalues, vectors: eigenvectors } = symmetric_eigen(&hessian);
        let correlation: Vec<f64> = columns.iter_rows().map(|column| 2.0 * lanes::dot(column, &samples.y)).collect();
        let floor = 1e-12 * eigenvalues.first().copied().unwrap_or(0.0);
        let mut minimum = vec![0.0; d];
        for (q, lambda) in eigenvectors.iter_rows().zip(&eigenvalues).filter(|(_, lambda)| **lambda > floor) {
            lanes::add_scaled(&mut minimum, lanes::dot(q, &correlation) / lambda, q);
        }
        let residual = |x: &[f64], y: f64| lanes::dot(x, &minimum) - y;
        let residuals: Vec<f64> = samples.x.iter_rows().zip(&samples.y).map(|(x, y)| residual(x, *y)).collect();
        let error: Vec<f64> = b0.iter().zip(&minimum).map(|(b, m)| b - m).collect();
        let start = eigenvectors.iter_rows().map(|q| lanes::dot(q, &error)).collect();
        Self { eigenvalues, eigenvectors, least_loss: lanes::norm2(&residuals), minimum, start }
    }

    /// `2/lambda_max`: gradient descent converges from every start if its step size is smaller (and positive).
    pub fn threshold(&self) -> f64 {
        2.0 / self.eigenvalues[0]
    }

    /// `F_t`. Its logarithms are added up where powers overflow, so that it is infinite only where it should be.
    pub fn loss(&self, step_size: f64, t: u64) -> f64 {
        let term = |(lambda, c): (&f64, &f64)| {
            let factor = (1.0 - step_size * lambda).abs();
            if *c == 0.0 || (factor == 0.0 && t > 0) {
                return 0.0;
            }
            let log = 2.0 * (t as f64 * libm::log(factor.max(f64::MIN_POSITIVE)) + libm::log(c.abs()));
            0.5 * lambda * libm::exp(log)
        };
        self.least_loss + self.eigenvalues.iter().zip(&self.start).map(term).sum::<f64>()
    }

    /// `<q_top, b_t - b*>`.
    pub fn top_coordinate(&self, step_size: f64, t: u64) -> f64 {
        let factor = 1.0 - step_size * self.eigenvalues[0];
        let sign = if factor < 0.0 && t % 2 == 1 { -1.0 } else { 1.0 };
        sign * self.start[0] * libm::pow(factor.abs(), t as f64)
    }

    /// The constant loss `F* + (lambda_max/2) |P_top e_0|^2` of the 2-cycle that gradient descent ends on at the threshold.
    pub fn cycle_loss(&self) -> f64 {
        let top = self.eigenvalues[0];
        let near = self.eigenvalues.iter().zip(&self.start).filter(|(lambda, _)| **lambda >= top * (1.0 - 1e-12));
        self.least_loss + 0.5 * top * near.map(|(_, c)| c * c).sum::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::SparseRegression;
    use crate::dynamics::GradientDescent;
    use crate::loss::Loss;
    use crate::model::Linear;
    use crate::problem::Problem;
    use crate::run::{Run, Status};
    use crate::schedule::Schedule;
    use std::sync::Arc;

    fn started(relative: f64) -> (Run<Linear, GradientDescent>, Quadratic, f64) {
        let shape = SparseRegression { n: 30, d: 8, sparsity: 4, test: 0, noise: 0.5 };
        let data = Arc::new(shape.draw_fresh(3).unwrap());
        let start = [0.7, -1.0, 0.3, 0.0, 2.0, -0.2, 0.1, 1.0];
        let quadratic = Quadratic::new(&data.train, &start);
        let eta = relative * quadratic.threshold();
        let problem = Problem { model: Linear::new(8), data, loss: Loss::SumOfSquares };
        (Run::new(problem, GradientDescent, Schedule::constant(eta), &start, 5000), quadratic, eta)
    }

    #[test]
    fn descent_follows_the_closed_form_in_all_regimes() {
        for relative in [0.3, 0.9, 1.0, 1.1] {
            let (mut run, quadratic, eta) = started(relative);
            for t in 0..300 {
                let (found, expected) = (run.problem().train_loss(run.theta()), quadratic.loss(eta, t));
                assert!((found / expected - 1.0).abs() < 1e-10, "{relative} {t}: {found} {expected}");
                let difference: Vec<f64> = run.theta().iter().zip(&quadratic.minimum).map(|(b, m)| b - m).collect();
                let (found, expected) =
                    (lanes::dot(quadratic.eigenvectors.row(0), &difference), quadratic.top_coordinate(eta, t));
                assert!((found - expected).abs() < 1e-10 * expected.abs().max(1.0), "{relative} {t}");
                run.advance(1);
            }
        }
    }

    #[test]
    fn threshold_ends_on_a_cycle_of_constant_loss_and_above_it_diverges() {
        let (mut run, quadratic, _) = started(1.0);
        run.advance(3000);
        let loss = run.problem().train_loss(run.theta());
        assert!((loss / quadratic.cycle_loss() - 1.0).abs() < 1e-10);
        let before = run.theta().to_vec();
        run.advance(1);
        let far: f64 = before.iter().zip(run.theta()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        run.advance(1);
        let back: f64 = before.iter().zip(run.theta()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(back < 1e-9 * far, "{far} {back}");
        let (mut run, _, _) = started(1.2);
        assert!(matches!(run.advance(5000), Status::Overflowed { .. }));
    }
}
