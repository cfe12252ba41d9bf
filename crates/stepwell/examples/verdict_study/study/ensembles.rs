//! The verdict on a setting, from all of its seeds.

use stepwell::rng::Stream;
use stepwell::statistics::quantile;
use stepwell::verdict::{Behavior, Drift, Pooled, Stabilization};

use super::logs::{row, verdict};
use super::noise::{BLOCKS, stream};
use super::table::{Rate, Row};
use super::{Size, each, recorded};

const DRIFTS: [f64; 9] = [0.25, 0.45, 0.5, 0.7, 1.0, 1.4, 2.0, 2.2, 4.0];
/// Numbers of seeds that are taken together.
pub const SEEDS: [usize; 4] = [6, 16, 53, 100];

/// How the drifts of seeds differ, by the logarithm.
#[derive(Clone, Copy)]
pub enum Spread {
    Normal,
    /// Student's t with three degrees of freedom.
    Student3,
    /// Exponential: most fall a little, few rise a lot.
    Skewed,
}

impl Spread {
    fn words(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Student3 => "t with 3",
            Self::Skewed => "skewed",
        }
    }

    fn draw(self, stream: &mut Stream) -> f64 {
        let z = stream.normal();
        0.4 * match self {
            Self::Normal => z,
            Self::Student3 => z / ((0..3).map(|_| stream.normal()).map(|z| z * z).sum::<f64>() / 3.0).sqrt(),
            Self::Skewed => -libm::log(1.0 - stream.uniform()),
        }
    }
}

/// A seed whose loss has a drift of its own, and blocks that are correlated by 1/2.
fn seed(spread: Spread, stream: &mut Stream) -> Stabilization {
    let drift = spread.draw(stream);
    let mut x = 0.6 * stream.normal();
    let mut block = |k: usize| {
        x = 0.5 * x + 0.5 * stream.normal();
        libm::exp(x + drift * k as f64 / (BLOCKS / 2) as f64)
    };
    verdict((0..BLOCKS).map(&mut block).collect())
}

/// The verdict on these seeds, if the drift of each were so many times what it is.
fn told(seeds: &[Stabilization], times: f64) -> Behavior {
    let scaled = |seed: &Stabilization| {
        let Drift { factor, low, high } = seed.drift;
        Stabilization { drift: Drift { factor: times * factor, low: times * low, high: times * high }, ..*seed }
    };
    Pooled::of(&seeds.iter().map(scaled).collect::<Vec<_>>()).behavior
}

/// The median drift of runs with these block means.
pub fn median_drift(runs: &[Vec<f64>]) -> f64 {
    median(&runs.iter().map(|means| verdict(means.clone())).collect::<Vec<_>>())
}

fn median(seeds: &[Stabilization]) -> f64 {
    quantile(&seeds.iter().map(|seed| seed.drift.factor).collect::<Vec<_>>(), 0.5)
}

/// Ensembles of synthetic seeds. The truth is the median drift, of 100,000 other seeds.
pub fn synthetic(size: Size) -> Vec<Row> {
    let mut rows = Vec::new();
    for spread in [Spread::Normal, Spread::Student3, Spread::Skewed] {
        let many = each(0..100 * size.ensembles, |case| seed(spread, &mut stream("truth", case)));
        rows.extend(drawn(["synthetic", spread.words()], &many, size));
    }
    rows
}

/// Random subsets of recorded runs. The truth is the median drift of all of them.
pub fn real(size: Size, ensembles: &[Vec<Vec<f64>>; 3]) -> Vec<Row> {
    let mut rows = Vec::new();
    for (phase, runs) in recorded::PHASES.into_iter().zip(ensembles) {
        let seeds: Vec<Stabilization> = runs.iter().map(|means| verdict(means.clone())).collect();
        rows.extend(drawn(["SGD", &format!("{phase} steps")], &seeds, size));
    }
    rows
}

fn drawn(what: [&str; 2], all: &[Stabilization], size: Size) -> Vec<Row> {
    let truth = median(all);
    let with = |count: usize| {
        let subset = |case| {
            let mut stream = stream("subset", case);
            (0..count).map(|_| all[stream.below(all.len() as u32) as usize]).collect::<Vec<_>>()
        };
        let subsets = each(0..size.ensembles, subset);
        let name = [what[0], what[1], &count.to_string()].map(String::from).to_vec();
        row(name, &DRIFTS, &subsets, |seeds, drift| told(seeds, drift / truth))
    };
    SEEDS.map(with).into()
}

/// The share of ensembles of so many recorded runs that are told flat at a drift of 1.
pub fn power(rows: &[Row], seeds: usize) -> Vec<Rate> {
    rows.iter().filter(|row| row.what[2] == seeds.to_string()).map(|row| row.told[0]).collect()
}
