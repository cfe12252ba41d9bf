//! The runs of a setting over seeds, with a plan of one's own of what to record.

use stepwell::outcome::Outcome;
use stepwell::record::RecordPlan;
use stepwell::spec::Prepared;

use crate::drive::{Job, Watch, all_ended, ensemble};
use crate::error::LabError;

/// The runs of these seeds, each recorded as `plan` says for its seed.
pub fn over_seeds(
    prepared: &Prepared,
    label: &str,
    seeds: impl Iterator<Item = u64>,
    plan: impl Fn(u64) -> RecordPlan,
    watch: &dyn Watch,
) -> Result<Vec<Outcome>, LabError> {
    let jobs: Vec<Job<'_>> = seeds.map(|seed| Job::of_seed(label, prepared, seed, plan(seed))).collect();
    all_ended(ensemble(&jobs, watch)?)
}
