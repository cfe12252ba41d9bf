//! Advice: a large step size that rarely diverges, how long to keep it, and what to decay it to; beside the best constant one.

use std::ops::Range;

use stepwell::metrics::Thresholds;
use stepwell::outcome::Outcome;
use stepwell::spec::Spec;
use stepwell::statistics::{Share, quantile};
use stepwell::verdict::{Behavior, Effect};
use stepwell::words::{percent, short};

use super::error_spending::{Attempt, most_diverged};
use super::point::{Point, measured};
use super::protocol::Protocol;
use super::scan::scan;
use crate::drive::Watch;
use crate::error::LabError;
use crate::findings::advice::{Advice, Constant, Large, LargeSteps, Question};
use crate::findings::phase::Fate;

/// Each question has seeds of its own: those that chose a schedule do not judge it.
const SCREENING: u64 = 1;
const CHOOSING: u64 = 1_000_000;
const JUDGING: u64 = 2_000_000;

/// Runs that screen a step size, and how many of them may diverge.
const SCREENED: u64 = 60;
const MAY_DIVERGE: usize = 1;
/// The edge is known to this factor.
const WIDTH: f64 = 1.05;
/// Runs that choose among schedules.
const CHOSEN: u64 = 20;
/// Runs of which the threshold reached is measured.
const CLOSER: u64 = 3;
/// A step size that theory bounds stays below this part of the bound.
const WITHIN: f64 = 0.9;
/// Large steps that are tried, relative to the edge, and shares of the run that they are kept for.
const PARTS: [f64; 3] = [1.0, 0.85, 0.65];
const KEPT: [f64; 4] = [0.9, 0.7, 0.5, 0.3];
/// Constant step sizes that the reference is chosen from: the edge, halved again and again, until so many converge.
const LEAST_CONSTANTS: usize = 4;
const MOST_HALVINGS: i32 = 24;
/// A schedule that fails its test is tried again at this part of its step size.
const LOWER: f64 = 0.95;
/// How often at most.
const MOST_TRIES: usize = 20;
/// The training loss may end so much above the reference's.
const TRAIN_TOLERANCE: f64 = 10.0;
/// What is optimized counts as worse from this ratio of medians on, even where the interval holds 1.
const WORSE: f64 = 1.1;
/// It counts as better where the interval ends below this.
const BETTER: f64 = 0.98;
/// Losses below this part of the first one are equal.
const NO_LOSS: f64 = 1e-12;

/// The advice for a protocol, with the runs of the large steps and of the best constant step size.
pub(super) fn work_out(
    protocol: &Protocol<'_>,
    question: Question,
    watch: &dyn Watch,
) -> Result<(Advice, [Point; 2]), LabError> {
    check(question)?;
    let deterministic = protocol.is_deterministic();
    let optimized = if protocol.has_test()? { "test_loss" } else { "train_loss" };
    let constant = protocol.without_decay();
    let search = Search { constant, question, deterministic, optimized, watch };
    let small_steps = protocol.small_step_thresholds()?;
    let bound = protocol.bound(small_steps);
    let edge = search.edge(small_steps, bound)?;
    let constants = search.constants(edge)?;
    let best = constants.iter().min_by(|a, b| a.median.total_cmp(&b.median));
    let best = *best.ok_or_else(|| LabError::Failed("no constant step size that was tried converges".into()))?;
    let chosen = search.large_steps(edge, &best)?;
    let tested = search.test(chosen)?;
    let unwarmed = search.constant.without_warmup();
    let reference = search.measure(&unwarmed, best.step_size, tested.seeds.clone(), 0)?;
    let [ratio, train_ratio] =
        [optimized, "train_loss"].map(|name| Effect::of("ratio", &ratios(name, &tested.point, &reference)));
    let verdict = judge(optimized, [&ratio, &train_ratio], &tested.point, &reference);
    let large = search.described(&tested)?;
    let spec = match verdict {
        Large::DoesNotHelp => unwarmed.spec_at(best.step_size)?,
        _ => tested.choice.protocol(&search.constant).spec_at(tested.choice.step_size)?,
    };
    let title = spec.title.as_ref().map_or("advised".into(), |title| format!("{title}, advised"));
    let series = measured([&tested.point, &reference]);
    let advice = Advice {
        question,
        deterministic,
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
        large_runs: tested.point.evidence(&series),
        constant_runs: reference.evidence(&series),
        series,
        validation: None,
    };
    Ok((advice, [tested.point, reference]))
}

fn check(Question { level, seeds }: Question) -> Result<(), LabError> {
    if !(level > 0.0 && level < 1.0) {
        return Err(LabError::Usage(format!("level: found {level}, expected a share between 0 and 1")));
    }
    let enough = Attempt::first(level).least_seeds();
    if seeds < enough {
        let level = percent(level);
        let message = format!("seeds: found {seeds}, expected at least {enough} to tell a share below {level}");
        return Err(LabError::Usage(message));
    }
    Ok(())
}

/// Large steps, then a decay.
#[derive(Clone, Copy, Debug)]
struct Choice {
    step_size: f64,
    keep: f64,
    divide_by: f64,
}

impl Choice {
    fn protocol<'a>(&self, constant: &Protocol<'a>) -> Protocol<'a> {
        constant.with_decay(self.keep, self.divide_by)
    }
}

/// Large steps that have passed their test, with the runs.
struct Tested {
    choice: Choice,
    point: Point,
    seeds: Range<u64>,
    tries: usize,
    diverge_at_most: f64,
}

/// The search for a schedule.
struct Search<'a> {
    constant: Protocol<'a>,
    question: Question,
    deterministic: bool,
    optimized: &'static str,
    watch: &'a dyn Watch,
}

impl Search<'_> {
    /// The runs of `count` seeds from `first` on; of one, where all are the same.
    fn seeds(&self, first: u64, count: u64) -> Range<u64> {
        first..first + if self.deterministic { 1 } else { count }
    }

    fn measure(&self, protocol: &Protocol<'_>, eta: f64, seeds: Range<u64>, closer: u64) -> Result<Point, LabError> {
        self.watch.expects(seeds.end - seeds.start, &format!("runs at {}", short(eta)));
        Point::measure(protocol, eta, seeds, closer, self.watch)
    }

    /// The largest step size, kept throughout, at which hardly a screening run diverges, and which theory allows.
    fn edge(&self, small_steps: Thresholds, bound: Option<f64>) -> Result<f64, LabError> {
        let none = |eta: f64| -> Result<bool, LabError> {
            let seeds = self.seeds(SCREENING, SCREENED);
            Ok(self.measure(&self.constant, eta, seeds, 0)?.diverged().hits <= MAY_DIVERGE)
        };
        let found = scan(&self.constant, small_steps, SCREENING, self.watch)?;
        let Some(all) = found.all else {
            let why = "no step size that was tried diverges; there is nothing to advise against";
            return Err(LabError::Failed(why.into()));
        };
        let bound = bound.map_or(f64::INFINITY, |bound| WITHIN * bound);
        let (mut low, mut high) = (found.none.min(0.5 * bound), all.min(bound));
        if high == bound && none(high)? {
            return Ok(high);
        }
        while !none(low)? {
            (low, high) = (0.5 * low, low);
            if low < 1e-9 * all {
                return Err(LabError::Failed("runs diverge at every step size that was tried".into()));
            }
        }
        while high > WIDTH * low {
            let middle = (low * high).sqrt();
            if none(middle)? { low = middle } else { high = middle }
        }
        Ok(low)
    }

    /// Constant step sizes from the edge downwards, without warm-up: four of them at least converge, that is none of their runs
    /// diverges.
    fn constants(&self, edge: f64) -> Result<Vec<Constant>, LabError> {
        let protocol = self.constant.without_warmup();
        let mut found: Vec<Constant> = Vec::new();
        for halvings in 0..MOST_HALVINGS {
            let step_size = edge * libm::pow(0.5, f64::from(halvings));
            let point = self.measure(&protocol, step_size, self.seeds(CHOOSING, CHOSEN), 0)?;
            let (diverged, median) = (point.diverged(), point.end(self.optimized).median);
            if diverged.hits == 0 && !median.is_nan() {
                let train_loss = point.end("train_loss").median.max(no_loss(&point));
                found.push(Constant { step_size, diverged, median, train_loss });
            }
            // on, while smaller steps are still better
            let better = found.last().is_some_and(|last| found.iter().all(|other| last.median <= other.median));
            if found.len() >= LEAST_CONSTANTS && !better {
                break;
            }
        }
        Ok(found)
    }

    /// Of some large step sizes, kept for some shares of the run, those with the smallest median of what is optimized; among
    /// those whose training loss comes down as that of the best constant one, where there are such.
    fn large_steps(&self, edge: f64, constant: &Constant) -> Result<Choice, LabError> {
        let mut found: Vec<(Choice, f64, f64)> = Vec::new();
        for part in PARTS {
            let step_size = part * edge;
            let reached = self.measure(&self.constant, step_size, self.seeds(CHOOSING, CLOSER), CLOSER)?;
            let target = 0.5 * reached.threshold_reached();
            let target = if target > 0.0 && target.is_finite() { target } else { constant.step_size };
            let divide_by = (100.0 * (step_size / target).clamp(1.5, 1e6)).round() / 100.0;
            for keep in KEPT {
                let choice = Choice { step_size, keep, divide_by };
                let seeds = self.seeds(CHOOSING, CHOSEN);
                let point = self.measure(&choice.protocol(&self.constant), step_size, seeds, 0)?;
                if point.diverged().hits <= MAY_DIVERGE {
                    found.push((choice, point.end(self.optimized).median, point.end("train_loss").median));
                }
            }
        }
        let comes_down = |train: f64| train <= TRAIN_TOLERANCE * constant.train_loss;
        let best = found.iter().filter(|(_, _, train)| comes_down(*train)).min_by(|a, b| a.1.total_cmp(&b.1));
        let best = best.or(found.first()).map(|(choice, ..)| *choice);
        best.ok_or_else(|| LabError::Failed("runs diverge at every schedule of large steps that was tried".into()))
    }

    /// Fresh seeds must bear out that the share of diverged runs is below the level, by the error that the attempt may make;
    /// else a smaller step size is tried with other seeds.
    fn test(&self, mut choice: Choice) -> Result<Tested, LabError> {
        let mut first = JUDGING;
        let mut attempt = Attempt::first(self.question.level);
        for tries in 1..=MOST_TRIES {
            let count = self.question.seeds.max(attempt.least_seeds());
            let seeds = self.seeds(first, count);
            let point = self.measure(&choice.protocol(&self.constant), choice.step_size, seeds.clone(), 0)?;
            let Share { hits, total, .. } = point.diverged();
            let passed = if self.deterministic { hits == 0 } else { most_diverged(attempt, total) >= Some(hits) };
            if passed {
                let diverge_at_most = if self.deterministic { 0.0 } else { attempt.upper_end(hits, total) };
                return Ok(Tested { choice, point, seeds, tries, diverge_at_most });
            }
            choice.step_size *= LOWER;
            choice.divide_by = (choice.divide_by * LOWER).max(1.5);
            first += count;
            attempt = attempt.next();
        }
        let (level, eta) = (percent(self.question.level), short(choice.step_size));
        let why = format!("no schedule down to {eta} has a share of diverged runs below {level} with 95% confidence");
        Err(LabError::Failed(why))
    }

    fn described(&self, tested: &Tested) -> Result<LargeSteps, LabError> {
        let Choice { step_size, keep, divide_by } = tested.choice;
        let spec = tested.choice.protocol(&self.constant).spec_at(step_size)?;
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
}

/// Losses below this are equal.
fn no_loss(point: &Point) -> f64 {
    NO_LOSS * point.first_loss()
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
    let worse = ratio.low > 1.0 || ratio.median > WORSE || of_medians(optimized) > WORSE;
    let unfinished = train.median > TRAIN_TOLERANCE || of_medians("train_loss") > TRAIN_TOLERANCE;
    match () {
        () if worse || unfinished => Large::DoesNotHelp,
        () if ratio.high < BETTER => Large::Helps,
        () => Large::MakesNoDifference,
    }
}
