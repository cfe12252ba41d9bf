//! Whether a run's digits can be reproduced at all: the same run from parameters nudged by one unit in the last place.

use stepwell::record::Records;
use stepwell::run::Status;
use stepwell::spec::Prepared;

use crate::ensemble::Outcome;
use crate::failure::Failure;
use crate::spec_file::SpecFile;

/// How far a run and its nudged twin are apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sensitivity {
    /// The first recorded step at which the losses differ by more than 1%.
    pub departs_at: Option<u64>,
    /// The relative difference of the losses at the last point that both recorded.
    pub difference_at_end: f64,
}

impl Sensitivity {
    /// Whether the digits do not depend on rounding.
    pub fn is_contracting(&self) -> bool {
        self.departs_at.is_none() && self.difference_at_end < 1e-9
    }

    /// Measures it for a run that was made with `prepared` and `seed`.
    pub fn measure(file: &SpecFile, prepared: &Prepared, run: &Outcome) -> Result<Self, Failure> {
        let data = prepared.data(run.seed).map_err(|error| file.explain(&error))?;
        let mut session = prepared.session_on(run.seed, data, prepared.record_plan(false));
        let mut theta = session.theta().to_vec();
        theta[0] = theta[0].next_up();
        session.set_theta(&theta).map_err(|error| Failure::other(error.to_string()))?;
        let diverged = matches!(session.advance(u64::MAX), Status::Diverged { .. });
        Ok(Self::between(&run.records, session.records(), run.diverged(), diverged))
    }

    fn between(a: &Records, b: &Records, a_diverged: bool, b_diverged: bool) -> Self {
        let empty = Vec::new();
        let losses = |records: &Records| records.get("train_loss").map_or(empty.clone(), |s| s.values.clone());
        let steps = a.get("train_loss").map_or(Vec::new(), |s| s.steps.clone());
        let (a, b) = (losses(a), losses(b));
        let difference = |k: usize| if a[k] == b[k] { 0.0 } else { (a[k] / b[k] - 1.0).abs() };
        let both = a.len().min(b.len());
        let mut departs_at = (0..both).find(|k| difference(*k) > 0.01).map(|k| steps[k]);
        if departs_at.is_none() && (a_diverged != b_diverged || a.len() != b.len()) {
            departs_at = steps.get(both.saturating_sub(1)).copied();
        }
        Self { departs_at, difference_at_end: if both == 0 { f64::NAN } else { difference(both - 1) } }
    }
}
