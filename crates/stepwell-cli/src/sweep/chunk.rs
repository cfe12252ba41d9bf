//! Computes the runs of a chunk; what comes out depends on the plan alone.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use stepwell::run::Status;
use stepwell::spec::Prepared;
use stepwell_lab::drive::Watch;
use stepwell_lab::error::LabError;

use crate::arrays::Files;
use crate::ensemble::{Job, Outcome, run_one};
use crate::failure::Failure;
use crate::interrupt;
use crate::sweep::plan::{Plan, PlannedRun};

/// How a run of a sweep ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// All steps were taken.
    Finished,
    /// It diverged: a result.
    Diverged,
    /// It could not be computed.
    Failed,
}

impl End {
    /// The word in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Diverged => "diverged",
            Self::Failed => "failed",
        }
    }

    fn named(name: &str) -> Option<Self> {
        [Self::Finished, Self::Diverged, Self::Failed].into_iter().find(|end| end.name() == name)
    }
}

/// What is known of a run beside its records.
#[derive(Clone, Debug, PartialEq)]
pub struct RunEnd {
    /// The run's number.
    pub run: u64,
    /// How it ended.
    pub end: End,
    /// The step at which it diverged, else the number of steps.
    pub step: u64,
    /// Verdict on its loss at the large step size.
    pub phase: String,
    /// The level of the loss there.
    pub level: f64,
    /// Why it failed.
    pub error: String,
    /// The last recorded value of each series.
    pub last: Vec<(String, f64)>,
}

impl RunEnd {
    /// As one line of tab-separated fields; numbers keep their bits.
    pub fn to_line(&self) -> String {
        use std::fmt::Write;
        let Self { run, end, step, phase, level, error, last } = self;
        let mut line = format!("{run}\t{}\t{step}\t{phase}\t{level:?}\t{error}", end.name());
        for (name, value) in last {
            let _ = write!(line, "\t{name}={value:?}");
        }
        line
    }

    /// Reads such a line.
    pub fn from_line(line: &str) -> Option<Self> {
        let mut fields = line.split('\t');
        let mut next = || fields.next();
        Some(Self {
            run: next()?.parse().ok()?,
            end: End::named(next()?)?,
            step: next()?.parse().ok()?,
            phase: next()?.into(),
            level: next()?.parse().ok()?,
            error: next()?.into(),
            last: fields
                .map(|field| field.split_once('=').and_then(|(name, value)| Some((name.into(), value.parse().ok()?))))
                .collect::<Option<_>>()?,
        })
    }
}

/// Records of several runs, column by column.
#[derive(Debug, Default, PartialEq)]
pub struct Rows {
    /// Number of the run.
    pub run: Vec<i64>,
    /// Step t at which `theta_t` was measured.
    pub step: Vec<i64>,
    /// Name of the series, by its number in `names`.
    pub series: Vec<u32>,
    /// The measurement.
    pub value: Vec<f64>,
    /// Names of series.
    pub names: Vec<String>,
}

impl Rows {
    fn push(&mut self, run: u64, outcome: &Outcome) {
        for series in &outcome.all_records.series {
            let count = series.steps.len();
            let name = self.names.iter().position(|name| *name == series.name).unwrap_or_else(|| {
                self.names.push(series.name.to_string());
                self.names.len() - 1
            });
            self.run.resize(self.run.len() + count, run as i64);
            self.series.resize(self.series.len() + count, name as u32);
            self.step.extend(series.steps.iter().map(|step| *step as i64));
            self.value.extend(&series.values);
        }
    }
}

/// Prepared settings, the latest few: neighboring chunks have settings in common.
#[derive(Default)]
pub struct Preparations {
    latest: Mutex<VecDeque<(usize, Arc<Prepared>)>>,
}

const KEPT: usize = 16;

impl Preparations {
    fn get(&self, plan: &Plan, setting: usize) -> Result<Arc<Prepared>, String> {
        let like = {
            let latest = self.latest.lock().map_err(|error| error.to_string())?;
            if let Some((_, prepared)) = latest.iter().find(|(known, _)| *known == setting) {
                return Ok(Arc::clone(prepared));
            }
            latest.back().map(|(_, prepared)| Arc::clone(prepared))
        };
        let prepared = plan.spec(setting)?.prepare_like(like.as_deref(), &Files).map_err(|error| error.to_string())?;
        let prepared = Arc::new(prepared);
        let mut latest = self.latest.lock().map_err(|error| error.to_string())?;
        if latest.len() == KEPT {
            latest.pop_front();
        }
        latest.push_back((setting, Arc::clone(&prepared)));
        Ok(prepared)
    }
}

/// Computes a chunk's runs of the plan that `hash` names one after the other and tells `seen` of each; `None` if it was stopped on
/// the way.
///
/// # Errors
/// If a checkpoint cannot be written.
pub fn compute(
    plan: &Plan,
    preparations: &Preparations,
    chunk: u64,
    hash: &str,
    watch: &dyn Watch,
    mut seen: impl FnMut(&RunEnd) -> bool,
) -> Result<Option<(Rows, Vec<RunEnd>)>, Failure> {
    let (mut rows, mut ends) = (Rows::default(), Vec::new());
    for run in plan.runs_of(chunk) {
        let planned = plan.run(run);
        let one = || outcome(plan, preparations, planned, hash, watch);
        let outcome = catch_unwind(AssertUnwindSafe(one)).unwrap_or_else(|panic| Ok(Err(panic_text(&*panic))))?;
        if interrupt::stopped() {
            return Ok(None);
        }
        let end = match outcome {
            Ok((outcome, steps)) => {
                rows.push(run, &outcome);
                ended(run, &outcome, steps)
            }
            Err(error) => failed(run, &error),
        };
        let go_on = seen(&end);
        ends.push(end);
        if !go_on {
            return Ok(None);
        }
    }
    Ok(Some((rows, ends)))
}

/// An outcome with the run's number of steps, or why the run failed.
type Computed = Result<(Outcome, u64), String>;

/// Runs one run of the plan.
fn outcome(
    plan: &Plan,
    preparations: &Preparations,
    run: PlannedRun,
    hash: &str,
    watch: &dyn Watch,
) -> Result<Computed, Failure> {
    let prepared = match preparations.get(plan, run.setting) {
        Ok(prepared) => prepared,
        Err(why) => return Ok(Err(why)),
    };
    let spec = prepared.spec();
    let costly_everywhere = run.seed_index < spec.record.costly_seeds;
    let description = format!("run {} of plan {hash}", run.run);
    let job = Job { description, ..Job::new(&prepared, run.seed, costly_everywhere) };
    match run_one(&job, watch) {
        Ok(outcome) => Ok(Ok((outcome, spec.steps))),
        Err(LabError::Spec(error)) => Ok(Err(error.to_string())),
        Err(error) => Err(Failure::of(error)),
    }
}

fn ended(run: u64, outcome: &Outcome, steps: u64) -> RunEnd {
    let (end, step) = match outcome.status {
        Status::Diverged { step } => (End::Diverged, step),
        Status::Finished | Status::Running => (End::Finished, steps),
    };
    RunEnd {
        run,
        end,
        step,
        phase: outcome.stabilization.behavior.name().into(),
        level: outcome.stabilization.level,
        error: String::new(),
        last: outcome.records.series.iter().map(|series| (series.name.to_string(), series.last())).collect(),
    }
}

fn failed(run: u64, error: &str) -> RunEnd {
    let error = error.replace(['\t', '\n', '\r'], " ");
    RunEnd { run, end: End::Failed, step: 0, phase: String::new(), level: f64::NAN, error, last: Vec::new() }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    format!("the program failed: {}", text.unwrap_or("panic"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_every_bit() {
        let end = RunEnd {
            run: 7,
            end: End::Diverged,
            step: 12,
            phase: "too short".into(),
            level: f64::NEG_INFINITY,
            error: String::new(),
            last: vec![("train_loss".into(), 1.4216162873995314e-06), ("rank".into(), -0.0)],
        };
        assert_eq!(RunEnd::from_line(&end.to_line()), Some(end.clone()));
        let nan = RunEnd { level: f64::NAN, ..failed(3, "a\tb\nc") };
        let back = RunEnd::from_line(&nan.to_line()).unwrap();
        assert!(back.level.is_nan() && back.error == "a b c" && back.end == End::Failed);
        assert_eq!(RunEnd::from_line("7\tdone\t1\t\t0.0\t"), None);
    }
}
