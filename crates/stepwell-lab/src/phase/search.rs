//! The search for a schedule: the edge of step sizes that rarely diverge, constant ones below it, large ones up to it and, for a
//! part of the run, beyond it; then a test by fresh seeds.

use std::ops::Range;

use stepwell::metrics::Thresholds;
use stepwell::statistics::{Attempt, Look, Share, clopper_pearson};
use stepwell::words::{percent, short};

use super::point::Point;
use super::protocol::Protocol;
use super::scan::scan;
use crate::drive::Watch;
use crate::error::LabError;
use crate::findings::advice::{Constant, MAY_DIVERGE, Question, SCREENED};

/// Each question has seeds of its own: those that chose a schedule do not judge it.
const SCREENING: u64 = 1;
const CHOOSING: u64 = 1_000_000;
const JUDGING: u64 = 2_000_000;

/// So many of the runs that screen a step size are taken at a time.
const AT_A_TIME: u64 = 20;
/// The edge is known to this factor.
const WIDTH: f64 = 1.03;
/// Runs that choose among constant step sizes and, in two rounds, among schedules; the second has so many of the first's.
const CHOSEN: u64 = 20;
const ROUNDS: [u64; 2] = [8, 40];
const FINALISTS: usize = 6;
/// Runs of which the threshold reached is measured.
const CLOSER: u64 = 3;
/// A step size that theory bounds stays below this part of the bound.
const WITHIN: f64 = 0.9;
/// A warm-up is tried where the protocol has none: over this share of the run, if it moves the edge up by this factor.
const WARM_UP: f64 = 0.05;
const MOVED: f64 = 1.02;
/// Large steps that are tried, relative to the edge, and shares of the run that they are kept for.
const PARTS: [f64; 3] = [1.0, 0.85, 0.65];
const KEPT: [f64; 5] = [0.9, 0.7, 0.5, 0.3, 0.1];
/// Beyond the edge they grow by this factor, while they are rare to diverge within the least of the shares.
const STEP: f64 = 1.04;
const MOST_STEPS: i32 = 16;
/// Constant step sizes that the reference is chosen from: the edge, halved again and again, until so many converge.
const LEAST_CONSTANTS: usize = 4;
const MOST_HALVINGS: i32 = 24;
/// A schedule that fails its test is tried again at this part of its step size.
const LOWER: f64 = 0.95;
/// How often at most.
const MOST_TRIES: usize = 20;
/// A test takes at most so many times the seeds that are asked for.
pub(super) const LONGEST_TEST: u64 = 4;
/// The training loss may end so much above the reference's.
pub(super) const TRAIN_TOLERANCE: f64 = 10.0;
/// A schedule that ends above that must be so much better in what is optimized.
const WORTH: f64 = 0.9;
/// Losses below this part of the first one are equal.
const NO_LOSS: f64 = 1e-12;

/// Large steps, then a decay.
#[derive(Clone, Copy, Debug)]
pub(super) struct Choice {
    /// Whether they begin with a warm-up that the protocol does not have.
    warmed: bool,
    pub(super) step_size: f64,
    pub(super) keep: f64,
    pub(super) divide_by: f64,
}

impl Choice {
    pub(super) fn protocol<'a>(&self, constant: &Protocol<'a>) -> Protocol<'a> {
        let decayed = constant.with_decay(self.keep, self.divide_by);
        if self.warmed { warmed(&decayed) } else { decayed }
    }
}

fn warmed<'a>(protocol: &Protocol<'a>) -> Protocol<'a> {
    let mut warmed = protocol.clone();
    warmed.warm_up(WARM_UP);
    warmed
}

/// Large steps that have passed their test, with the runs.
pub(super) struct Tested {
    pub(super) choice: Choice,
    pub(super) point: Point,
    pub(super) seeds: Range<u64>,
    pub(super) tries: usize,
    pub(super) diverge_at_most: f64,
}

/// The steps at which those of some runs without a decay diverged that did.
struct Screened {
    diverged_at: Vec<u64>,
    steps: u64,
    may_diverge: usize,
}

impl Screened {
    /// Whether hardly a run diverged within this share of it.
    fn rarely_within(&self, share: f64) -> bool {
        let within = share * self.steps as f64;
        self.diverged_at.iter().filter(|step| **step as f64 <= within).count() <= self.may_diverge
    }
}

/// The search for a schedule.
pub(super) struct Search<'a> {
    /// The protocol without decays.
    pub(super) constant: Protocol<'a>,
    pub(super) question: Question,
    /// The series whose median after the last step is optimized.
    pub(super) optimized: &'static str,
    pub(super) watch: &'a dyn Watch,
}

impl<'a> Search<'a> {
    /// The runs of `count` seeds from `first` on; of one, where all are the same.
    fn seeds(&self, first: u64, count: u64) -> Range<u64> {
        first..first + self.constant.different(count)
    }

    /// Whether all seeds are one run.
    pub(super) fn deterministic(&self) -> bool {
        self.constant.is_deterministic()
    }

    /// How many of the runs that screen a step size may diverge.
    fn may_diverge(&self) -> usize {
        if self.deterministic() { 0 } else { MAY_DIVERGE }
    }

    pub(super) fn measure(
        &self,
        protocol: &Protocol<'_>,
        eta: f64,
        seeds: Range<u64>,
        closer: u64,
    ) -> Result<Point, LabError> {
        self.watch.expects(seeds.end - seeds.start, &format!("runs at {}", short(eta)));
        Point::measure(protocol, eta, seeds, closer, self.watch)
    }

    /// Runs without a decay, some at a time, until too many diverged within this share of the run.
    fn screen(&self, eta: f64, share: f64) -> Result<Screened, LabError> {
        let (steps, may_diverge) = (self.constant.spec().steps, self.may_diverge());
        let mut screened = Screened { diverged_at: Vec::new(), steps, may_diverge };
        let all = self.seeds(SCREENING, SCREENED);
        let mut first = all.start;
        while first < all.end && screened.rarely_within(share) {
            let next = (first + AT_A_TIME).min(all.end);
            let point = self.measure(&self.constant, eta, first..next, 0)?;
            screened.diverged_at.extend(point.setting.outcomes.iter().filter_map(|run| run.diverged_at()));
            first = next;
        }
        Ok(screened)
    }

    /// The search with a warm-up and its edge, where the protocol has none and one moves the edge up. What theory bounds is not
    /// moved.
    fn warmed(&self, edge: f64, small_steps: Thresholds, bound: Option<f64>) -> Result<Option<(Self, f64)>, LabError> {
        if bound.is_some() || self.constant.is_warmup_asked() {
            return Ok(None);
        }
        let search = Search { constant: warmed(&self.constant), ..*self };
        let beyond = search.edge(small_steps, bound)?;
        Ok((beyond > MOVED * edge).then_some((search, beyond)))
    }

    /// The largest step size, kept throughout, at which hardly a screening run diverges, and which theory allows.
    pub(super) fn edge(&self, small_steps: Thresholds, bound: Option<f64>) -> Result<f64, LabError> {
        let rare = |eta: f64| Ok::<bool, LabError>(self.screen(eta, 1.0)?.rarely_within(1.0));
        let found = scan(&self.constant, small_steps, SCREENING, self.watch)?;
        let Some(all) = found.all else {
            let why = "no step size that was tried diverges; there is nothing to advise against";
            return Err(LabError::Failed(why.into()));
        };
        let bound = bound.map_or(f64::INFINITY, |bound| WITHIN * bound);
        let (mut low, mut high) = (found.none.min(0.5 * bound), all.min(bound));
        if high == bound && rare(high)? {
            return Ok(high);
        }
        while !rare(low)? {
            (low, high) = (0.5 * low, low);
            if low < 1e-9 * all {
                return Err(LabError::Failed("runs diverge at every step size that was tried".into()));
            }
        }
        while high > WIDTH * low {
            let middle = (low * high).sqrt();
            if rare(middle)? { low = middle } else { high = middle }
        }
        Ok(low)
    }

    /// Constant step sizes from the edge downwards, without warm-up: four of them at least converge, that is none of their runs
    /// diverges.
    pub(super) fn constants(&self, edge: f64) -> Result<Vec<Constant>, LabError> {
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

    /// The runs of the best constant step size that rarely diverges, as the large steps do, on the seeds that test these; of
    /// the last one, if none does. The others follow in their order.
    pub(super) fn reference(&self, best: &Constant, others: &[Constant], tested: &Tested) -> Result<Point, LabError> {
        let protocol = self.constant.without_warmup();
        let runs = |constant: &Constant| self.measure(&protocol, constant.step_size, tested.seeds.clone(), 0);
        let mut point = runs(best)?;
        for other in others {
            let Share { hits, total, .. } = point.diverged();
            let rare = if self.deterministic() { hits == 0 } else { one_sided(hits, total) <= self.question.level };
            if rare {
                break;
            }
            point = runs(other)?;
        }
        Ok(point)
    }

    /// Large step sizes with the shares of the run that each may be kept for: up to the edge all of them; beyond it those
    /// within which hardly a screening run diverges.
    fn kept(&self, edge: f64, bound: Option<f64>) -> Result<Vec<(f64, Vec<f64>)>, LabError> {
        let mut found: Vec<(f64, Vec<f64>)> = PARTS.iter().map(|part| (part * edge, KEPT.to_vec())).collect();
        let least = KEPT.into_iter().fold(1.0, f64::min);
        let allowed = bound.map_or(f64::INFINITY, |bound| WITHIN * bound);
        for k in 1..=MOST_STEPS {
            let eta = edge * libm::pow(STEP, f64::from(k));
            let screened = if eta <= allowed { Some(self.screen(eta, least)?) } else { None };
            let Some(screened) = screened.filter(|screened| screened.rarely_within(least)) else { break };
            found.push((eta, KEPT.into_iter().filter(|share| screened.rarely_within(*share)).collect()));
        }
        Ok(found)
    }

    /// Of the large step sizes, kept for some shares of the run, with a warm-up or without, those with the smallest median of
    /// what is optimized. If their training loss does not come down as that of the best constant step size, they must be better
    /// by a tenth than the best for which it does.
    pub(super) fn large_steps(
        &self,
        edge: f64,
        small_steps: Thresholds,
        bound: Option<f64>,
        constant: &Constant,
    ) -> Result<Choice, LabError> {
        let mut choices = self.choices(edge, bound, constant)?;
        if let Some((search, beyond)) = self.warmed(edge, small_steps, bound)? {
            let found = search.choices(beyond, bound, constant)?;
            choices.extend(found.into_iter().map(|choice| Choice { warmed: true, ..choice }));
        }
        for runs in ROUNDS {
            choices = self.best_first(choices, runs, constant)?;
            choices.truncate(FINALISTS);
        }
        let none = || LabError::Failed("runs diverge at every schedule of large steps that was tried".into());
        choices.first().copied().ok_or_else(none)
    }

    /// Schedules of the large step sizes that decay to half of the threshold that is reached.
    fn choices(&self, edge: f64, bound: Option<f64>, constant: &Constant) -> Result<Vec<Choice>, LabError> {
        let mut choices = Vec::new();
        for (step_size, kept) in self.kept(edge, bound)? {
            let reached = self.measure(&self.constant, step_size, self.seeds(CHOOSING, CLOSER), CLOSER)?;
            let target = 0.5 * reached.threshold_reached();
            let target = if target > 0.0 && target.is_finite() { target } else { constant.step_size };
            let divide_by = (100.0 * (step_size / target).clamp(1.5, 1e6)).round() / 100.0;
            choices.extend(kept.into_iter().map(|keep| Choice { warmed: false, step_size, keep, divide_by }));
        }
        Ok(choices)
    }

    /// Schedules in the order in which they are to be preferred, without those that diverge.
    fn best_first(&self, choices: Vec<Choice>, runs: u64, constant: &Constant) -> Result<Vec<Choice>, LabError> {
        let mut found = Vec::new();
        for choice in choices {
            let point =
                self.measure(&choice.protocol(&self.constant), choice.step_size, self.seeds(CHOOSING, runs), 0)?;
            let ends = [point.end(self.optimized).median, point.end("train_loss").median];
            if point.diverged().hits <= self.may_diverge() && ends.iter().all(|end| end.is_finite()) {
                let comes_down = ends[1] <= TRAIN_TOLERANCE * constant.train_loss;
                let weight = if comes_down { WORTH } else { 1.0 };
                found.push((choice, weight * ends[0]));
            }
        }
        found.sort_by(|a, b| a.1.total_cmp(&b.1));
        Ok(found.into_iter().map(|(choice, _)| choice).collect())
    }

    /// Fresh seeds must bear out that the share of diverged runs is below the level, by the error that the attempt may make;
    /// else a smaller step size is tried with other seeds.
    pub(super) fn test(&self, mut choice: Choice) -> Result<Tested, LabError> {
        let mut first = JUDGING;
        let mut attempt = Attempt::first(self.question.level);
        for tries in 1..=MOST_TRIES {
            let protocol = choice.protocol(&self.constant);
            let (point, look) = self.look(&protocol, choice.step_size, first, attempt)?;
            let count = point.setting.outcomes.len() as u64;
            let seeds = first..first + count;
            if look == Look::Below {
                let share = point.diverged();
                let diverge_at_most =
                    if self.deterministic() { 0.0 } else { attempt.upper_end(share.hits, share.total) };
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

    /// Runs of fresh seeds, half of those that are asked for at a time, until they tell whether few enough diverge.
    fn look(&self, protocol: &Protocol<'_>, eta: f64, first: u64, attempt: Attempt) -> Result<(Point, Look), LabError> {
        let asked = self.question.seeds.max(attempt.least_seeds());
        let mut point = self.measure(protocol, eta, self.seeds(first, asked), 0)?;
        if self.deterministic() {
            let look = if point.diverged().hits == 0 { Look::Below } else { Look::Hopeless };
            return Ok((point, look));
        }
        loop {
            let share = point.diverged();
            let look = attempt.look(share.hits, share.total, (LONGEST_TEST * asked) as usize);
            if look != Look::Open {
                return Ok((point, look));
            }
            let next = first + share.total as u64;
            point = point.and(self.measure(protocol, eta, next..next + asked.div_ceil(2), 0)?);
        }
    }
}

/// The upper end of a share, with 95% confidence.
fn one_sided(hits: usize, total: usize) -> f64 {
    clopper_pearson(hits, total, 0.1)[1]
}

/// Losses below this are equal.
pub(super) fn no_loss(point: &Point) -> f64 {
    NO_LOSS * point.first_loss()
}
