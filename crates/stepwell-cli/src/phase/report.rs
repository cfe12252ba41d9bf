//! A phase diagram in words: its table and its JSON.

use serde_json::{Map, Value, json};
use stepwell::metrics::Thresholds;
use stepwell::statistics::Share;
use stepwell::words::{percent, probe_words, short};

use super::trial::{ALONG, Fate, Point, measured};
use crate::output::{band_json, number, table};

/// What was measured over the step size.
pub struct Diagram {
    /// A line for people.
    pub title: String,
    /// The step sizes with their runs, increasing.
    pub points: Vec<Point>,
    /// Runs at each.
    pub seeds: u64,
    /// Thresholds at the solution that small steps lead to.
    pub small_steps: Thresholds,
    /// Where the Lyapunov exponent turns positive.
    pub lyapunov_zero: Option<f64>,
}

/// A share with its 95% interval, in percent.
fn interval_text(share: &Share) -> String {
    format!("{} [{}, {}]", percent(share.value()), percent(share.low), percent(share.high))
}

impl Diagram {
    /// The table, and the thresholds.
    pub fn report(&self) -> String {
        let names: Vec<String> = measured(&self.points).into_iter().filter(|name| name != "train_loss").collect();
        let words: Vec<String> = names.iter().map(|name| probe_words(name)).collect();
        let mut header = vec!["step size", "converges", "stabilizes", "diverges", "level δ"];
        header.extend(words.iter().map(String::as_str));
        header.extend(["2/λmax", "mean-square", "Lyapunov"]);
        let mut table = table(&header);
        for point in &self.points {
            let mut row = vec![short(point.step_size)];
            row.extend(Fate::ALL[..3].iter().map(|fate| interval_text(&point.share(*fate))));
            row.push(short(point.level().median));
            row.extend(names.iter().map(|name| short(point.last(name).median)));
            row.push(short(point.closer(|c| c.reached.gradient_descent)));
            row.push(short(point.closer(|c| c.reached.mean_square)));
            row.push(short(point.closer(|c| c.lyapunov)));
            table.add_row(row);
        }
        format!(
            "{}\n{} runs a step size; shares with 95% intervals; medians after the last step, over the runs that did not diverge.\n{}\n{}",
            self.title,
            self.seeds,
            table.trim_fmt(),
            self.thresholds()
        )
    }

    fn thresholds(&self) -> String {
        let Thresholds { gradient_descent, mean_square } = self.small_steps;
        let zero = self.lyapunov_zero.map_or("not in this range".into(), short);
        format!(
            "2/λmax, mean-square: up to which step size the solution reached is stable; where small steps lead to: {}, {}\n\
             Lyapunov: the exponent of nearby runs a step, in the large phase; its zero: {zero}\n",
            short(gradient_descent),
            short(mean_square)
        )
    }

    /// The diagram as JSON.
    pub fn json(&self) -> Value {
        let names = measured(&self.points);
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "title": self.title,
            "seeds": self.seeds,
            "thresholds": {
                "small_steps": of_thresholds(self.small_steps),
                "lyapunov_zero": self.lyapunov_zero.map_or(Value::Null, number),
            },
            "points": self.points.iter().map(|point| of_point(point, &names)).collect::<Vec<_>>(),
        })
    }
}

fn of_point(point: &Point, names: &[String]) -> Value {
    let shares: Map<String, Value> =
        Fate::ALL.into_iter().map(|fate| (fate.name().into(), of_share(&point.share(fate)))).collect();
    let finals: Map<String, Value> = names.iter().map(|name| (name.clone(), band_json(&point.last(name)))).collect();
    json!({
        "step_size": number(point.step_size),
        "shares": shares,
        "level": band_json(&point.level()),
        "final": finals,
        "reached": {
            "gradient_descent": number(point.closer(|c| c.reached.gradient_descent)),
            "mean_square": number(point.closer(|c| c.reached.mean_square)),
        },
        "two_over_batch_sharpness": number(point.closer(|c| c.batch_sharpness)),
        "two_over_batch_sharpness_along": (0..ALONG).map(|k| number(point.along(k))).collect::<Vec<_>>(),
        "lyapunov": number(point.closer(|c| c.lyapunov)),
    })
}

/// Thresholds as JSON.
pub fn of_thresholds(thresholds: Thresholds) -> Value {
    let Thresholds { gradient_descent, mean_square } = thresholds;
    json!({ "gradient_descent": number(gradient_descent), "mean_square": number(mean_square) })
}

/// A share as JSON.
pub fn of_share(share: &Share) -> Value {
    json!({ "hits": share.hits, "of": share.total, "interval": [share.low, share.high] })
}
