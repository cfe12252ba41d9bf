//! The runs of a setting over seeds, with a plan of one's own of what to record.

use std::sync::Arc;

use stepwell::outcome::Outcome;
use stepwell::record::RecordPlan;
use stepwell::spec::Prepared;

use crate::drive::{Job, Watch, all_ended, ensemble};
use crate::error::LabError;

/// The runs of the seeds 1, 2, .., `count`, each recorded as `plan` says for its seed.
pub fn over_seeds(
    prepared: &Prepared,
    label: &str,
    count: u64,
    plan: impl Fn(u64) -> RecordPlan,
    watch: &dyn Watch,
) -> Result<Vec<Outcome>, LabError> {
    let spec = toml::to_string(prepared.spec()).expect("a spec that was read can be written");
    let job = |seed: u64| {
        let plan = Arc::new(plan(seed));
        let description = format!("{spec}\nrecorded: {plan:?}\nseed: {seed}");
        let open = move || Ok(prepared.session_on(seed, prepared.data(seed)?, Arc::clone(&plan)));
        Job::new(label, seed, description, open)
    };
    let jobs: Vec<Job<'_>> = (1..=count).map(job).collect();
    all_ended(ensemble(&jobs, watch)?)
}
