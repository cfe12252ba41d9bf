//! Advice: the largest step size that rarely diverges, how long to keep it, and what to decay it to.

use serde_json::{Map, Value, json};
use stepwell::metrics::Thresholds;
use stepwell::spec::{DecaySpec, Spec};
use stepwell::statistics::{Band, Share, quantile};
use stepwell::words::{band_text, percent, probe_words, share_text, short, thousands};

use super::protocol::{Protocol, scale};
use super::report::{of_share, of_thresholds};
use super::trial::{Fate, Point, measured};
use crate::failure::Failure;
use crate::output::{band_json, number, table};

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// The share of diverged runs that the step size stays below.
    pub level: f64,
    /// Runs that must bear that out.
    pub seeds: u64,
}

/// A schedule with the evidence for it.
pub struct Advice {
    /// What was asked.
    pub question: Question,
    /// Thresholds at the solution that small steps lead to.
    pub small_steps: Thresholds,
    /// The largest step size.
    pub largest: f64,
    /// Diverged runs at it, all steps taken at it.
    pub confirmed: Share,
    /// Runs that stabilize at it.
    pub stabilized: Share,
    /// The first step by which nine in ten of them have stabilized, and the last large one.
    pub window: Option<(f64, u64)>,
    /// Their level.
    pub level: Band,
    /// The mean-square threshold at the solution reached at it.
    pub reached: f64,
    /// Share of the run that it is kept for.
    pub keep: f64,
    /// What it is then divided by.
    pub divide_by: f64,
    /// The spec.
    pub spec: Spec,
    /// Its runs.
    pub advised: Point,
    /// Runs at half the small-step threshold throughout.
    pub small: Point,
}

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

/// The advice for a protocol.
pub fn advise(protocol: &Protocol, question: Question) -> Result<Advice, Failure> {
    let enough = least_seeds(question.level);
    if question.seeds < enough {
        let level = percent(question.level);
        return Err(Failure::usage(format!(
            "--seeds {}: expected at least {enough} to tell a share below {level}",
            question.seeds
        )));
    }
    let mut constant = protocol.clone();
    constant.spec.schedule.decay.clear();
    let small_steps = protocol.small_step_thresholds()?;
    let small = 0.5 * scale(small_steps)?;
    let screened = largest_screened(&constant, small, question)?;
    let (largest, at_largest) = confirm(&constant, screened, question)?;
    let reached = reached(&constant, largest)?;
    let target = 0.5 * if reached > 0.0 && reached.is_finite() { reached } else { 2.0 * small };
    let divide_by = (100.0 * (largest / target).max(1.5)).round() / 100.0;
    let keep = longest(&constant, largest, divide_by)?;
    let decayed = with_decay(&constant, keep, divide_by);
    let spec = decayed.spec_at(largest)?;
    let last_large = decayed.at(largest)?.schedule().last_step_before_decay(spec.steps);
    let from: Vec<f64> = at_largest.stabilized().map(|found| found.from as f64).collect();
    let p90 = quantile(&from, 0.9);
    let evidence = EVIDENCE..EVIDENCE + SHOWN;
    Ok(Advice {
        question,
        small_steps,
        largest,
        confirmed: at_largest.share(Fate::Diverges),
        stabilized: at_largest.share(Fate::Stabilizes),
        window: (p90 < last_large as f64).then_some((p90, last_large)),
        level: at_largest.level(),
        reached,
        keep,
        divide_by,
        spec,
        advised: Point::measure(&decayed, largest, evidence.clone(), 0)?,
        small: Point::measure(&without_warmup(&constant), small, evidence, 0)?,
    })
}

/// How many runs, none of which diverges, have a share whose 95% interval ends below the level.
fn least_seeds(level: f64) -> u64 {
    (1..).find(|n| Share::of(0, *n).high <= level).map_or(u64::MAX, |n| n as u64)
}

fn with_decay(constant: &Protocol, after: f64, divide_by: f64) -> Protocol {
    let mut out = constant.clone();
    out.spec.schedule.decay = vec![DecaySpec { after: Some(after), at: None, divide_by }];
    out
}

fn without_warmup(constant: &Protocol) -> Protocol {
    let mut out = constant.clone();
    out.spec.schedule.warmup = None;
    out
}

/// By bisection: the largest step size at which the screening runs diverge no more often than the level.
fn largest_screened(constant: &Protocol, small: f64, question: Question) -> Result<f64, Failure> {
    let good = |eta: f64| -> Result<bool, Failure> {
        let share = Point::measure(constant, eta, SCREENING..SCREENING + SCREENED, 0)?.share(Fate::Diverges);
        Ok(share.value() <= question.level)
    };
    let mut low = small;
    while !good(low)? {
        low *= 0.5;
        if low < 1e-6 * small {
            return Err(Failure::other("runs diverge at every step size that was tried; is the problem bounded?"));
        }
    }
    let mut high = 1.25 * low;
    while good(high)? {
        (low, high) = (high, 1.25 * high);
        if high > 1e4 * small {
            return Err(Failure::other("no step size that was tried diverges; there is nothing to advise against"));
        }
    }
    while high - low > WIDTH * low {
        let middle = 0.5 * (low + high);
        if good(middle)? { low = middle } else { high = middle }
    }
    Ok(low)
}

/// Fresh seeds must bear it out: the upper end of the share's 95% interval is below the level; else a smaller step size is
/// tried with other seeds.
fn confirm(constant: &Protocol, screened: f64, question: Question) -> Result<(f64, Point), Failure> {
    let mut eta = screened;
    for attempt in 0..MOST_REFUSALS {
        let first = CONFIRMING + attempt * question.seeds;
        let point = Point::measure(constant, eta, first..first + question.seeds, 0)?;
        if point.share(Fate::Diverges).high <= question.level {
            return Ok((eta, point));
        }
        eta *= LOWER;
    }
    Err(Failure::other(format!(
        "no step size from {} to {} has a share of diverged runs below {} with 95% confidence",
        short(screened),
        short(eta),
        percent(question.level)
    )))
}

/// The mean-square threshold at the solutions reached without a decay.
fn reached(constant: &Protocol, eta: f64) -> Result<f64, Failure> {
    let point = Point::measure(constant, eta, DECAYING..DECAYING + 5, 5)?;
    Ok(point
        .closer(|c| if c.reached.mean_square.is_nan() { c.reached.gradient_descent } else { c.reached.mean_square }))
}

/// The largest share of the run for which the step size can be kept so that the decay still brings the median training
/// loss to a thousandth of its level (or to a millionth of the first loss, whichever is larger). Half of the run if none.
fn longest(constant: &Protocol, eta: f64, divide_by: f64) -> Result<f64, Failure> {
    for tenths in (1..=9).rev() {
        let keep = f64::from(tenths) / 10.0;
        let seeds = DECAYING..DECAYING + DECAYED;
        let point = Point::measure(&with_decay(constant, keep, divide_by), eta, seeds, 0)?;
        let survivors = point.trials.iter().filter(|trial| trial.fate != Fate::Diverges);
        let levels: Vec<f64> = survivors.map(|trial| trial.stabilization.level).collect();
        let goal = (1e-3 * quantile(&levels, 0.5)).max(1e-6 * point.first_loss());
        if point.last("train_loss").median <= goal {
            return Ok(keep);
        }
    }
    Ok(0.5)
}

impl Advice {
    /// The advice in words.
    pub fn report(&self) -> String {
        let Self { question, largest, confirmed, keep, divide_by, .. } = self;
        let steps = thousands(self.spec.steps);
        let warmup = match self.spec.schedule.warmup {
            Some(_) => format!("the warm-up from {}", short(self.spec.schedule.step_size)),
            None => "no warm-up".into(),
        };
        let mut out = format!(
            "largest step size   {}: {} runs of {steps} steps diverged, below {} with 95% confidence\n",
            short(*largest),
            share_text(confirmed),
            percent(question.level)
        );
        let window = match self.window {
            Some((from, to)) => format!("steps {} to {}", thousands(from.ceil() as u64), thousands(to)),
            None => "none: too few runs stabilize before the decay".into(),
        };
        out += &format!(
            "stabilization       {window}; {} runs, at {}\n",
            share_text(&self.stabilized),
            band_text(&self.level)
        );
        out += &format!(
            "schedule            {warmup}, {} for {} of the run, then {} (divided by {divide_by})\n",
            short(*largest),
            percent(*keep),
            short(largest / divide_by)
        );
        out += &format!(
            "thresholds          mean-square: {} where small steps lead to, {} where these lead to; 2/λmax: {}\n\n",
            short(self.small_steps.mean_square),
            short(self.reached),
            short(self.small_steps.gradient_descent)
        );
        out + &self.evidence() + "\n"
    }

    fn evidence(&self) -> String {
        let points = [&self.advised, &self.small];
        let names = measured([&self.advised, &self.small]);
        let small = format!("constant {}", short(self.small.step_size));
        let mut table = table(&["after the last step", "advised", &small]);
        let diverged = points.map(|point| share_text(&point.share(Fate::Diverges)));
        table.add_row(["diverged".to_string(), diverged[0].clone(), diverged[1].clone()]);
        for name in names {
            let [advised, small] = points.map(|point| band_text(&point.last(&name)));
            table.add_row([probe_words(&name), advised, small]);
        }
        table.trim_fmt()
    }

    /// The advice as JSON.
    pub fn json(&self) -> Value {
        let names = measured([&self.advised, &self.small]);
        let of_runs = |point: &Point| {
            let finals: Map<String, Value> =
                names.iter().map(|name| (name.clone(), band_json(&point.last(name)))).collect();
            json!({
                "step_size": number(point.step_size),
                "diverged": of_share(&point.share(Fate::Diverges)),
                "final": finals,
            })
        };
        json!({
            "level": self.question.level,
            "largest_step_size": number(self.largest),
            "confirmed": of_share(&self.confirmed),
            "stabilized": of_share(&self.stabilized),
            "stabilized_level": band_json(&self.level),
            "window": self.window.map(|(from, to)| json!([number(from), to])),
            "keep": self.keep,
            "divide_by": self.divide_by,
            "thresholds": { "small_steps": of_thresholds(self.small_steps), "reached": number(self.reached) },
            "advised": of_runs(&self.advised),
            "small": of_runs(&self.small),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Wilson's interval of no hit in n ends at `z^2 / (n + z^2)`, `z^2 = 3.8415`: below 5% from n = 19 z^2 = 72.99 on.
    #[test]
    fn so_many_runs_tell_a_small_share() {
        assert_eq!((least_seeds(0.05), least_seeds(0.5), least_seeds(0.01)), (73, 4, 381));
    }
}
