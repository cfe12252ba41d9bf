//! Whether advice is good: worked out anew on fresh data sets, and judged there by seeds of its own.

use stepwell::statistics::Share;

use super::advice::work_out;
use super::protocol::Protocol;
use crate::drive::Watch;
use crate::error::LabError;
use crate::findings::advice::{OnDataSet, Question, Validation};

/// Works it out on the data sets of the seeds 1 to `count`.
pub(super) fn validate(
    protocol: &Protocol<'_>,
    question: Question,
    count: u64,
    watch: &dyn Watch,
) -> Result<Validation, LabError> {
    let one = |seed| -> Result<OnDataSet, LabError> {
        let (advice, _) = work_out(&protocol.on_data_of(seed)?, question, watch)?;
        let mean_square = advice.small_steps.mean_square;
        let (largest, keep, advised, small) = (advice.largest, advice.keep, advice.advised, advice.small);
        Ok(OnDataSet { mean_square, largest, keep, advised, small })
    };
    let data_sets = (1..=count).map(one).collect::<Result<Vec<_>, _>>()?;
    Ok(Validation { diverged: diverged(&data_sets), better: better(&data_sets), data_sets })
}

fn diverged(data_sets: &[OnDataSet]) -> Share {
    let shares = data_sets.iter().map(|found| found.advised.diverged);
    let (hits, total) = shares.fold((0, 0), |(hits, total), share| (hits + share.hits, total + share.total));
    Share::of(hits, total)
}

fn better(data_sets: &[OnDataSet]) -> Option<Share> {
    let medians = |found: &OnDataSet| [&found.advised, &found.small].map(|runs| runs.end("test_loss").median);
    let pairs: Vec<[f64; 2]> = data_sets.iter().map(medians).collect();
    let known = pairs.iter().any(|pair| !pair[1].is_nan());
    known.then(|| Share::of(pairs.iter().filter(|pair| pair[0] < pair[1]).count(), pairs.len()))
}
