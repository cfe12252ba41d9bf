//! Whether a run's digits can be reproduced at all: the same run from parameters nudged by one unit in the last place.

use stepwell::outcome::Outcome;
use stepwell::spec::Prepared;

use crate::drive::Job;
use crate::error::LabError;
use crate::findings::published::Sensitivity;

/// The nudged twin of the run of a seed.
pub fn job<'a>(label: &str, prepared: &'a Prepared, seed: u64) -> Job<'a> {
    let what = "its first parameter is one unit in the last place larger";
    Job::changed(label, prepared, seed, prepared.record_plan(false), what, |session| {
        let mut theta = session.theta().to_vec();
        theta[0] = theta[0].next_up();
        session.set_theta(&theta).map_err(|error| LabError::Failed(error.to_string()))
    })
}

/// How far a run and its twin are apart.
pub fn between(run: &Outcome, twin: &Outcome) -> Sensitivity {
    let (steps, losses) = run.records.line("train_loss");
    let (_, others) = twin.records.line("train_loss");
    let difference = |k: usize| if losses[k] == others[k] { 0.0 } else { (losses[k] / others[k] - 1.0).abs() };
    let both = losses.len().min(others.len());
    let mut departs_at = (0..both).find(|k| difference(*k) > 0.01).map(|k| steps[k]);
    if departs_at.is_none() && (run.diverged() != twin.diverged() || losses.len() != others.len()) {
        departs_at = steps.get(both.saturating_sub(1)).copied();
    }
    let difference_at_end = if both == 0 { f64::NAN } else { difference(both - 1) };
    Sensitivity { contracting: departs_at.is_none() && difference_at_end < 1e-9, departs_at, difference_at_end }
}
