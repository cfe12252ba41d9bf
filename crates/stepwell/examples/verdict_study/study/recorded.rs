//! Real runs: SGD on the diagonal network of the first figure at its large step size, whose loss hovers.

use stepwell::rng::Stream;
use stepwell::run::Status;
use stepwell::session::Session;
use stepwell::spec::{NoFiles, Prepared, Spec};

use super::each;
use super::noise::BLOCKS;

const FIRST_FIGURE: &str = r#"
steps = 50000
model = "diagonal_linear"
loss = "half_mean_square"
data.sparse_regression = { n = 80, d = 200, sparsity = 20, test = 1000, draw.numpy_legacy = 0 }
init.diagonal = { u = 0.1, v = 0.0 }
dynamics.sgd = {}
schedule.step_size = 0.282
record = { points = 2, probes = [] }
"#;

/// Large phases of the figure: its decays come after 10%, 30% and 50% of the steps.
pub const PHASES: [u64; 3] = [10_000, 30_000, 50_000];
/// Steps whose losses are recorded together.
pub const BIN: u64 = 10;

fn prepared() -> Prepared {
    Spec::from_toml(FIRST_FIGURE).and_then(|spec| spec.prepare(&NoFiles)).expect("the spec is right")
}

/// The sum of the losses of all samples that the run has seen.
fn seen(session: &Session) -> f64 {
    session.save().checkpoint.sampled.iter().take(BLOCKS + 16).sum()
}

/// Mean losses between cuts, up to the one before which the run overflows.
fn means(session: &mut Session, cuts: &[u64]) -> Vec<f64> {
    let (mut means, mut before) = (Vec::new(), seen(session));
    for pair in cuts.windows(2) {
        if matches!(session.advance(pair[1] - pair[0]), Status::Overflowed { .. }) {
            break;
        }
        let sum = seen(session);
        means.push((sum - before) / (pair[1] - pair[0]) as f64);
        before = sum;
    }
    means
}

/// For each of [`PHASES`], the mean losses of its 64 blocks in the runs of the first seeds that do not overflow in it.
pub fn ensembles(seeds: u64) -> [Vec<Vec<f64>>; 3] {
    let prepared = prepared();
    let bounds = |phase: u64| (0..=BLOCKS as u64).map(move |k| (k * phase).div_ceil(BLOCKS as u64));
    let mut cuts: Vec<u64> = PHASES.into_iter().flat_map(bounds).collect();
    cuts.sort_unstable();
    cuts.dedup();
    let runs = each(1..seeds + 1, |seed| means(&mut prepared.session(seed).expect("drawn data"), &cuts));
    let index = |cut: u64| cuts.partition_point(|other| *other < cut);
    PHASES.map(|phase| {
        let ends: Vec<usize> = bounds(phase).map(index).collect();
        let block = |run: &[f64], from: usize, to: usize| {
            let sum: f64 = (from..to).map(|k| run[k] * (cuts[k + 1] - cuts[k]) as f64).sum();
            sum / (cuts[to] - cuts[from]) as f64
        };
        let whole = runs.iter().filter(|run| run.len() >= ends[BLOCKS]);
        whole.map(|run| ends.windows(2).map(|pair| block(run, pair[0], pair[1])).collect()).collect()
    })
}

/// The losses of `count` runs between the steps 10,000 and 50,000, in bins of ten steps.
pub fn stretches(count: usize) -> Vec<Vec<f64>> {
    let prepared = prepared();
    let cuts: Vec<u64> = (10_000..=50_000).step_by(BIN as usize).collect();
    let recorded = |seed| {
        let mut session = prepared.session(seed).expect("drawn data");
        session.advance(cuts[0]);
        means(&mut session, &cuts)
    };
    (1..).map(recorded).filter(|bins| bins.len() + 1 == cuts.len()).take(count).collect()
}

/// A log of `steps` steps that is put together from pieces of 1,000 to 1,500 steps of a stretch, wherever they lie in it: it
/// has no drift. As block means.
pub fn resampled(stretch: &[f64], steps: u64, stream: &mut Stream) -> Vec<f64> {
    let per_block = (steps / BIN) as usize / BLOCKS;
    let mut bins = Vec::with_capacity(per_block * BLOCKS + 150);
    while bins.len() < per_block * BLOCKS {
        let length = 100 + stream.below(51) as usize;
        let from = stream.below((stretch.len() - length) as u32) as usize;
        bins.extend_from_slice(&stretch[from..from + length]);
    }
    bins.chunks(per_block).take(BLOCKS).map(|block| block.iter().sum::<f64>() / per_block as f64).collect()
}
