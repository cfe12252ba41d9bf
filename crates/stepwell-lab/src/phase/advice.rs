//! Advice: the largest step size that rarely diverges, how long to keep it, and what to decay it to.

use std::ops::Range;

use stepwell::statistics::{Share, quantile};
use stepwell::words::{percent, short};

use super::point::{Point, measured};
use super::protocol::{Protocol, scale};
use crate::drive::Watch;
use crate::error::LabError;
use crate::findings::advice::{Advice, Question};

/// Each question has seeds of its own: those that chose a step size do not confirm it.
const SCREENING: u64 = 1;
const CONFIRMING: u64 = 1_000_000;
const DECAYING: u64 = 2_000_000;
const EVIDENCE: u64 = 3_000_000;

/// Runs that screen a step size.
const SCREENED: u64 = 60;
/// The search ends at this relative width.
const WIDTH: f64 = 0.01;
/// A refused step size is lowered by this factor.
const LOWER: f64 = 0.98;
/// How often at most.
const MOST_REFUSALS: u64 = 60;
/// Runs that choose the decay.
const DECAYED: u64 = 20;
/// Runs behind the evidence.
const SHOWN: u64 = 40;

/// The advice for a protocol, with the runs of the advised spec and of a small step size.
pub(super) fn work_out(
    protocol: &Protocol<'_>,
    question: Question,
    watch: &dyn Watch,
) -> Result<(Advice, [Point; 2]), LabError> {
    if !(question.level > 0.0 && question.level < 1.0) {
        let message = format!("level: found {}, expected a share between 0 and 1", question.level);
        return Err(LabError::Usage(message));
    }
    let enough = least_seeds(question.level);
    if question.seeds < enough {
        let (found, level) = (question.seeds, percent(question.level));
        let message = format!("seeds: found {found}, expected at least {enough} to tell a share below {level}");
        return Err(LabError::Usage(message));
    }
    let search = Search { constant: protocol.without_decay(), question, watch };
    let small_steps = protocol.small_step_thresholds()?;
    let small = 0.5 * scale(small_steps)?;
    let (largest, at_largest) = search.confirm(search.largest_screened(small)?)?;
    let reached = search.measure(&search.constant, largest, DECAYING..DECAYING + 5, 5)?.threshold_reached();
    let target = 0.5 * if reached > 0.0 && reached.is_finite() { reached } else { 2.0 * small };
    let divide_by = (100.0 * (largest / target).max(1.5)).round() / 100.0;
    let keep = search.longest(largest, divide_by)?;
    let decayed = search.constant.with_decay(keep, divide_by);
    let mut spec = decayed.spec_at(largest)?;
    let title = spec.title.map_or("advised".into(), |title| format!("{title}, advised"));
    spec.title = Some(title);
    let last_large = decayed.at(largest)?.schedule().last_step_before_decay(spec.steps);
    let from: Vec<f64> = at_largest.stabilized().map(|found| found.from as f64).collect();
    let p90 = quantile(&from, 0.9);
    let evidence = EVIDENCE..EVIDENCE + SHOWN;
    let advised = search.measure(&decayed, largest, evidence.clone(), 0)?;
    let small = search.measure(&search.constant.without_warmup(), small, evidence, 0)?;
    let series = measured([&advised, &small]);
    let advice = Advice {
        question,
        small_steps,
        largest,
        confirmed: at_largest.diverged(),
        stabilized: at_largest.shares.stabilizes,
        stabilized_level: at_largest.level(),
        window: (p90 < last_large as f64).then_some((p90, last_large)),
        reached,
        keep,
        divide_by,
        warmup_from: spec.schedule.warmup.as_ref().map(|_| spec.schedule.step_size),
        spec: spec.to_toml(),
        advised: advised.evidence(&series),
        small: small.evidence(&series),
        series,
        validation: None,
    };
    Ok((advice, [advised, small]))
}

/// How many runs, none of which diverges, have a share whose 95% interval ends below the level.
fn least_seeds(level: f64) -> u64 {
    (1..).find(|n| Share::of(0, *n).high <= level).map_or(u64::MAX, |n| n as u64)
}

/// The search for a step size, all steps taken at it.
struct Search<'a> {
    constant: Protocol<'a>,
    question: Question,
    watch: &'a dyn Watch,
}

impl Search<'_> {
    fn measure(&self, protocol: &Protocol<'_>, eta: f64, seeds: Range<u64>, closer: u64) -> Result<Point, LabError> {
        self.watch.expects(seeds.end - seeds.start, &format!("runs at {}", short(eta)));
        Point::measure(protocol, eta, seeds, closer, self.watch)
    }

    /// By bisection: the largest step size at which the screening runs diverge no more often than the level.
    fn largest_screened(&self, small: f64) -> Result<f64, LabError> {
        let good = |eta: f64| -> Result<bool, LabError> {
            let point = self.measure(&self.constant, eta, SCREENING..SCREENING + SCREENED, 0)?;
            Ok(point.diverged().value() <= self.question.level)
        };
        let failed = |why: &str| Err(LabError::Failed(why.into()));
        let mut low = small;
        while !good(low)? {
            low *= 0.5;
            if low < 1e-6 * small {
                return failed("runs diverge at every step size that was tried; is the problem bounded?");
            }
        }
        let mut high = 1.25 * low;
        while good(high)? {
            (low, high) = (high, 1.25 * high);
            if high > 1e4 * small {
                return failed("no step size that was tried diverges; there is nothing to advise against");
            }
        }
        while high - low > WIDTH * low {
            let middle = 0.5 * (low + high);
            if good(middle)? { low = middle } else { high = middle }
        }
        Ok(low)
    }

    /// Fresh seeds must bear it out: the upper end of the share's 95% interval is below the level; else a smaller step size
    /// is tried with other seeds.
    fn confirm(&self, screened: f64) -> Result<(f64, Point), LabError> {
        let Question { level, seeds } = self.question;
        let mut eta = screened;
        for attempt in 0..MOST_REFUSALS {
            let first = CONFIRMING + attempt * seeds;
            let point = self.measure(&self.constant, eta, first..first + seeds, 0)?;
            if point.diverged().high <= level {
                return Ok((eta, point));
            }
            eta *= LOWER;
        }
        Err(LabError::Failed(format!(
            "no step size from {} to {} has a share of diverged runs below {} with 95% confidence",
            short(screened),
            short(eta),
            percent(level)
        )))
    }

    /// The largest share of the run for which the step size can be kept so that the decay still brings the median training
    /// loss to a thousandth of its level (or to a millionth of the first loss, whichever is larger). Half of the run if none.
    fn longest(&self, eta: f64, divide_by: f64) -> Result<f64, LabError> {
        for tenths in (1..=9).rev() {
            let keep = f64::from(tenths) / 10.0;
            let decayed = self.constant.with_decay(keep, divide_by);
            let point = self.measure(&decayed, eta, DECAYING..DECAYING + DECAYED, 0)?;
            let goal = (1e-3 * point.median_level()).max(1e-6 * point.first_loss());
            if point.end("train_loss").median <= goal {
                return Ok(keep);
            }
        }
        Ok(0.5)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The exact interval of no hit in n ends at `1 - 0.025^(1/n)`: below 5% from n = ln 0.025 / ln 0.95 = 71.9 on.
    #[test]
    fn so_many_runs_tell_a_small_share() {
        assert_eq!((least_seeds(0.05), least_seeds(0.5), least_seeds(0.01)), (72, 6, 368));
    }
}
