//! Whether advice is good: worked out anew on fresh data sets, and judged there by seeds of its own.

use stepwell::statistics::Share;

use super::advice::work_out;
use super::protocol::Protocol;
use crate::drive::Watch;
use crate::error::LabError;
use crate::findings::advice::{Large, OnDataSet, Question, Validation};

/// Works it out on the data sets of the seeds 1 to `count`.
pub(super) fn validate(
    protocol: &Protocol<'_>,
    question: Question,
    count: u64,
    watch: &dyn Watch,
) -> Result<Validation, LabError> {
    let mut data_sets = Vec::new();
    let (mut diverged, mut better) = ([0, 0], [0, 0]);
    for seed in 1..=count {
        let (advice, _) = work_out(&protocol.on_data_of(seed)?, question, watch)?;
        let share = advice.advised().diverged;
        diverged = [diverged[0] + share.hits, diverged[1] + share.total];
        if advice.verdict != Large::DoesNotHelp {
            let [large, constant] =
                [&advice.large_runs, &advice.constant_runs].map(|runs| runs.end(&advice.optimized).median);
            better = [better[0] + usize::from(large < constant), better[1] + 1];
        }
        data_sets.push(OnDataSet {
            mean_square: advice.small_steps.mean_square,
            verdict: advice.verdict,
            keep: advice.large.keep,
            large: advice.large_runs,
            constant: advice.constant_runs,
        });
    }
    let share = |[hits, total]: [usize; 2]| Share::of(hits, total);
    Ok(Validation { diverged: share(diverged), better: share(better), data_sets })
}
