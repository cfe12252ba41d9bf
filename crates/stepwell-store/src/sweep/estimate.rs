//! How long a sweep will take and what it needs, from a few of its runs.

use std::time::Instant;

use stepwell::data::{Dataset, Samples};
use stepwell::run::Status;
use stepwell_lab::sweep::plan::Plan;

use crate::arrays::Files;
use crate::error::StoreError;

/// What a sweep needs.
#[derive(Clone, Copy, Debug)]
pub struct Estimate {
    /// Seconds that a run takes on one core, on average.
    pub seconds_per_run: f64,
    /// Seconds that the longest of the runs that were tried takes.
    pub longest_run: f64,
    /// Memory that a thread needs for data and records, in bytes.
    pub bytes_per_thread: f64,
    /// Size of all files of results, in bytes.
    pub disk: f64,
}

/// Settings that are tried, and how many seconds each may take.
const TRIED: u64 = 5;
const PATIENCE: f64 = 0.4;
/// A row in memory (run, step, series, value) and, packed, in a file.
const ROW_IN_MEMORY: f64 = 28.0;
const ROW_IN_FILE: f64 = 11.0;

/// Tries runs that are spread over the plan, each for less than half a second.
///
/// # Errors
/// If one cannot be started.
pub fn estimate(plan: &Plan) -> Result<Estimate, StoreError> {
    let tried = TRIED.min(plan.runs());
    let mut sum = Estimate { seconds_per_run: 0.0, longest_run: 0.0, bytes_per_thread: 0.0, disk: 0.0 };
    for k in 0..tried {
        let one = try_run(plan, (2 * k + 1) * plan.runs() / (2 * tried)).map_err(StoreError::input)?;
        sum.seconds_per_run += one.seconds_per_run / tried as f64;
        sum.longest_run = sum.longest_run.max(one.longest_run);
        sum.bytes_per_thread = sum.bytes_per_thread.max(one.bytes_per_thread);
        sum.disk += one.disk / tried as f64 * plan.runs() as f64;
    }
    Ok(sum)
}

/// One run, or its first part; what remains of it goes on at the pace it has after the dense recording at its start.
fn try_run(plan: &Plan, run: u64) -> Result<Estimate, String> {
    let run = plan.run(run);
    let started = Instant::now();
    let prepared = plan.spec(run.setting)?.prepare(&Files).map_err(|error| error.to_string())?;
    // the data set of a file or of NumPy's stream is read once; one that is drawn for each seed counts for each run
    let preparation = started.elapsed();
    let data = prepared.data(run.seed).map_err(|error| error.to_string())?;
    let spec = prepared.spec();
    let record_plan = prepared.record_plan(run.seed_index < spec.record.costly_seeds);
    let points = record_plan.steps().len() as f64;
    let mut session = prepared.session_on(run.seed, data.clone(), record_plan);
    let elapsed = || (started.elapsed() - preparation).as_secs_f64();
    // from one recording step to the next, or in parts where these are far apart
    let mut slice = 1;
    let (mut step, mut dense) = (0, None);
    while session.advance(slice) == Status::Running && elapsed() < PATIENCE {
        step += slice;
        if step > spec.record.first {
            dense.get_or_insert((step, elapsed()));
            slice = (2 * slice).min(1 << 14);
        }
    }
    let seconds_per_run = match (session.status(), dense) {
        (Status::Running, Some((from, until))) if step > from => {
            until + (elapsed() - until) / (step - from) as f64 * (spec.steps - from) as f64
        }
        (Status::Running, _) => elapsed() * spec.steps as f64 / step.max(1) as f64,
        _ => elapsed(),
    };
    let records = session.records();
    let rows = points * records.series.len() as f64;
    Ok(Estimate {
        seconds_per_run,
        longest_run: seconds_per_run,
        bytes_per_thread: size_of_data(&data) + 2.0 * rows * ROW_IN_MEMORY * plan.runs_per_chunk as f64,
        disk: rows * ROW_IN_FILE,
    })
}

fn size_of_data(data: &Dataset) -> f64 {
    let numbers = |samples: &Samples| samples.len() * (samples.x.cols() + 1);
    8.0 * (numbers(&data.train) + data.test.as_ref().map_or(0, numbers)) as f64
}
