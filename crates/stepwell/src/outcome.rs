//! How a run ended, and what was recorded of it: shallow or deep, the same type.

use crate::probe::Measurement;
use crate::record::Records;
use crate::run::Status;
use crate::tensor::Tensor;
use crate::verdict::{Divergence, Stabilization};

/// One run, from its seed to its end.
///
/// ```
/// use stepwell::spec::{NoFiles, Spec};
///
/// let spec = Spec::from_toml(
///     r#"
///     steps = 1000
///     model = "diagonal_linear"
///     loss = "half_mean_square"
///     data.sparse_regression = { n = 10, d = 20, sparsity = 2 }
///     init.diagonal = { u = 0.1, v = 0.0 }
///     dynamics.gradient_descent = {}
///     schedule.step_size = 0.1
///     "#,
/// )?;
/// let mut session = spec.prepare(&NoFiles)?.session(1)?;
/// session.advance(u64::MAX);
/// let outcome = session.outcome();
/// assert!(outcome.has_ended() && !outcome.diverged());
/// assert!(outcome.end_value("train_loss") < outcome.records.get("train_loss").unwrap().at(0));
/// assert_eq!(outcome.parameters[0].name, "u");
/// # Ok::<(), stepwell::spec::SpecError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Its seed.
    pub seed: u64,
    /// How it ended; `Running` if it was stopped on the way.
    pub status: Status,
    /// Whether it diverged, by what, and when that was noticed.
    pub divergence: Option<Divergence>,
    /// What its loss did while the step size was large.
    pub stabilization: Stabilization,
    /// Its last parameters, by name; empty where nobody keeps them.
    pub parameters: Vec<Tensor>,
    /// What was recorded on the way.
    pub records: Records,
    /// What was measured after the last step; empty unless it finished.
    pub end: Vec<Measurement>,
    /// What the step sizes of its schedule were multiplied with: 1 unless they are relative to a threshold.
    pub unit: f64,
    /// Whether somebody set its parameters or its step size on the way.
    pub altered: bool,
}

impl Outcome {
    /// Of a run that was wanted and has not begun.
    pub fn not_begun(seed: u64) -> Self {
        Self {
            seed,
            status: Status::Running,
            divergence: None,
            stabilization: Stabilization::unknown(),
            parameters: Vec::new(),
            records: Records::default(),
            end: Vec::new(),
            unit: 1.0,
            altered: false,
        }
    }

    /// Whether the run came to an end: took all its steps, or overflowed.
    pub fn has_ended(&self) -> bool {
        self.status != Status::Running
    }

    /// Whether the run diverged: the verdict of [`divergence`](crate::verdict::divergence()).
    pub fn diverged(&self) -> bool {
        self.divergence.is_some()
    }

    /// The step at which that was noticed.
    pub fn diverged_at(&self) -> Option<u64> {
        self.divergence.map(|found| found.step)
    }

    /// The last value of a series on the recording grid; NaN if the run diverged or has no such series. Published values are
    /// of this kind: their grid leaves the last step out.
    pub fn last(&self, series: &str) -> f64 {
        if self.diverged() { f64::NAN } else { self.records.last(series) }
    }

    /// The series of numbers with the values after the last step, of step `steps`, behind those on the way: what files hold.
    pub fn all_records(&self, steps: u64) -> Records {
        let numbers = self.records.series.iter().filter(|series| series.width == 1).cloned().collect();
        let mut all = Records { series: numbers };
        for (name, value) in &self.end {
            // a short run's grid has its end already
            if all.get(name).is_none_or(|series| series.steps.last() != Some(&steps)) {
                all.push(name.clone(), steps, *value);
            }
        }
        all
    }

    /// A value after the last step; NaN where it was not measured.
    pub fn end_value(&self, series: &str) -> f64 {
        self.end.iter().find(|(name, _)| name == series).map_or(f64::NAN, |(_, value)| *value)
    }
}
