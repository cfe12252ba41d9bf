//! The verdict on a single run: how often it errs, over logs whose drift is known.

use stepwell::loss_blocks::LossBlocks;
use stepwell::verdict::{Behavior, Stabilization};

use super::noise::{BLOCKS, Noise, stream};
use super::table::{Rate, Row};
use super::{Size, each, recorded};

/// Drifts that are put upon a loss without one: inside and outside of the margin, and on it.
const DRIFTS: [f64; 9] = [0.25, 0.45, 0.5, 0.7, 1.0, 1.4, 2.0, 2.2, 4.0];

/// How a mean loss changes over the second half of the phase. The truth is the factor from its start to its end.
#[derive(Clone, Copy)]
pub enum Trend {
    /// At a constant rate, by this factor.
    Steady(f64),
    /// As `t^-a`: by `2^-a`.
    Power(f64),
    /// At once, at this place of it, by this factor.
    Jump(f64, f64),
}

impl Trend {
    /// The mean loss at `place`, from -1 at the start of the phase to 1 at its end.
    fn at(self, place: f64) -> f64 {
        match self {
            Self::Steady(factor) => libm::pow(factor, place),
            Self::Power(a) => libm::pow(0.5 * (1.0 + place), -a),
            Self::Jump(from, factor) => {
                if place < from {
                    1.0
                } else {
                    factor
                }
            }
        }
    }

    pub fn upon(self, means: &[f64]) -> Vec<f64> {
        let half = BLOCKS as f64 / 2.0;
        means.iter().enumerate().map(|(k, mean)| mean * self.at((k as f64 + 0.5) / half - 1.0)).collect()
    }
}

/// The verdict on a run with these block means, whose loss falls after a decay.
pub fn verdict(means: Vec<f64>) -> Stabilization {
    let loss = LossBlocks {
        ends: (1..=BLOCKS as u64).map(|k| 1_000 * k).collect(),
        large: means,
        rest: vec![0.0],
        last_large: 1_000 * BLOCKS as u64 - 1,
        complete: true,
        scale: 1.0,
        of_constant: f64::INFINITY,
        exceeded: None,
        branch: f64::NAN,
    };
    Stabilization::of(&loss, None)
}

/// Rates over the logs of a kind: each is told flat where it is not, to fall or to rise where it does not (at the worst drift
/// either), to be flat at a drift of 1, and to rise at the largest.
pub fn row<T>(what: Vec<String>, trends: &[f64], logs: &[T], told: impl Fn(&T, f64) -> Behavior + Sync) -> Row
where
    T: Sync,
{
    let found =
        each(0..logs.len() as u64, |k| trends.iter().map(|drift| told(&logs[k as usize], *drift)).collect::<Vec<_>>());
    let at = |drift: usize, word: Behavior| Rate::of(&found, |found| found[drift] == word);
    let places = |wanted: fn(f64) -> bool| (0..trends.len()).filter(move |k| wanted(trends[*k]));
    let flat = places(|drift| drift <= 0.5 || drift >= 2.0).map(|k| at(k, Behavior::Stabilizes));
    let changes = [Behavior::Falling, Behavior::Rising];
    let moves = places(|drift| (0.5..=2.0).contains(&drift)).flat_map(|k| changes.map(|word| at(k, word)));
    let errors = vec![Rate::largest(flat), Rate::largest(moves)];
    let powers = [(1.0, Behavior::Stabilizes), (4.0, Behavior::Rising)];
    let power = |(drift, word)| trends.iter().position(|other| *other == drift).map(|k| at(k, word));
    Row { what, errors, told: powers.into_iter().filter_map(power).collect() }
}

fn steady(what: [&str; 2], logs: &[Vec<f64>]) -> Row {
    let told = |means: &Vec<f64>, drift| verdict(Trend::Steady(drift).upon(means)).behavior;
    row(what.map(String::from).to_vec(), &DRIFTS, logs, told)
}

/// Steady drifts upon noise of all kinds.
pub fn synthetic(size: Size) -> Vec<Row> {
    let kinds = Noise::ALL.into_iter().flat_map(|noise| [2_000, 10_000].map(|steps| (noise, steps)));
    let logs =
        |noise: Noise, steps| each(0..size.logs, move |case| noise.block_means(steps, &mut stream("logs", case)));
    kinds.map(|(noise, steps)| steady([&noise.words(), &steps.to_string()], &logs(noise, steps))).collect()
}

/// Slow noise beneath fast noise, in few steps: what the verdict does not cover.
pub fn too_slow(size: Size) -> Vec<Row> {
    let kinds = [(Noise::SLOW_SAMPLES, 1_000), (Noise::SLOW_SAMPLES, 500), (Noise::VERY_SLOW_SAMPLES, 2_000)];
    let logs =
        |noise: Noise, steps| each(0..size.logs, move |case| noise.block_means(steps, &mut stream("slow", case)));
    kinds.into_iter().map(|(noise, steps)| steady([&noise.words(), &steps.to_string()], &logs(noise, steps))).collect()
}

/// Power laws and jumps.
pub fn unsteady(size: Size) -> Vec<Row> {
    let mut rows = Vec::new();
    for noise in [Noise::QUIET, Noise::MIDDLE] {
        let logs = each(0..size.logs, |case| {
            let mut stream = stream("unsteady", case);
            (noise.block_means(10_000, &mut stream), 0.1 + 0.8 * stream.uniform())
        });
        let powers =
            |(means, _): &(Vec<f64>, f64), drift| verdict(Trend::Power(-libm::log2(drift)).upon(means)).behavior;
        let drifts = [0.25, 0.45, 0.5, 0.55, 0.7, 1.0];
        rows.push(row(vec![format!("t^-a; {}", noise.words()), "10000".into()], &drifts, &logs, powers));
        let jumps = |(means, from): &(Vec<f64>, f64), drift| verdict(Trend::Jump(*from, drift).upon(means)).behavior;
        rows.push(row(vec![format!("a jump; {}", noise.words()), "10000".into()], &DRIFTS, &logs, jumps));
    }
    rows
}

/// Steady drifts upon recorded runs: resampled in pieces, and whole ones, relative to the median run.
pub fn real(size: Size, ensembles: &[Vec<Vec<f64>>; 3]) -> Vec<Row> {
    let stretches = recorded::stretches(8);
    let resampled = |steps: u64| {
        let log = |case: u64| {
            let mut stream = stream("resampled", case);
            let stretch = &stretches[stream.below(stretches.len() as u32) as usize];
            recorded::resampled(stretch, steps, &mut stream)
        };
        steady(["SGD, resampled in pieces", &steps.to_string()], &each(0..size.logs, log))
    };
    let mut rows: Vec<Row> = [12_800, 32_000].map(resampled).into();
    for (phase, runs) in recorded::PHASES.into_iter().zip(ensembles) {
        let centered: Vec<Vec<f64>> = {
            let median = super::ensembles::median_drift(runs);
            runs.iter().map(|means| Trend::Steady(1.0 / median).upon(means)).collect()
        };
        rows.push(steady(["SGD, whole runs", &phase.to_string()], &centered));
    }
    rows
}
