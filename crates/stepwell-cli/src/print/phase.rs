//! A phase diagram as a table.

use stepwell::metrics::Thresholds;
use stepwell::words::{percent, probe_label, short};
use stepwell_lab::experiment::Experiment;
use stepwell_lab::findings::phase::{Fate, Phase, Point};

use crate::output::table;

/// The table, and the thresholds.
pub fn in_words(experiment: &Experiment, phase: &Phase) -> String {
    let title = &experiment.title;
    let names: Vec<&String> = phase.series.iter().filter(|name| *name != "train_loss").collect();
    let words: Vec<String> = names.iter().map(|name| probe_label(name)).collect();
    let mut header = vec!["step size", "verdict"];
    header.extend(Fate::ALL.map(Fate::name));
    header.push("level δ");
    header.extend(words.iter().map(String::as_str));
    header.extend(["2/λmax", "mean-square", "Lyapunov [95%]"]);
    let mut table = table(&header);
    for point in &phase.points {
        let mut row = vec![short(point.step_size), point.pooled.behavior.name().into()];
        row.extend(Fate::ALL.map(|fate| percent(point.shares.get(fate).value())));
        row.push(short(point.level.median));
        row.extend(names.iter().map(|name| short(point.end.get(*name).map_or(f64::NAN, |band| band.median))));
        row.extend([point.reached.gradient_descent, point.reached.mean_square].map(short));
        row.push(exponent_text(point));
        table.add_row(row);
    }
    let (seeds, table, thresholds) = (phase.seeds, table.trim_fmt(), thresholds(phase));
    format!(
        "{title}\n{seeds} runs per step size. The verdict is on all of them together; the shares, which add up to 100%, are of \
         runs judged each by itself. Medians are after the last step, over the runs that did not diverge.\n{table}\n{thresholds}"
    )
}

/// The Lyapunov exponent with its interval; nothing where all runs that were looked at more closely diverged.
fn exponent_text(point: &Point) -> String {
    let [low, high] = point.lyapunov_interval.map(|end| end.0);
    match point.lyapunov {
        value if value.is_finite() => format!("{} [{}, {}]", short(value), short(low), short(high)),
        _ if point.reached.gradient_descent.is_nan() => short(f64::NAN),
        _ => "not resolved".into(),
    }
}

fn thresholds(phase: &Phase) -> String {
    let Thresholds { gradient_descent, mean_square } = phase.small_steps;
    let zero = phase.lyapunov_zero.map_or("nowhere in this range".into(), |eta| format!("at {}", short(eta)));
    format!(
        "2/λmax, mean-square: the step size up to which the solution reached is stable; at the small-step solution they are {} and {}\n\
         Lyapunov: the rate per step at which nearby runs part (positive) or meet (negative), from the middle of the large \
         phase on, over the runs that resolve it; it turns positive {zero}\n",
        short(gradient_descent),
        short(mean_square)
    )
}
