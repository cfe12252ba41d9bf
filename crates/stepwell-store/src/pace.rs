//! Slices of runs, between which somebody looks: adapted by the clock, so that a look comes about as often as is wanted.

use std::time::Instant;

use stepwell_lab::drive::Pace;

/// Steps before the clock is first looked at.
const FIRST_SLICE: u64 = 1 << 12;

/// A clock that counts seconds from when it was made.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Instant,
}

impl Clock {
    /// From now on.
    pub fn start() -> Self {
        Self { started: Instant::now() }
    }

    /// Seconds since.
    pub fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// The next slice of a run, in steps, so that slices take about `target` seconds.
    pub fn slice(&self, pace: &mut Pace, target: f64) -> u64 {
        let now = self.seconds();
        pace.slice = match pace.slice {
            0 => FIRST_SLICE,
            slice if now - pace.since < target / 2.0 => slice.saturating_mul(2),
            slice if now - pace.since > target * 2.0 => (slice / 2).max(1),
            slice => slice,
        };
        pace.since = now;
        pace.slice
    }
}
