//! How often each kind of interval that is printed holds the truth, over truths drawn at random.

use std::sync::Arc;

use stepwell::data::{Dataset, Samples};
use stepwell::dynamics::{Sampler, Sgd};
use stepwell::linalg::Matrix;
use stepwell::lookahead::lyapunov;
use stepwell::loss::Loss;
use stepwell::model::Linear;
use stepwell::problem::Problem;
use stepwell::rng::Stream;
use stepwell::run::Run;
use stepwell::schedule::Schedule;
use stepwell::statistics::{
    Attempt, Look, Share, Slope, clopper_pearson, confidence_sequence, median_interval, prediction_interval,
};
use stepwell::verdict::{Effect, Pooled};

use super::logs::{Trend, verdict};
use super::noise::{Noise, stream};
use super::table::Rate;
use super::{Size, each};

/// A kind of interval.
pub struct Kind {
    pub name: &'static str,
    pub level: f64,
    /// Draws a truth and an interval for it: whether that holds it. `None` where there is no interval.
    holds: fn(&mut Stream) -> Option<bool>,
}

/// All that the program prints.
pub const KINDS: [Kind; 11] = [
    Kind { name: "share of runs (Clopper and Pearson)", level: 0.95, holds: share },
    Kind { name: "median over runs (order statistics)", level: 0.95, holds: median },
    Kind { name: "median effect, paired ratios", level: 0.95, holds: effect },
    Kind { name: "one more run (prediction, n >= 39)", level: 0.95, holds: prediction },
    Kind { name: "drift of a single run", level: 0.9, holds: drift },
    Kind { name: "drift of a setting (pooled)", level: 0.95, holds: pooled },
    Kind { name: "Lyapunov exponent of a run", level: 0.95, holds: exponent },
    Kind { name: "exponent of a power law (±)", level: 0.95, holds: slope },
    Kind { name: "share, at every look at 200 runs", level: 0.95, holds: at_every_look },
    Kind { name: "the same with fixed-n intervals", level: 0.95, holds: at_every_look_without },
    Kind { name: "upper end of a share, `advise`, all tries", level: 0.95, holds: after_tries },
];

impl Kind {
    /// The coverage, and in how many cases there was no interval.
    pub fn coverage(&self, size: Size) -> (Rate, usize) {
        let found = each(0..size.truths, |case| (self.holds)(&mut stream(self.name, case)));
        let intervals: Vec<bool> = found.iter().flatten().copied().collect();
        (Rate::of(&intervals, |holds| *holds), found.len() - intervals.len())
    }
}

/// A number from `from` to before `to`.
fn between(from: usize, to: usize, stream: &mut Stream) -> usize {
    from + stream.below((to - from) as u32) as usize
}

fn contains([low, high]: [f64; 2], truth: f64) -> bool {
    (low..=high).contains(&truth)
}

/// A law at random, and its median: normal, log-normal, exponential, or Student's with three degrees of freedom.
fn law(stream: &mut Stream) -> (impl Fn(&mut Stream) -> f64 + use<>, f64) {
    let (kind, center, scale) = (stream.below(4), 3.0 * stream.normal(), libm::exp(stream.normal()));
    let draw = move |stream: &mut Stream| {
        let z = stream.normal();
        center
            + scale
                * match kind {
                    0 => z,
                    1 => libm::exp(z) - 1.0,
                    2 => -libm::log(1.0 - stream.uniform()) - core::f64::consts::LN_2,
                    _ => z / ((0..3).map(|_| stream.normal()).map(|z| z * z).sum::<f64>() / 3.0).sqrt(),
                }
    };
    (draw, center)
}

fn share(stream: &mut Stream) -> Option<bool> {
    let (p, n) = (stream.uniform(), between(5, 200, stream));
    let Share { low, high, .. } = Share::of((0..n).filter(|_| stream.uniform() < p).count(), n);
    Some(contains([low, high], p))
}

fn median(stream: &mut Stream) -> Option<bool> {
    let ((draw, truth), n) = (law(stream), between(6, 101, stream));
    let values: Vec<f64> = (0..n).map(|_| draw(stream)).collect();
    median_interval(&values).map(|interval| contains(interval, truth))
}

fn effect(stream: &mut Stream) -> Option<bool> {
    let ((draw, truth), n) = (law(stream), between(6, 101, stream));
    let ratios: Vec<f64> = (0..n).map(|_| libm::exp(draw(stream))).collect();
    let found = Effect::of("ratio", &ratios)?;
    found.is_interval.then(|| contains([found.low, found.high], libm::exp(truth)))
}

fn prediction(stream: &mut Stream) -> Option<bool> {
    let ((draw, _), n) = (law(stream), between(39, 201, stream));
    let values: Vec<f64> = (0..n).map(|_| draw(stream)).collect();
    prediction_interval(&values).map(|interval| contains(interval, draw(stream)))
}

/// A log of 10,000 steps with any noise and any drift.
fn drift(stream: &mut Stream) -> Option<bool> {
    let noise = Noise::ALL[stream.below(Noise::ALL.len() as u32) as usize];
    let truth = libm::exp(stream.normal());
    let found = verdict(Trend::Steady(truth).upon(&noise.block_means(10_000, stream))).drift;
    Some(contains([found.low, found.high], truth))
}

fn pooled(stream: &mut Stream) -> Option<bool> {
    let (truth, n, spread) = (libm::exp(stream.normal()), between(6, 101, stream), 0.5 * stream.uniform());
    let mut run = || {
        let trend = Trend::Steady(truth * libm::exp(spread * stream.normal()));
        verdict(trend.upon(&Noise::MIDDLE.block_means(2_000, stream)))
    };
    let found = Pooled::of(&(0..n).map(|_| run()).collect::<Vec<_>>()).drift;
    Some(contains([found.low, found.high], truth))
}

/// SGD on a linear model with one parameter and eight samples: the exponent is the mean of `ln|1 - eta x_i^2|`.
fn exponent(stream: &mut Stream) -> Option<bool> {
    let x: Vec<f64> = (0..8).map(|_| stream.normal()).collect();
    let eta = 0.5 * stream.uniform();
    let truth = x.iter().map(|x| libm::log((1.0 - eta * x * x).abs())).sum::<f64>() / 8.0;
    let samples = Samples::new(Matrix::from_rows(8, 1, &x), x.clone(), ["x", "y"]).ok()?;
    let data = Arc::new(Dataset::new(samples, None, None).ok()?);
    let problem = Problem { model: Linear::new(1), data, loss: Loss::HalfMeanSquare };
    let sgd = Sgd::new(Sampler::own(stream.word(), 8));
    let run = Run::new(problem, sgd, Schedule::constant(eta), &[0.3], u64::MAX);
    let found = lyapunov(&run, 4_000);
    (!found.value.is_nan()).then(|| contains([found.low, found.high], truth))
}

fn slope(stream: &mut Stream) -> Option<bool> {
    let (truth, n) = (2.0 * stream.normal(), between(3, 13, stream));
    let x: Vec<f64> = (0..n).map(|k| libm::exp(0.5 * k as f64)).collect();
    let y: Vec<f64> = x.iter().map(|x| libm::pow(*x, truth) * libm::exp(0.2 * stream.normal())).collect();
    let found = Slope::of_power(&x, &y);
    Some((found.value - truth).abs() <= found.margin)
}

fn looks(stream: &mut Stream, interval: fn(usize, usize, f64) -> [f64; 2]) -> Option<bool> {
    let (p, mut hits) = (stream.uniform(), 0);
    Some((1..=200).all(|n| {
        hits += usize::from(stream.uniform() < p);
        contains(interval(hits, n, 0.05), p)
    }))
}

fn at_every_look(stream: &mut Stream) -> Option<bool> {
    looks(stream, confidence_sequence)
}

fn at_every_look_without(stream: &mut Stream) -> Option<bool> {
    looks(stream, clopper_pearson)
}

/// Up to ten tries with fresh runs until one says "below 5%": each looks at 200 runs, then after every 100 more, up to 800.
fn after_tries(stream: &mut Stream) -> Option<bool> {
    let p = 0.1 * stream.uniform();
    let (mut attempt, mut upper) = (Attempt::first(0.05), 1.0);
    for _ in 0..10 {
        let (mut hits, mut total, mut look) = (0, 0, Look::Open);
        while look == Look::Open {
            let more = if total == 0 { 200 } else { 100 };
            hits += (0..more).filter(|_| stream.uniform() < p).count();
            total += more;
            look = attempt.look(hits, total, 800);
        }
        upper = attempt.upper_end(hits, total);
        if look == Look::Below {
            break;
        }
        attempt = attempt.next();
    }
    Some(p <= upper)
}
