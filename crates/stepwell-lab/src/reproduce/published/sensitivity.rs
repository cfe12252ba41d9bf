//! Whether a run's digits can be reproduced at all: some runs again from parameters nudged by one unit in the last place.

use stepwell::outcome::Outcome;
use stepwell::spec::Prepared;

use crate::drive::Job;
use crate::error::LabError;
use crate::findings::published::Sensitivity;

/// So many runs of a setting have twins.
const RUNS: usize = 3;
/// Where a difference stops being rounding.
const DIGITS: f64 = 1e-9;

/// What is changed by one unit in the last place.
#[derive(Clone, Copy)]
enum Nudge {
    FirstUp,
    LastDown,
}

const NUDGES: [Nudge; 2] = [Nudge::FirstUp, Nudge::LastDown];

impl Nudge {
    fn words(self) -> &'static str {
        match self {
            Self::FirstUp => "its first parameter is one unit in the last place larger",
            Self::LastDown => "its last parameter is one unit in the last place smaller",
        }
    }

    fn apply(self, theta: &mut [f64]) {
        match (self, theta) {
            (Self::FirstUp, [first, ..]) => *first = first.next_up(),
            (Self::LastDown, [.., last]) => *last = last.next_down(),
            _ => {}
        }
    }
}

/// The runs that have twins: the published one, if there is one, and the first over seeds.
pub fn runs<'a>(published: Option<&'a Outcome>, over_seeds: &'a [Outcome]) -> Vec<(bool, &'a Outcome)> {
    published.map(|run| (true, run)).into_iter().chain(over_seeds.iter().map(|run| (false, run))).take(RUNS).collect()
}

/// The nudged twins of the run of a seed.
pub fn jobs<'a>(label: &str, prepared: &'a Prepared, seed: u64) -> Vec<Job<'a>> {
    let job = |nudge: Nudge| {
        Job::changed(label, prepared, seed, prepared.record_plan(false), nudge.words(), move |session| {
            let mut theta = session.theta().to_vec();
            nudge.apply(&mut theta);
            session.set_theta(&theta).map_err(|error| LabError::Failed(error.to_string()))
        })
    };
    NUDGES.map(job).into()
}

/// How many twins these runs have.
pub fn twins(runs: &[(bool, &Outcome)]) -> usize {
    runs.len() * NUDGES.len()
}

/// How far a run and a twin are apart.
struct Apart {
    departs_at: Option<u64>,
    largest: f64,
    at_end: f64,
    exponent: f64,
}

fn between(run: &Outcome, twin: &Outcome) -> Apart {
    let (steps, losses) = run.records.line("train_loss");
    let (_, others) = twin.records.line("train_loss");
    let difference = |k: usize| if losses[k] == others[k] { 0.0 } else { (losses[k] / others[k] - 1.0).abs() };
    let both = losses.len().min(others.len());
    let mut departs_at = (0..both).find(|k| difference(*k) > 0.01).map(|k| steps[k]);
    if departs_at.is_none() && (run.diverged() != twin.diverged() || losses.len() != others.len()) {
        departs_at = steps.get(both.saturating_sub(1)).copied();
    }
    let at_end = if both == 0 { f64::NAN } else { difference(both - 1) };
    let last = both.checked_sub(1).map_or(0, |k| steps[k]);
    Apart {
        departs_at,
        largest: (0..both).map(difference).fold(at_end, f64::max),
        at_end,
        exponent: libm::log(at_end.max(f64::EPSILON) / f64::EPSILON) / last as f64,
    }
}

/// The worst of all runs and their twins, in the order of [`jobs`].
pub fn worst(runs: &[(bool, &Outcome)], twins: &[Outcome]) -> Sensitivity {
    let pairs = runs
        .iter()
        .zip(twins.chunks(NUDGES.len()))
        .flat_map(|((_, run), twins)| twins.iter().map(|twin| between(run, twin)));
    let pairs: Vec<Apart> = pairs.collect();
    let most = |value: fn(&Apart) -> f64| pairs.iter().map(value).fold(f64::NAN, f64::max);
    Sensitivity {
        contracting: pairs.iter().all(|apart| apart.departs_at.is_none() && apart.largest < DIGITS),
        departs_at: pairs.iter().filter_map(|apart| apart.departs_at).min(),
        departed: pairs.iter().filter(|apart| apart.departs_at.is_some()).count(),
        pairs: pairs.len(),
        runs: runs.len(),
        difference_at_end: most(|apart| apart.at_end),
        exponent: most(|apart| apart.exponent),
    }
}
