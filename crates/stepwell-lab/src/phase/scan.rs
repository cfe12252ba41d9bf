//! A coarse scan of step sizes: where runs begin to diverge, and where all of them do.

use stepwell::metrics::Thresholds;

use super::point::Point;
use super::protocol::Protocol;
use crate::drive::Watch;
use crate::error::LabError;

/// Runs at each step size of the scan.
const SCOUTS: u64 = 6;
/// Neighbors in the scan.
const FACTOR: f64 = 2.0;
/// The scan goes so many factors away from where it begins.
const FARTHEST: i32 = 40;
/// An edge is known to this factor.
const WIDTH: f64 = 1.1;

/// What a scan found.
pub(super) struct Scan {
    /// A step size at which no scout diverges, and below which the scan began.
    pub(super) none: f64,
    /// The smallest step size that was tried at which all of them do; `None` where there is none.
    pub(super) all: Option<f64>,
}

/// Goes up from a quarter of the smallest threshold that the data have, at the start and at the solution of small steps; down
/// first, if runs diverge there.
pub(super) fn scan(
    protocol: &Protocol<'_>,
    small_steps: Thresholds,
    first_seed: u64,
    watch: &dyn Watch,
) -> Result<Scan, LabError> {
    let scouts = protocol.different(SCOUTS);
    let diverging = |eta: f64| -> Result<(usize, usize), LabError> {
        watch.expects(scouts, "runs that look for the range");
        let share = Point::measure(protocol, eta, first_seed..first_seed + scouts, 0, watch)?.diverged();
        Ok((share.hits, share.total))
    };
    let mut none = 0.25 * protocol.smallest_threshold(small_steps)?;
    let mut down = 0;
    while diverging(none)?.0 > 0 {
        none /= FACTOR * FACTOR;
        down += 1;
        if down > FARTHEST / 2 {
            return Err(LabError::Failed(
                "runs diverge at every step size that was tried; is the problem bounded?".into(),
            ));
        }
    }
    let (mut low, mut all) = (none, None);
    for k in 1..=FARTHEST {
        let eta = none * libm::pow(FACTOR, f64::from(k));
        let (hits, total) = diverging(eta)?;
        if hits == total {
            all = Some(eta);
            break;
        }
        low = eta;
    }
    // closer to where not all of them do
    while let Some(high) = all.filter(|high| high / low > WIDTH) {
        let middle = (low * high).sqrt();
        let (hits, total) = diverging(middle)?;
        if hits == total { all = Some(middle) } else { low = middle }
    }
    Ok(Scan { none, all })
}
