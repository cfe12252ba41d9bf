//! What a run looks like: the predictor of a network with one input, the neurons' movement for two.

use stepwell::outcome::Outcome;
use stepwell::probe::Probe;
use stepwell::record::{Entry, RecordPlan};
use stepwell::spec::Prepared;

use crate::error::LabError;
use crate::findings::published::Shown;

/// How many times the predictor is drawn.
const TIMES: u64 = 6;
/// How many points of a neuron's path are drawn.
const PATH_POINTS: u64 = 150;

/// What is recorded of a run that is drawn: rows of numbers alone; `None` for models that are not.
pub fn plan(prepared: &Prepared) -> Result<Option<RecordPlan>, LabError> {
    let steps = prepared.spec().steps;
    // the number of inputs is the same for all seeds
    let entries = match prepared.data(1)?.train.x.cols() {
        1 => vec![
            Entry { steps: times(steps), probes: vec![Probe::Predictor] },
            Entry { steps: vec![steps], probes: vec![Probe::Parameters] },
        ],
        2 => {
            let path = (0..=PATH_POINTS).map(|k| steps * k / PATH_POINTS).collect();
            vec![Entry { steps: path, probes: vec![Probe::Neurons] }]
        }
        _ => return Ok(None),
    };
    Ok(Some(RecordPlan::new(&entries, Vec::new())))
}

/// Six times: early ones close to each other, the last one the end.
fn times(steps: u64) -> Vec<u64> {
    (0..TIMES).map(|k| steps >> (2 * (TIMES - 1 - k))).collect()
}

/// Moves what was recorded by that plan to the records of the run that is shown; the rest of what a picture needs.
pub fn shown(prepared: &Prepared, run: &mut Outcome, drawn: Outcome) -> Result<Shown, LabError> {
    let seed = run.seed;
    let landscape = prepared.landscape(seed)?;
    let train = &landscape.data().train;
    let one_input = train.x.cols() == 1;
    let pairs = train.x.as_slice().iter().copied().zip(train.y.iter().copied());
    let end = drawn.records.get(Probe::Parameters.name()).map(|parameters| parameters.row(0));
    let shown = Shown {
        seed,
        data: if one_input { pairs.collect() } else { Vec::new() },
        kinks: end.and_then(|theta| landscape.kinks(theta, prepared.spec().record.kink_tol)),
    };
    let rows = drawn.records.series.into_iter().filter(|series| series.name != Probe::Parameters.name());
    run.records.series.extend(rows);
    Ok(shown)
}
