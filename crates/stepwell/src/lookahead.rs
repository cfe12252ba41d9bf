//! Metrics of a run that goes on: measured on copies of it, so that it stays as it is.

use crate::linalg::lanes;
use crate::metrics::sign_changes;
use crate::rng::{Purpose, Stream};
use crate::run::{Runner, Status};
use crate::statistics::students_t;

/// Relative distance of the copies in [`lyapunov`].
const SEPARATION: f64 = 1e-5;
/// Steps after which it is set back: few, so that it stays small where it grows threefold per step.
const SET_BACK: u64 = 4;
/// Predictions are compared so often per factor of e in the number of steps.
const LOOKS: u64 = 32;
/// Two copies whose predictions differ in the same direction, up to this cosine, have forgotten where they were put.
const ALIGNED: f64 = 0.99;
/// A direction that is slower than the one measured shows once the measured one has shrunk by so many factors of e.
const SEEN: f64 = 5.0;
/// The second half is divided in so many blocks at most.
const BLOCKS: u64 = 8;

/// A Lyapunov exponent with its 95% interval; NaN where it is not resolved.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exponent {
    /// The estimate, per step.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

impl Exponent {
    /// Nothing can be said.
    pub const NOT_RESOLVED: Self = Self { value: f64::NAN, low: f64::NAN, high: f64::NAN };
}

/// The largest Lyapunov exponent of the training predictions, per step: how fast copies of the run with the same samples, put
/// `1e-5 |theta|` apart in two random directions, separate over the next `steps` steps. The distance of the parameters is
/// set back every few steps (Benettin, 1980); what is compared is that of the predictions, because parameters also
/// differ along the solutions, where they neither part nor meet. Where copies meet, it is measured until round-off hides
/// their difference.
///
/// The first half is discarded; the mean rates of up to eight blocks of the second give the mean and, by Student's t, its
/// interval, which is no narrower than the difference between the blocks' halves, a trend.
///
/// Not resolved: if the two directions have not become one by then, so that faster directions still take part; if the
/// distance changes by less than a factor of e^5 in the second half, behind which a slower direction may hide; if there are
/// fewer than three blocks; if a run diverges at once, or predictions do not depend on the direction.
pub fn lyapunov(run: &dyn Runner, steps: u64) -> Exponent {
    let mut stream = Stream::new(0, Purpose::Probe);
    let mut direction = || run.theta().iter().map(|_| stream.normal()).collect();
    let mut pairs = [direction(), direction()].map(|direction| Beside::put(run, direction));
    let mut one = run.boxed();
    let mut looks: Vec<Look> = Vec::new();
    let (mut taken, mut next_look) = (0, 0);
    loop {
        let apart = SEPARATION * lanes::norm2(one.theta()).sqrt().max(f64::MIN_POSITIVE.sqrt());
        if pairs.iter_mut().any(|beside| beside.set_back(one.theta(), apart).is_none()) {
            break;
        }
        if taken >= next_look || taken == steps {
            let Some(look) = Look::at(taken, &*one, &pairs) else { break };
            looks.push(look);
            next_look = taken + (taken / LOOKS).max(SET_BACK);
        }
        let count = SET_BACK.min(steps - taken);
        let running = |run: &mut Box<dyn Runner>| run.advance(count) == Status::Running;
        if count == 0 || !running(&mut one) || !pairs.iter_mut().all(|beside| running(&mut beside.run)) {
            break;
        }
        taken += count;
        pairs.iter_mut().for_each(|beside| beside.grow(one.theta()));
    }
    exponent(&looks)
}

/// A copy beside the run.
struct Beside {
    run: Box<dyn Runner>,
    direction: Vec<f64>,
    /// The logarithm of the factor by which it would be farther away, had it never been set back.
    grown: f64,
    apart: f64,
}

impl Beside {
    fn put(run: &dyn Runner, direction: Vec<f64>) -> Self {
        Self { run: run.boxed(), direction, grown: 0.0, apart: f64::NAN }
    }

    /// Sets the copy to the distance `apart`.
    fn set_back(&mut self, theta: &[f64], apart: f64) -> Option<()> {
        let distance = lanes::norm2(&self.direction).sqrt();
        if !self.apart.is_nan() {
            self.grown += libm::log(distance / apart);
        }
        let beside: Vec<f64> = theta.iter().zip(&self.direction).map(|(t, d)| t + d * (apart / distance)).collect();
        self.apart = apart;
        self.run.set_theta(&beside).ok()
    }

    /// Where the copy has come to.
    fn grow(&mut self, theta: &[f64]) {
        for ((d, beside), theta) in self.direction.iter_mut().zip(self.run.theta()).zip(theta) {
            *d = beside - theta;
        }
    }
}

/// How far the predictions of the two copies are from those of the run.
struct Look {
    step: u64,
    /// The logarithm of either distance, as if it had never been set back.
    distances: [f64; 2],
    /// The cosine between the two differences.
    cosine: f64,
}

impl Look {
    /// `None` where round-off hides a difference.
    fn at(step: u64, one: &dyn Runner, pairs: &[Beside; 2]) -> Option<Self> {
        let predictions = |run: &dyn Runner| run.landscape().predict(run.theta(), &run.landscape().data().train.x);
        let h = predictions(one);
        let difference = |beside: &Beside| -> Vec<f64> {
            predictions(&*beside.run).iter().zip(&h).map(|(other, h)| other - h).collect()
        };
        let differences = [difference(&pairs[0]), difference(&pairs[1])];
        let sizes = [0, 1].map(|k| lanes::norm2(&differences[k]).sqrt());
        let hidden = 1e-13 * lanes::norm2(&h).sqrt();
        sizes.iter().all(|size| *size > hidden && size.is_finite()).then(|| Self {
            step,
            distances: [0, 1].map(|k| libm::log(sizes[k]) + pairs[k].grown),
            cosine: lanes::dot(&differences[0], &differences[1]) / (sizes[0] * sizes[1]),
        })
    }
}

/// The exponent from what was seen.
fn exponent(looks: &[Look]) -> Exponent {
    let Some(last) = looks.last() else { return Exponent::NOT_RESOLVED };
    let after = |step: u64| looks.partition_point(|look| look.step < step);
    let mut ends: Vec<usize> =
        (0..=BLOCKS).map(|k| after(last.step / 2 + (last.step - last.step / 2) * k / BLOCKS)).collect();
    ends.dedup();
    let blocks = ends.len() - 1;
    if blocks < 3 || looks[ends[0]].cosine.abs() < ALIGNED {
        return Exponent::NOT_RESOLVED;
    }
    let rate = |from: &Look, to: &Look| -> f64 {
        let grown: f64 = to.distances.iter().zip(&from.distances).map(|(to, from)| to - from).sum();
        0.5 * grown / (to.step - from.step) as f64
    };
    let rates: Vec<f64> = ends.windows(2).map(|pair| rate(&looks[pair[0]], &looks[pair[1]])).collect();
    let (first, middle) = (&looks[ends[0]], &looks[ends[blocks / 2]]);
    let value = rate(first, last);
    let spread = rates.iter().map(|rate| (rate - value) * (rate - value)).sum::<f64>() / (blocks - 1) as f64;
    let trend = (rate(first, middle) - rate(middle, last)).abs();
    let half = (students_t(0.975, blocks - 1) * (spread / blocks as f64).sqrt()).max(trend);
    let seen = value.abs() * (last.step - first.step) as f64 >= SEEN;
    if seen { Exponent { value, low: value - half, high: value + half } } else { Exponent::NOT_RESOLVED }
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
    use crate::data::{Dataset, Samples, SparseRegression};
    use crate::dynamics::{GradientDescent, Sampler, Sgd};
    use crate::linalg::Matrix;
    use crate::loss::Loss;
    use crate::metrics::jacobian;
    use crate::model::{DiagonalLinear, Linear, Model, ScalarToy};
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
            let found = lyapunov(&run(Linear::new(1), Loss::HalfMeanSquare, 1.0, eta, 0.5), 4_000);
            let expected = libm::log((1.0_f64 - eta).abs());
            assert!((found.value - expected).abs() < 1e-4, "{eta}: {found:?} {expected}");
            assert!(found.low - 1e-6 < expected && expected < found.high + 1e-6, "{eta}: {found:?} {expected}");
        }
        // the distance shrinks by e^2 in the second half of 400 steps: too little to exclude anything slower
        assert!(lyapunov(&run(Linear::new(1), Loss::HalfMeanSquare, 1.0, 0.01, 0.5), 400).value.is_nan());
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
        assert!(chaos.low < libm::log(3.0) && libm::log(3.0) < chaos.high && chaos.low > 1.0, "{chaos:?}");
        let cycle = of(1.1, 32);
        let expected = 0.5 * libm::log((9.0 - 2.0 * 2.1_f64 * 2.1).abs());
        assert!(cycle.low - 0.01 < expected && expected < cycle.high + 0.01, "{cycle:?} {expected}");
    }

    /// Two samples that see one coordinate each, at rates 0.02 and `slow`: what is fast is not taken for the largest exponent,
    /// however few steps there are.
    #[test]
    fn fast_directions_do_not_pass_for_the_slowest() {
        for slow in [5e-5_f64, 4e-4, 4e-3] {
            let x = Matrix::from_rows(2, 2, &[0.2, 0.0, 0.0, slow.sqrt()]);
            let train = Samples::new(x, vec![1.0, 1.0], ["x", "y"]).unwrap();
            let data = Arc::new(Dataset::new(train, None, None).unwrap());
            let problem = Problem { model: Linear::new(2), data, loss: Loss::HalfMeanSquare };
            let schedule = Schedule::constant(1.0);
            let run = Run::new(problem, GradientDescent, schedule, &[0.3, 0.2], u64::MAX);
            let expected = libm::log(1.0 - slow / 2.0);
            for steps in [100, 1_000, 4_000, 40_000] {
                let found = lyapunov(&run, steps);
                let holds = found.low - 1e-9 <= expected && expected <= found.high + 1e-9;
                assert!(found.value.is_nan() || holds, "{slow} {steps}: {found:?} {expected}");
            }
            assert!(slow < 1e-3 || !lyapunov(&run, 40_000).value.is_nan());
        }
    }

    /// SGD on a diagonal network that has found a solution: the truth is that of the linearized recursion of the residuals,
    /// `r <- r - eta K e_i r_i`, over many more steps. Its slowest direction is far slower than what a few thousand steps show.
    #[test]
    fn intervals_hold_the_exponent_of_the_linearized_run() {
        let data = SparseRegression { n: 10, d: 14, sparsity: 3, test: 0, noise: 0.0 }.draw_fresh(1).unwrap();
        let (model, data) = (DiagonalLinear::new(14), Arc::new(data));
        let problem = Problem { model, data, loss: Loss::HalfMeanSquare };
        let start = [[0.1; 14], [0.0; 14]].concat();
        let mut resolved = 0;
        for eta in [0.1, 0.3] {
            let sgd = Sgd::new(Sampler::own(1, 10));
            let mut run = Run::new(problem.clone(), sgd, Schedule::constant(eta), &start, u64::MAX);
            run.advance(20_000);
            let rows = jacobian(&problem.model, run.theta(), &problem.data.train.x);
            let kernel = Matrix::from_fn(10, 10, |i, j| lanes::dot(rows.row(i), rows.row(j)));
            let truth = linearized(&kernel, eta);
            for steps in [1_000, 4_000, 20_000, 100_000, 400_000] {
                let found = lyapunov(&run, steps);
                resolved += usize::from(!found.value.is_nan());
                let holds = found.low - 1e-6 <= truth && truth <= found.high + 1e-6;
                assert!(found.value.is_nan() || holds, "{eta} {steps}: {found:?} {truth}");
            }
        }
        assert!(resolved > 0);
    }

    fn linearized(kernel: &Matrix, eta: f64) -> f64 {
        let mut stream = Stream::new(2, Purpose::Probe);
        let mut r: Vec<f64> = (0..10).map(|_| stream.normal()).collect();
        let mut grown = 0.0;
        let mut step = |r: &mut Vec<f64>| {
            let i = stream.below(10) as usize;
            let along = -eta * r[i];
            lanes::add_scaled(r, along, kernel.row(i));
            let size = lanes::norm2(r).sqrt();
            r.iter_mut().for_each(|r| *r /= size);
            libm::log(size)
        };
        for _ in 0..400_000 {
            step(&mut r);
        }
        for _ in 0..400_000 {
            grown += step(&mut r);
        }
        grown / 400_000.0
    }
}
