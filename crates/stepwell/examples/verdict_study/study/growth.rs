//! The verdict that a run diverged, on logs that grow, hover, or come back.

use stepwell::loss_blocks::LossBlocks;
use stepwell::run::Status;
use stepwell::verdict::divergence;

use super::noise::{BLOCKS, Noise, stream};
use super::table::{Rate, Row};
use super::{Size, each};

/// Whether a run of 10,000 steps with these block means, in units of the scale S, diverged.
fn diverged(means: Vec<f64>) -> bool {
    let loss = LossBlocks {
        ends: (1..=BLOCKS as u64).map(|k| k * 10_000 / BLOCKS as u64).collect(),
        large: means,
        rest: Vec::new(),
        last_large: 9_999,
        complete: true,
        scale: 1.0,
        of_constant: 1.0,
        exceeded: None,
        branch: f64::NAN,
    };
    divergence(Status::Finished, &loss).is_some()
}

/// Losses that hover at 100 S, drift upwards by the margin over the last quarter, or come back from 1,000 S; and,
/// told rightly, losses that grow tenfold and a thousandfold over the last quarter.
pub fn rows(size: Size) -> Vec<Row> {
    let row = |noise: Noise| {
        let logs = each(0..size.logs, |case| noise.block_means(10_000, &mut stream("growth", case)));
        let quarters = |k: usize| (k as f64 + 0.5) / (BLOCKS / 4) as f64 - 3.0;
        let rate = |at: &dyn Fn(f64) -> f64| {
            let with = |means: &Vec<f64>| means.iter().enumerate().map(|(k, mean)| mean * at(quarters(k))).collect();
            Rate::of(&logs, |means| diverged(with(means)))
        };
        let grows = |factor: f64| move |t: f64| 100.0 * libm::pow(factor, t);
        let comes_back = |t: f64| 1_000.0 * libm::exp(-3.0 * (t + 1.0).abs()) + 1.0;
        Row {
            what: vec![noise.words()],
            errors: vec![rate(&|_| 100.0), rate(&grows(2.0)), rate(&comes_back)],
            told: vec![rate(&grows(10.0)), rate(&grows(1_000.0))],
        }
    };
    Noise::ALL.map(row).into()
}
