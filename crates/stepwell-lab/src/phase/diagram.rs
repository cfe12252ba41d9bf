//! The phase diagram: shares of fates over the step size, what runs reach, and the thresholds.

use stepwell::words::significant;

use super::grid::{StepSizes, range, refined, zero};
use super::point::{Point, measured};
use super::protocol::Protocol;
use crate::drive::Watch;
use crate::error::LabError;
use crate::experiment::Experiment;
use crate::findings::Findings;
use crate::findings::phase::Phase;
use crate::runs::one_run;
use crate::setting::Setting;

/// Step sizes, unless told otherwise.
const DEFAULT_COUNT: usize = 24;
/// Runs at each step size that are looked at more closely.
const CLOSER: u64 = 4;

/// The diagram of a protocol, with the findings [`Findings::Phase`]: one setting per step size, with the runs of the seeds
/// 1, 2, .., `seeds`; with one run where all seeds would be the same. Without a range of step
/// sizes it goes from a quarter of the smallest threshold, at the start or where small steps lead to, up beyond where all of
/// some runs diverge.
///
/// # Errors
/// If the spec is refused, there is no threshold to go by, or the watcher wanted to stop or could not do its part.
pub fn diagram(
    protocol: &Protocol<'_>,
    sizes: Option<StepSizes>,
    seeds: u64,
    watch: &dyn Watch,
) -> Result<Experiment, LabError> {
    if seeds == 0 {
        return Err(LabError::Usage("seeds: found 0, expected 1 or more".into()));
    }
    let (asked, seeds) = (seeds, protocol.different(seeds));
    let small_steps = protocol.small_step_thresholds()?;
    let sizes = match sizes {
        Some(sizes) => sizes,
        None => {
            let (low, high) = range(protocol, small_steps, watch)?;
            StepSizes { low, high, count: DEFAULT_COUNT }
        }
    };
    watch.expects(sizes.count as u64 * seeds, "runs");
    let points = refined(sizes, |eta| Point::measure(protocol, eta, 1..seeds + 1, CLOSER, watch))?;
    let series = measured(&points);
    let findings = Phase {
        seeds,
        small_steps,
        lyapunov_zero: zero(&points, Point::lyapunov),
        points: points.iter().map(|point| point.findings(&series)).collect(),
        series,
    };
    let title = protocol.spec().title.as_ref().map_or("Phases".into(), |title| format!("{title}: phases"));
    Ok(Experiment {
        title: if protocol.is_fresh() { title + ", fresh data sets" } else { title },
        settings: settings(points),
        findings: Findings::Phase(findings),
        step_size_unit: None,
        notes: (seeds < asked).then(|| one_run("each step size", asked)).into_iter().collect(),
    })
}

/// The runs, under their step sizes with as many digits as it takes to tell them apart: three at least.
fn settings(points: Vec<Point>) -> Vec<Setting> {
    let labels = |digits: usize| points.iter().map(|p| significant(p.step_size, digits)).collect::<Vec<_>>();
    let differ = |labels: &Vec<String>| labels.windows(2).all(|pair| pair[0] != pair[1]);
    let labels = (3..17).map(labels).find(differ).unwrap_or_else(|| labels(17));
    points.into_iter().zip(labels).map(|(point, label)| Setting { label, ..point.setting }).collect()
}
