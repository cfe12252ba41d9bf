//! An adaptive grid of step sizes: coarse first, then finer where the fates of runs change.

use std::str::FromStr;

use stepwell::metrics::Thresholds;

use super::point::Point;
use super::protocol::Protocol;
use super::scan::{Scan, scan};
use crate::drive::Watch;
use crate::error::LabError;
use crate::findings::phase::Fate;

/// A range of step sizes and how many are tried.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepSizes {
    /// The smallest.
    pub low: f64,
    /// The largest.
    pub high: f64,
    /// How many.
    pub count: usize,
}

impl FromStr for StepSizes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || "expected lo:hi:k, such as 0.1:0.3:24 (0 < lo < hi, 2 <= k <= 1000)".to_string();
        let [low, high, count] = text.split(':').collect::<Vec<_>>()[..] else { return Err(expected()) };
        let number = |text: &str| text.parse::<f64>().ok().filter(|value| value.is_finite());
        let (Some(low), Some(high), Ok(count)) = (number(low), number(high), count.parse()) else {
            return Err(expected());
        };
        let good = 0.0 < low && low < high && (2..=1000).contains(&count);
        if good { Ok(Self { low, high, count }) } else { Err(expected()) }
    }
}

/// Shares that differ by less are not told apart.
const LEAST_CHANGE: f64 = 0.1;
/// Neighbors are never nearer than this, relative to the step size.
const LEAST_GAP: f64 = 0.004;
/// The range ends at this multiple of the step size from which on all runs diverge.
const BEYOND: f64 = 1.7;

/// From a quarter of the smallest threshold to beyond where all of some runs diverge; 1000 times as far where none does.
pub(super) fn range(
    protocol: &Protocol<'_>,
    small_steps: Thresholds,
    watch: &dyn Watch,
) -> Result<(f64, f64), LabError> {
    let Scan { none, all } = scan(protocol, small_steps, 1, watch)?;
    Ok((none, all.map_or(1e3 * none, |all| BEYOND * all)))
}

/// Points over the range: half of them evenly, the others where the shares of fates change most, between the points
/// that are there.
pub(super) fn refined(
    range: StepSizes,
    mut measure: impl FnMut(f64) -> Result<Point, LabError>,
) -> Result<Vec<Point>, LabError> {
    let coarse = range.count.div_ceil(2).max(2);
    let even = |k: usize| range.low + (range.high - range.low) * k as f64 / (coarse - 1) as f64;
    let mut points = Vec::new();
    for k in 0..coarse {
        points.push(measure(even(k))?);
    }
    while points.len() < range.count {
        let wanted = (range.count - points.len()).div_ceil(2);
        let middles = middles(&points, wanted);
        if middles.is_empty() {
            break;
        }
        for middle in middles {
            points.push(measure(middle)?);
        }
        points.sort_by(|a, b| a.step_size.total_cmp(&b.step_size));
    }
    Ok(points)
}

/// Middles of the `count` intervals with the largest product of width and change of a share.
fn middles(points: &[Point], count: usize) -> Vec<f64> {
    let mut scored: Vec<(f64, f64)> = Vec::new();
    for pair in points.windows(2) {
        let change = change(&pair[0], &pair[1]);
        let (from, to) = (pair[0].step_size, pair[1].step_size);
        if change > LEAST_CHANGE && to - from > LEAST_GAP * to {
            scored.push((change * (to - from), 0.5 * (from + to)));
        }
    }
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    scored.into_iter().take(count).map(|(_, middle)| middle).collect()
}

/// The largest change of a fate's share.
fn change(one: &Point, other: &Point) -> f64 {
    let of = |fate| (one.shares.get(fate).value() - other.shares.get(fate).value()).abs();
    Fate::ALL.into_iter().map(of).fold(0.0, f64::max)
}

/// The step size at which a value first turns from negative to positive, by linear interpolation.
pub(super) fn zero(points: &[Point], value: impl Fn(&Point) -> f64) -> Option<f64> {
    let known: Vec<(f64, f64)> =
        points.iter().map(|point| (point.step_size, value(point))).filter(|(_, value)| value.is_finite()).collect();
    let crossing = known.windows(2).find(|pair| pair[0].1 < 0.0 && pair[1].1 >= 0.0)?;
    let [(x0, y0), (x1, y1)] = [crossing[0], crossing[1]];
    Some(x0 + (x1 - x0) * -y0 / (y1 - y0))
}

#[cfg(test)]
mod tests {
    use stepwell::outcome::Outcome;
    use stepwell::run::Status;
    use stepwell::verdict::{Divergence, Sign};

    use super::*;
    use crate::setting::Setting;

    /// Runs without losses that end below `edge` and diverge above.
    fn point(step_size: f64, edge: f64) -> Point {
        let status = if step_size < edge { Status::Finished } else { Status::Overflowed { step: 0 } };
        let divergence = (step_size >= edge).then_some(Divergence { step: 0, by: Sign::Overflow });
        let outcomes = (1..=3).map(|seed| Outcome { status, divergence, ..Outcome::not_begun(seed) }).collect();
        let (label, timetable, as_published) = (String::new(), None, None);
        Point::new(step_size, Setting { label, steps: 1, last_large: 0, timetable, outcomes, as_published }, 0)
    }

    #[test]
    fn the_grid_closes_in_on_a_transition() {
        let range = StepSizes { low: 0.1, high: 1.1, count: 16 };
        let edge = 0.737;
        let points = refined(range, |eta| Ok(point(eta, edge))).unwrap();
        assert!(points.len() <= 16 && points.is_sorted_by(|a, b| a.step_size < b.step_size));
        let below = points.iter().rfind(|p| p.step_size < edge).unwrap().step_size;
        let above = points.iter().find(|p| p.step_size >= edge).unwrap().step_size;
        assert!(above - below < 0.01, "{below} {above}");
        // nothing changes: nothing is refined
        assert_eq!(refined(range, |eta| Ok(point(eta, 9.0))).unwrap().len(), 8);
        let crossing = zero(&points, |p| 2.0 * p.step_size - 1.0).unwrap();
        assert!((crossing - 0.5).abs() < 1e-12);
        assert_eq!(zero(&points, |_| -1.0), None);
    }

    #[test]
    fn ranges_are_read() {
        assert_eq!("0.1:0.3:24".parse(), Ok(StepSizes { low: 0.1, high: 0.3, count: 24 }));
        for bad in ["", "1:2", "0.3:0.1:5", "0:1:5", "0.1:inf:5", "0.1:0.2:1", "a:b:c"] {
            assert!(bad.parse::<StepSizes>().unwrap_err().contains("lo:hi:k"), "{bad}");
        }
    }
}
