//! Metrics of a run that goes on: measured on copies of it, so that it stays as it is.

use crate::linalg::lanes;
use crate::metrics::sign_changes;
use crate::rng::{Purpose, Stream};
use crate::run::{Runner, Status};

/// Relative distance of the two copies in [`lyapunov`].
const SEPARATION: f64 = 1e-7;
/// Steps after which it is set back: few, so that it stays small where it grows threefold per step.
const SET_BACK: u64 = 4;

/// The Lyapunov exponent of the training predictions, per step: how fast two copies of the run with the same samples,
/// `1e-7 |theta|` apart in a random direction, separate over the next `steps` steps. The distance of the parameters is
/// set back every few steps (Benettin, 1980); what is compared is that of the predictions, because parameters also
/// differ along the solutions, where they neither part nor meet.
///
/// Negative where the copies meet: then it is the rate until round-off hides their difference. NaN if one of them
/// diverges at once, or predictions do not depend on the direction.
pub fn lyapunov(run: &dyn Runner, steps: u64) -> f64 {
    let apart = SEPARATION * lanes::norm2(run.theta()).sqrt().max(f64::MIN_POSITIVE.sqrt());
    let mut stream = Stream::new(0, Purpose::Probe);
    let mut direction: Vec<f64> = run.theta().iter().map(|_| stream.normal()).collect();
    let (mut one, mut other) = (run.boxed(), run.boxed());
    let (mut grown, mut distance) = (0.0, lanes::norm2(&direction).sqrt());
    let predictions = |run: &dyn Runner| run.landscape().predict(run.theta(), &run.landscape().data().train.x);
    let mut exponent = f64::NAN;
    let mut first = f64::NAN;
    let mut taken = 0;
    loop {
        let beside: Vec<f64> =
            one.theta().iter().zip(&direction).map(|(one, d)| one + d * (apart / distance)).collect();
        if other.set_theta(&beside).is_err() {
            return exponent;
        }
        let (h, h_other) = (predictions(&*one), predictions(&*other));
        let difference: Vec<f64> = h.iter().zip(&h_other).map(|(h, other)| other - h).collect();
        let (between, size) = (lanes::norm2(&difference).sqrt(), lanes::norm2(&h).sqrt());
        if taken == 0 {
            first = between;
        } else if between > 0.0 {
            exponent = (grown + libm::log(between / first)) / taken as f64;
        }
        let hidden = between <= 1e-12 * size;
        let count = SET_BACK.min(steps - taken);
        if hidden || count == 0 || one.advance(count) != Status::Running || other.advance(count) != Status::Running {
            return exponent;
        }
        taken += count;
        for ((d, other), one) in direction.iter_mut().zip(other.theta()).zip(one.theta()) {
            *d = other - one;
        }
        distance = lanes::norm2(&direction).sqrt();
        grown += libm::log(distance / apart);
    }
}

/// Whether the iterates bounce: the share of sign changes among the next `steps` moves along the top eigenvector of the
/// Hessian at `theta_t`, see [`sign_changes`].
pub fn bouncing(run: &dyn Runner, steps: u64) -> f64 {
    let direction = run.landscape().top_eigenvector(run.theta());
    let mut copy = run.boxed();
    let mut positions = vec![lanes::dot(copy.theta(), &direction)];
    for _ in 0..steps {
        if copy.advance(1) != Status::Running {
            break;
        }
        positions.push(lanes::dot(copy.theta(), &direction));
    }
    let moves: Vec<f64> = positions.windows(2).map(|pair| pair[1] - pair[0]).collect();
    sign_changes(&moves)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::data::{Dataset, Samples};
    use crate::dynamics::GradientDescent;
    use crate::linalg::Matrix;
    use crate::loss::Loss;
    use crate::model::{Linear, Model, ScalarToy};
    use crate::problem::Problem;
    use crate::run::Run;
    use crate::schedule::Schedule;

    fn run<M: Model>(model: M, loss: Loss, y: f64, step_size: f64, start: f64) -> Run<M, GradientDescent> {
        let train = Samples::new(Matrix::from_rows(1, 1, &[1.0]), vec![y], ["x", "y"]).unwrap();
        let data = Arc::new(Dataset::new(train, None, None).unwrap());
        Run::new(Problem { model, data, loss }, GradientDescent, Schedule::constant(step_size), &[start], u64::MAX)
    }

    /// One sample of a linear model: `r' = (1 - eta) r`, so the exponent is `ln|1 - eta|`.
    #[test]
    fn lyapunov_exponent_of_a_linear_model() {
        for eta in [0.01, 0.3, 1.9, 2.1] {
            let found = lyapunov(&run(Linear::new(1), Loss::HalfMeanSquare, 1.0, eta, 0.5), 400);
            let expected = libm::log((1.0_f64 - eta).abs());
            assert!((found - expected).abs() < 1e-4, "{eta}: {found} {expected}");
        }
    }

    /// The toy model at gamma = 2 is a Chebyshev map of degree 3: its exponent is `ln 3`. At gamma = 1.1 its 2-cycle has the
    /// multiplier `9 - 2 (1 + gamma)^2` over two steps.
    #[test]
    fn lyapunov_exponents_of_the_toy_model() {
        let of = |gamma, steps| {
            let mut run = run(ScalarToy, Loss::QuarterMeanSquare, 1.0, gamma, 0.37);
            run.advance(500);
            lyapunov(&run, steps)
        };
        let chaos = of(2.0, 50_000);
        assert!((chaos / libm::log(3.0) - 1.0).abs() < 0.03, "{chaos}");
        let cycle = of(1.1, 16);
        let expected = 0.5 * libm::log((9.0 - 2.0 * 2.1_f64 * 2.1).abs());
        assert!((cycle - expected).abs() < 0.02, "{cycle} {expected}");
    }
}
