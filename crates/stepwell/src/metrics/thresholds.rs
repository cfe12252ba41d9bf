//! The step sizes at which a solution loses its stability, and the solution that small steps lead to.

use serde::{Deserialize, Serialize};

use super::{BatchMoments, hessian_vector, mean_square_threshold, sharpness};
use crate::linalg::{lanes, largest_eigenvalue};
use crate::model::Model;
use crate::problem::Problem;

/// Step sizes at which a solution loses its stability.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Thresholds {
    /// `2/lambda_max` of the Hessian of the training loss: where gradient descent leaves.
    #[serde(with = "crate::number")]
    pub gradient_descent: f64,
    /// Where the second moment under batches grows, see [`mean_square_threshold`]; NaN where it is not known.
    #[serde(with = "crate::number")]
    pub mean_square: f64,
}

impl Thresholds {
    /// The thresholds at `theta`, for batches of these moments where the dynamics has batches.
    pub fn of<M: Model>(problem: &Problem<M>, theta: &[f64], moments: Option<BatchMoments>) -> Self {
        let mean_square = moments.map_or(f64::NAN, |moments| mean_square_threshold(problem, theta, moments));
        Self { gradient_descent: 2.0 / sharpness(problem, theta).value, mean_square }
    }
}

/// Steps between two measurements of the sharpness.
const ROUND: usize = 50;
/// How often it is measured at most.
const MOST_ROUNDS: usize = 400;
/// The loss, relative to the first one, at which the curvature is that of the solution.
const SOLVED: f64 = 1e-6;

/// Where gradient descent with a quarter of its own threshold, `0.5/lambda_max` measured every 50 steps, leads to: until
/// the loss is `1e-6` of that at `theta`, or no longer falls (by less than `1e-6` of itself in 50 steps), or 20,000 steps
/// are taken. The solution depends on data and start alone, not on a seed of batches.
pub fn small_step_solution<M: Model>(problem: &Problem<M>, theta: &[f64]) -> Vec<f64> {
    let mut theta = theta.to_vec();
    let first = problem.train_loss(&theta);
    let (mut loss, mut best) = (first, theta.clone());
    for _ in 0..MOST_ROUNDS {
        let curvature = largest_eigenvalue(theta.len(), 1e-2, 40, |v, out| hessian_vector(problem, &theta, v, out));
        // negative at a start below a saddle: its size is a scale all the same
        let curvature = curvature.value.abs();
        if !(curvature > 0.0 && curvature.is_finite()) {
            return best;
        }
        for _ in 0..ROUND {
            let gradient = problem.gradient(&theta);
            lanes::add_scaled(&mut theta, -0.5 / curvature, &gradient);
        }
        let now = problem.train_loss(&theta);
        if !now.is_finite() {
            return best;
        }
        // where it rises the place is sharper than was measured: on from there, with its own curvature
        let falls = now < loss * (1.0 - 1e-6) || now > loss;
        if now <= loss {
            best.copy_from_slice(&theta);
        }
        loss = now;
        if now <= SOLVED * first || !falls {
            break;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::data::SparseRegression;
    use crate::data::{Dataset, Samples};
    use crate::linalg::Matrix;
    use crate::loss::Loss;
    use crate::model::{DiagonalLinear, ScalarToy};

    /// It interpolates, and its batches are less stable there than the whole set.
    #[test]
    fn a_diagonal_network_is_solved() {
        let shape = SparseRegression { n: 20, d: 40, sparsity: 3, test: 0, noise: 0.0 };
        let data = Arc::new(shape.draw_fresh(1).unwrap());
        let problem = Problem { model: DiagonalLinear::new(40), data, loss: Loss::HalfMeanSquare };
        let start = [[0.1; 40], [0.0; 40]].concat();
        let solution = small_step_solution(&problem, &start);
        assert!(problem.train_loss(&solution) <= SOLVED * problem.train_loss(&start));
        let single = BatchMoments::of(1, crate::dynamics::BatchRule::WithReplacement, 20);
        let found = Thresholds::of(&problem, &solution, Some(single));
        assert!(found.mean_square < found.gradient_descent && found.mean_square > 0.0, "{found:?}");
        assert!(Thresholds::of(&problem, &solution, None).mean_square.is_nan());
    }

    /// The toy model starts where its Hessian is negative; its minimum at 1 has the Hessian 2, with one sample.
    #[test]
    fn a_start_of_negative_curvature_is_left() {
        let train = Samples::new(Matrix::from_rows(1, 1, &[1.0]), vec![1.0], ["x", "y"]).unwrap();
        let data = Arc::new(Dataset::new(train, None, None).unwrap());
        let problem = Problem { model: ScalarToy, data, loss: Loss::QuarterMeanSquare };
        let solution = small_step_solution(&problem, &[0.05]);
        let found = Thresholds::of(&problem, &solution, Some(BatchMoments::all(1)));
        assert!((solution[0] - 1.0).abs() < 1e-2 && (found.mean_square - 1.0).abs() < 1e-2, "{solution:?} {found:?}");
    }
}
