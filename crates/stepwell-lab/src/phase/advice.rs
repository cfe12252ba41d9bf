//! Advice: a large step size that rarely diverges, how long to keep it, and what to decay it to; beside the best constant one.

use stepwell::outcome::Outcome;
use stepwell::spec::Spec;
use stepwell::statistics::{Attempt, Share, quantile};
use stepwell::verdict::{Behavior, Effect};
use stepwell::words::percent;

use super::point::{Point, measured};
use super::protocol::Protocol;
use super::search::{Choice, LONGEST_TEST, Search, TRAIN_TOLERANCE, Tested, no_loss};
use crate::drive::Watch;
use crate::error::LabError;
use crate::findings::advice::{Advice, Evidence, Large, LargeSteps, Question};
use crate::findings::phase::Fate;

/// What is optimized counts as worse from this ratio of medians on, even where the interval holds 1.
const WORSE: f64 = 1.1;
/// It counts as better where the interval ends below this, and as worse where it begins above that.
const BETTER: f64 = 0.98;
const NO_WORSE: f64 = 1.02;

/// The advice for a protocol, with the runs of the large steps and of the best constant step size.
pub(super) fn work_out(
    protocol: &Protocol<'_>,
    question: Question,
    watch: &dyn Watch,
) -> Result<(Advice, [Point; 2]), LabError> {
    check(question)?;
    let optimized = if protocol.has_test()? { "test_loss" } else { "train_loss" };
    let constant = protocol.without_decay();
    let search = Search { constant, question, optimized, watch };
    let small_steps = protocol.small_step_thresholds()?;
    let bound = protocol.bound(small_steps);
    let edge = search.edge(small_steps, bound)?;
    let constants = search.constants(edge)?;
    let mut by_median = constants.clone();
    by_median.sort_by(|a, b| a.median.total_cmp(&b.median));
    let [best, others @ ..] = &by_median[..] else {
        return Err(LabError::Failed("no constant step size that was tried converges".into()));
    };
    let chosen = search.large_steps(edge, small_steps, bound, best)?;
    let tested = search.test(chosen)?;
    let reference = search.reference(best, others, &tested)?;
    let [ratio, train_ratio] =
        [optimized, "train_loss"].map(|name| Effect::of("ratio", &ratios(name, &tested.point, &reference)));
    let verdict = judge(optimized, [&ratio, &train_ratio], &tested.point, &reference);
    let large = described(&search.constant, &tested)?;
    let spec = match verdict {
        Large::DoesNotHelp => search.constant.without_warmup().spec_at(reference.step_size)?,
        _ => tested.choice.protocol(&search.constant).spec_at(tested.choice.step_size)?,
    };
    let title = spec.title.as_ref().map_or("advised".into(), |title| format!("{title}, advised"));
    let series = measured([&tested.point, &reference]);
    let advice = Advice {
        question,
        deterministic: search.deterministic(),
        small_steps,
        bound,
        edge,
        optimized: optimized.into(),
        constants,
        large,
        verdict,
        tries: tested.tries,
        diverge_at_most: tested.diverge_at_most,
        ratio,
        train_ratio,
        spec: Spec { title: Some(title), ..spec }.to_toml(),
        large_runs: Evidence { diverged: looked_at(&tested.point), ..tested.point.evidence(&series) },
        constant_runs: reference.evidence(&series),
        series,
        validation: None,
    };
    Ok((advice, [tested.point, reference]))
}

/// Diverged runs, of which there are as many as the test took.
fn looked_at(point: &Point) -> Share {
    let Share { hits, total, .. } = point.diverged();
    Share::of_looks(hits, total)
}

fn check(Question { level, seeds }: Question) -> Result<(), LabError> {
    if !(level > 0.0 && level < 1.0) {
        return Err(LabError::Usage(format!("level: found {level}, expected a share between 0 and 1")));
    }
    let enough = Attempt::first(level).least_seeds().div_ceil(LONGEST_TEST);
    if seeds < enough {
        let level = percent(level);
        let message = format!("seeds: found {seeds}, expected at least {enough} to tell a share below {level}");
        return Err(LabError::Usage(message));
    }
    Ok(())
}

fn described(constant: &Protocol<'_>, tested: &Tested) -> Result<LargeSteps, LabError> {
    let Choice { step_size, keep, divide_by, .. } = tested.choice;
    let spec = tested.choice.protocol(constant).spec_at(step_size)?;
    let setting = &tested.point.setting;
    let stabilization = setting.stabilization();
    let stabilized = |run: &&Outcome| Fate::of(run.diverged(), run.stabilization.behavior) == Fate::Stabilizes;
    let from = setting.outcomes.iter().filter(stabilized).map(|run| run.stabilization.from as f64);
    let from = quantile(&from.collect::<Vec<_>>(), 0.5);
    let window = (stabilization.behavior == Behavior::Stabilizes && from.is_finite())
        .then_some((from.ceil() as u64, setting.last_large));
    let warmup_from = spec.schedule.warmup.as_ref().map(|_| spec.schedule.step_size);
    Ok(LargeSteps { step_size, keep, divide_by, warmup_from, stabilization, window })
}

/// The losses after the last step of the large steps over those of the reference, seed by seed, where both survive.
fn ratios(name: &str, large: &Point, constant: &Point) -> Vec<f64> {
    let none = no_loss(large);
    let value = |run: &Outcome| if run.diverged() { f64::NAN } else { run.end_value(name).max(none) };
    let pairs = large.setting.outcomes.iter().zip(&constant.setting.outcomes);
    pairs.map(|(a, b)| value(a) / value(b)).filter(|ratio| !ratio.is_nan()).collect()
}

fn judge(optimized: &str, ratios: [&Option<Effect>; 2], large: &Point, constant: &Point) -> Large {
    let [Some(ratio), Some(train)] = ratios else { return Large::DoesNotHelp };
    let of_medians = |name: &str| {
        let none = no_loss(large);
        large.end(name).median.max(none) / constant.end(name).median.max(none)
    };
    let worse = ratio.low > NO_WORSE || ratio.median > WORSE || of_medians(optimized) > WORSE;
    let unfinished = train.median > TRAIN_TOLERANCE || of_medians("train_loss") > TRAIN_TOLERANCE;
    match () {
        () if worse => Large::DoesNotHelp,
        () if ratio.high < BETTER => Large::Helps,
        () if unfinished => Large::DoesNotHelp,
        () => Large::MakesNoDifference,
    }
}
