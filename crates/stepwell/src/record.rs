//! Records: what is measured when, and what was. Each series owns its steps.

use std::borrow::Cow;

use crate::probe::Probe;

/// A named sequence of measurements: of numbers, or of rows of numbers where a picture needs more.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Name of the probe, with the layer's number where there is one series per layer.
    pub name: Cow<'static, str>,
    /// Numbers per step: 1, or the length of a row (p for the parameters, say).
    pub width: usize,
    /// The steps t at which `theta_t` was measured, increasing.
    pub steps: Vec<u64>,
    /// `width` values per step, step by step.
    pub values: Vec<f64>,
}

impl Series {
    /// The last value; NaN if there is none.
    pub fn last(&self) -> f64 {
        self.values.last().copied().unwrap_or(f64::NAN)
    }

    /// The value at a step, of a series of width 1; NaN where it was not measured.
    pub fn at(&self, step: u64) -> f64 {
        self.steps.binary_search(&step).map_or(f64::NAN, |k| self.values[k * self.width])
    }

    /// The `width` values of the k-th measurement.
    ///
    /// # Panics
    /// If there are not so many.
    pub fn row(&self, k: usize) -> &[f64] {
        &self.values[k * self.width..(k + 1) * self.width]
    }

    /// The measurements: step and row.
    pub fn rows(&self) -> impl Iterator<Item = (u64, &[f64])> {
        self.steps.iter().copied().zip(self.values.chunks_exact(self.width.max(1)))
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

    /// Steps and values of a series; empty if there is none.
    pub fn line(&self, name: &str) -> (&[u64], &[f64]) {
        self.get(name).map_or((&[], &[]), |series| (&series.steps, &series.values))
    }

    /// Adds a number.
    pub fn push(&mut self, name: impl Into<Cow<'static, str>>, step: u64, value: f64) {
        self.push_row(name, step, &[value]);
    }

    /// Adds a row of numbers; all rows of a series have the same length.
    pub fn push_row(&mut self, name: impl Into<Cow<'static, str>>, step: u64, row: &[f64]) {
        let name = name.into();
        match self.series.iter_mut().find(|series| series.name == name) {
            Some(series) => {
                debug_assert_eq!(series.width, row.len(), "{name}");
                series.steps.push(step);
                series.values.extend_from_slice(row);
            }
            None => self.series.push(Series { name, width: row.len(), steps: vec![step], values: row.to_vec() }),
        }
    }

    /// Takes the series of rows (of a width other than 1) out.
    pub fn split_off_snapshots(&mut self) -> Self {
        let (numbers, snapshots) = std::mem::take(&mut self.series).into_iter().partition(|series| series.width == 1);
        self.series = numbers;
        Self { series: snapshots }
    }
}

/// Some steps and what is measured there.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The steps, in any order.
    pub steps: Vec<u64>,
    /// What is measured at each of them.
    pub probes: Vec<Probe>,
}

/// What is recorded of a run, and when: at given steps, and after the last one.
///
/// ```
/// use stepwell::{probe::Probe, record::{Entry, RecordPlan}};
/// let losses = Entry { steps: vec![0, 10, 20], probes: vec![Probe::TrainLoss] };
/// let rank = Entry { steps: vec![20], probes: vec![Probe::Rank, Probe::TrainLoss] };
/// let plan = RecordPlan::new(&[losses, rank], vec![Probe::TrainLoss]);
/// assert_eq!(plan.steps(), [0, 10, 20]);
/// assert_eq!(plan.probes(2), [Probe::TrainLoss, Probe::Rank]);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RecordPlan {
    steps: Vec<u64>,
    /// Which of `sets` belongs to each step.
    which: Vec<usize>,
    sets: Vec<Vec<Probe>>,
    end: Vec<Probe>,
}

impl RecordPlan {
    /// At a step of several entries their probes are united, in the order of the entries. `end` is measured after the last
    /// step and stands apart from the series.
    pub fn new(entries: &[Entry], end: Vec<Probe>) -> Self {
        let mut steps: Vec<u64> = entries.iter().flat_map(|entry| entry.steps.iter().copied()).collect();
        steps.sort_unstable();
        steps.dedup();
        let mut united: Vec<Vec<Probe>> = vec![Vec::new(); steps.len()];
        for entry in entries {
            for step in &entry.steps {
                let Ok(k) = steps.binary_search(step) else { continue };
                for probe in &entry.probes {
                    if !united[k].contains(probe) {
                        united[k].push(*probe);
                    }
                }
            }
        }
        let (mut which, mut sets) = (Vec::new(), Vec::<Vec<Probe>>::new());
        for probes in united {
            which.push(sets.iter().position(|known| *known == probes).unwrap_or_else(|| {
                sets.push(probes);
                sets.len() - 1
            }));
        }
        Self { steps, which, sets, end }
    }

    /// The same with one more entry: what it measures comes last at each of its steps.
    pub fn with(&self, entry: Entry) -> Self {
        let known = |(k, step): (usize, &u64)| Entry { steps: vec![*step], probes: self.probes(k).to_vec() };
        let entries: Vec<Entry> = self.steps.iter().enumerate().map(known).chain([entry]).collect();
        Self::new(&entries, self.end.clone())
    }

    /// The recording steps, increasing.
    pub fn steps(&self) -> &[u64] {
        &self.steps
    }

    /// What is measured at the k-th of them.
    ///
    /// # Panics
    /// If there are not so many.
    pub fn probes(&self, k: usize) -> &[Probe] {
        &self.sets[self.which[k]]
    }

    /// Whether a probe is measured at some step, or after the last one.
    pub fn contains(&self, probe: Probe) -> bool {
        self.sets.iter().chain([&self.end]).any(|probes| probes.contains(&probe))
    }

    /// What is measured after the last step.
    pub fn end(&self) -> &[Probe] {
        &self.end
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
    use super::{Entry, RecordPlan, grid};
    use crate::probe::Probe;

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

    #[test]
    fn one_more_entry_comes_last() {
        let plan = RecordPlan::new(&[Entry { steps: vec![0, 4], probes: vec![Probe::TrainLoss] }], vec![Probe::Rank]);
        let more = plan.with(Entry { steps: vec![4, 3], probes: vec![Probe::Bouncing, Probe::TrainLoss] });
        assert_eq!((more.steps(), more.end()), (&[0, 3, 4][..], &[Probe::Rank][..]));
        assert_eq!(more.probes(0), [Probe::TrainLoss]);
        assert_eq!(more.probes(1), [Probe::Bouncing, Probe::TrainLoss]);
        assert_eq!(more.probes(2), [Probe::TrainLoss, Probe::Bouncing]);
    }
}
