//! Records: what was measured when. Each series owns its steps.

use std::borrow::Cow;

/// A named sequence of measurements.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Name of the probe, with the layer's number where there is a series a layer.
    pub name: Cow<'static, str>,
    /// The steps t at which `theta_t` was measured, increasing.
    pub steps: Vec<u64>,
    /// One value a step.
    pub values: Vec<f64>,
}

impl Series {
    /// The last value; NaN if there is none.
    pub fn last(&self) -> f64 {
        self.values.last().copied().unwrap_or(f64::NAN)
    }

    /// The value at a step; NaN where it was not measured.
    pub fn at(&self, step: u64) -> f64 {
        self.steps.binary_search(&step).map_or(f64::NAN, |k| self.values[k])
    }
}

/// All series of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Records {
    /// In the order of the probes.
    pub series: Vec<Series>,
}

impl Records {
    /// The series of a name.
    pub fn get(&self, name: &str) -> Option<&Series> {
        self.series.iter().find(|series| series.name == name)
    }

    /// The last value of a series; NaN if there is none.
    pub fn last(&self, name: &str) -> f64 {
        self.get(name).map_or(f64::NAN, Series::last)
    }

    /// Adds a measurement.
    pub fn push(&mut self, name: impl Into<Cow<'static, str>>, step: u64, value: f64) {
        let name = name.into();
        match self.series.iter_mut().find(|series| series.name == name) {
            Some(series) => {
                series.steps.push(step);
                series.values.push(value);
            }
            None => self.series.push(Series { name, steps: vec![step], values: vec![value] }),
        }
    }
}

/// The published recording grid: every step of the first `first`, then `points` evenly spaced steps of `0..=total`,
/// rounded half to even, without the last one, and without duplicates. A record at t is taken before step t.
///
/// ```
/// let grid = stepwell::record::grid(1000, 3, 5);
/// assert_eq!(grid, [0, 1, 2, 250, 500, 750]);
/// ```
pub fn grid(total: u64, first: u64, points: u64) -> Vec<u64> {
    let intervals = points.saturating_sub(1).max(1);
    let spaced = (0..intervals).map(|k| (k as f64 * (total as f64 / intervals as f64)).round_ties_even() as u64);
    let mut steps: Vec<u64> = (0..first.min(total)).chain(spaced).collect();
    steps.sort_unstable();
    steps.dedup();
    steps
}

#[cfg(test)]
mod tests {
    use super::grid;

    #[test]
    fn published_grids() {
        // numpy: np.unique(np.concatenate((np.arange(100), np.round(np.linspace(0, T, points))[:-1])))
        let diagonal = grid(100_001, 100, 250);
        assert_eq!((diagonal.len(), diagonal[99], diagonal[100], diagonal[347]), (348, 99, 402, 99_599));
        let relu = grid(31_623, 100, 151);
        assert_eq!((relu.len(), relu[100], *relu.last().unwrap()), (249, 211, 31_412));
    }

    #[test]
    fn short_runs_have_no_record_past_their_end() {
        assert_eq!(grid(2, 100, 250), [0, 1, 2]);
        assert_eq!(grid(1, 0, 0), [0]);
    }
}
