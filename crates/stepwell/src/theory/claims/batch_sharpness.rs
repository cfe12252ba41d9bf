//! Batch sharpness of SGD with and without momentum: which of its two means comes to rest where.

use super::stability::regression;
use super::{Claim, Finding, Method, Verdict};
use crate::metrics::{batch_sharpness, sharpness};
use crate::model::{DiagonalLinear, Model};
use crate::problem::Problem;
use crate::rng::{Purpose, Stream};
use crate::statistics::quantile;

pub(super) const CLAIMS: &[Claim] = &[
    Claim {
        name: "batch-sharpness",
        statement: "SGD's batch sharpness E[g^T H g / |g|^2], over single samples and their own losses, settles at 2 / eta while the largest eigenvalue of the Hessian stays below",
        source: "Andreyev, Beneventano 2024",
        method: Method::Experiment,
        horizon: "12,000 steps, 4 seeds on each of 3 data sets, 12 samples in 20 dimensions",
        expected: Verdict::Undecided,
        correction: "",
        seeds: None,
        check: |_| without_momentum(),
    },
    Claim {
        name: "batch-sharpness-momentum",
        statement: "with momentum b it settles at 2 (1 - b) / eta for small batches and at 2 (1 + b) / eta for the whole set",
        source: "reported in 2026",
        method: Method::Experiment,
        horizon: "12,000 / (1 - b) steps, 4 seeds (one for the whole set) on each of 3 data sets, 12 samples in 20 dimensions",
        expected: Verdict::Undecided,
        correction: "",
        seeds: None,
        check: |_| with_momentum(),
    },
];

const SAMPLES: usize = 12;
/// Data sets of the experiment.
const DATA_SETS: u64 = 3;
/// Seeds of SGD on each.
const SEEDS: u64 = 4;
/// Steps in which the step size grows to its value, times 1 - momentum.
const WARM_UP: f64 = 500.0;
/// Looks at the second half of a run.
const LOOKS: u64 = 10;

/// SGD with momentum: `m <- b m + g`, `theta <- theta - eta m`, on single samples or on the whole set.
#[derive(Clone, Copy)]
struct HeavyBall {
    eta: f64,
    momentum: f64,
    whole: bool,
    steps: u64,
}

/// Medians over the second half of a run.
#[derive(Clone, Copy)]
struct Rest {
    mean_of_ratios: f64,
    ratio_of_means: f64,
    sharpness: f64,
}

impl HeavyBall {
    /// The parameters after the last step, with some looks at the second half; `None` if it diverges.
    fn walk(self, problem: &Problem<DiagonalLinear>, seed: u64, mut look: impl FnMut(&[f64])) -> Option<Vec<f64>> {
        let Self { eta, momentum, whole, steps } = self;
        let train = &problem.data.train;
        let mut stream = Stream::new(seed, Purpose::Probe);
        let mut theta = [[0.3; 20], [0.05; 20]].concat();
        let (mut moved, mut gradient) = (vec![0.0; theta.len()], vec![0.0; theta.len()]);
        for t in 0..steps {
            let batch = if whole { 0..SAMPLES } else { single(stream.below(SAMPLES as u32) as usize) };
            let weight = 1.0 / batch.len() as f64;
            gradient.fill(0.0);
            for i in batch {
                let r = problem.model.predict(&theta, train.x.row(i), &mut ()) - train.y[i];
                problem.model.pullback(&theta, train.x.row(i), &mut (), weight * r, &mut gradient);
            }
            let now = eta * ((t + 1) as f64 * (1.0 - momentum) / WARM_UP).min(1.0);
            for ((theta, m), g) in theta.iter_mut().zip(&mut moved).zip(&gradient) {
                *m = momentum * *m + g;
                *theta -= now * *m;
            }
            if !theta.iter().all(|theta| theta.abs() < 1e6) {
                return None;
            }
            if t >= steps / 2 && (t - steps / 2).is_multiple_of((steps / 2 / LOOKS).max(1)) {
                look(&theta);
            }
        }
        Some(theta)
    }

    /// Medians over the second half; `None` if it diverges.
    fn rest(self, problem: &Problem<DiagonalLinear>, seed: u64) -> Option<Rest> {
        let mut found: Vec<Rest> = Vec::new();
        self.walk(problem, seed, |theta| {
            let along = batch_sharpness(problem, theta, if self.whole { SAMPLES } else { 1 });
            let (mean_of_ratios, ratio_of_means) = (along.mean_of_ratios, along.ratio_of_means);
            found.push(Rest { mean_of_ratios, ratio_of_means, sharpness: sharpness(problem, theta).value });
        })?;
        Some(Rest::medians(&found))
    }

    /// Medians over data sets and seeds, each of its data set's step size, in units of `2 / eta`; and how many of how many diverged.
    fn over_all(self, scale: impl Fn(&Problem<DiagonalLinear>) -> f64) -> (Rest, usize, usize) {
        let mut found = Vec::new();
        let seeds = if self.whole { 1 } else { SEEDS };
        for data in 1..=DATA_SETS {
            let problem = regression(SAMPLES, 20, data);
            let eta = self.eta * scale(&problem);
            for seed in 1..=seeds {
                let rest = Self { eta, ..self }.rest(&problem, seed);
                found.extend(rest.map(|rest| rest.times(eta / 2.0)));
            }
        }
        let runs = (DATA_SETS * seeds) as usize;
        (Rest::medians(&found), runs - found.len(), runs)
    }
}

fn single(i: usize) -> core::ops::Range<usize> {
    i..i + 1
}

impl Rest {
    fn medians(found: &[Self]) -> Self {
        let median = |value: fn(&Self) -> f64| quantile(&found.iter().map(value).collect::<Vec<_>>(), 0.5);
        Self {
            mean_of_ratios: median(|rest| rest.mean_of_ratios),
            ratio_of_means: median(|rest| rest.ratio_of_means),
            sharpness: median(|rest| rest.sharpness),
        }
    }

    fn times(self, factor: f64) -> Self {
        Self {
            mean_of_ratios: factor * self.mean_of_ratios,
            ratio_of_means: factor * self.ratio_of_means,
            sharpness: factor * self.sharpness,
        }
    }
}

/// Where small steps lead to.
fn small_steps(problem: &Problem<DiagonalLinear>) -> Vec<f64> {
    let small = HeavyBall { eta: 0.01, momentum: 0.0, whole: true, steps: 20_000 };
    small.walk(problem, 1, |_| {}).expect("small steps converge")
}

/// `2 / k` there, with the batch sharpness k of single samples.
fn of_single_samples(problem: &Problem<DiagonalLinear>) -> f64 {
    2.0 / batch_sharpness(problem, &small_steps(problem), 1).mean_of_ratios
}

/// `2 / lambda_max` there.
fn of_the_whole(problem: &Problem<DiagonalLinear>) -> f64 {
    2.0 / sharpness(problem, &small_steps(problem)).value
}

/// Steps of the experiments on single samples, at a momentum of 0.
const STEPS: u64 = 12_000;

fn without_momentum() -> Finding {
    let (mut table, mut diverged) = (Vec::new(), Vec::new());
    for factor in [0.3, 0.6, 0.9] {
        let sgd = HeavyBall { eta: factor, momentum: 0.0, whole: false, steps: STEPS };
        let (rest, lost, runs) = sgd.over_all(of_single_samples);
        let Rest { mean_of_ratios, ratio_of_means, sharpness } = rest;
        table.push(format!("{mean_of_ratios:.2} ({ratio_of_means:.2}; {sharpness:.2})"));
        diverged.push(format!("{lost} of {runs}"));
    }
    let detail = format!(
        "batch sharpness (gradient-weighted batch sharpness; sharpness) in units of 2/eta at eta = 0.3, 0.6, 0.9 times 2 over the \
         batch sharpness that small steps lead to; {} diverged; medians over the second half of {STEPS} steps, {SEEDS} seeds on \
         each of {DATA_SETS} data sets of {SAMPLES} samples in 20 dimensions: an observation on one small network, no verdict",
        diverged.join(", ")
    );
    Finding { verdict: Verdict::Undecided, measured: table.join(", "), detail }
}

fn with_momentum() -> Finding {
    let (mut small, mut whole, mut lost_small, mut lost_whole) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for momentum in [0.0, 0.5, 0.9] {
        let slow = 1.0 - momentum;
        let sgd = HeavyBall { eta: 0.8 * slow, momentum, whole: false, steps: (STEPS as f64 / slow).round() as u64 };
        let (rest, lost, runs) = sgd.over_all(of_single_samples);
        small.push(format!("{:.2} ({:.2})", rest.mean_of_ratios / slow, rest.ratio_of_means / slow));
        lost_small.push(format!("{lost} of {runs}"));
        let fast = 1.0 + momentum;
        let gradient_descent = HeavyBall { eta: 1.1 * fast, momentum, whole: true, steps: 12_000 };
        let (rest, lost, runs) = gradient_descent.over_all(of_the_whole);
        whole.push(format!("{:.2} ({:.2})", rest.mean_of_ratios / fast, rest.sharpness / fast));
        lost_whole.push(format!("{lost} of {runs}"));
    }
    let measured = format!("single samples {}; whole set {}", small.join(", "), whole.join(", "));
    let detail = format!(
        "at b = 0, 0.5, 0.9. Single samples: batch sharpness (gradient-weighted) in units of 2 (1 - b) / eta at 0.8 (1 - b) of the \
         step size at which it would reach 2/eta where small steps lead to, {} diverged. Whole set: batch sharpness (sharpness) \
         in units of 2 (1 + b) / eta at 1.1 of that threshold, {} diverged. {SEEDS} seeds (one for the whole set) on each of \
         {DATA_SETS} data sets, medians over the second half of {STEPS} / (1 - b) and 12000 steps: an observation, no verdict",
        lost_small.join(", "),
        lost_whole.join(", ")
    );
    Finding { verdict: Verdict::Undecided, measured, detail }
}
