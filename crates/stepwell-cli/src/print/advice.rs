//! Advice in words, with its evidence and how it fares on fresh data sets.

use stepwell::words::{band_text, percent, probe_words, share_text, short, thousands};
use stepwell_lab::experiment::Experiment;
use stepwell_lab::findings::advice::{Advice, Validation};

use crate::output::table;

/// The advice, its spec, and how it fares on fresh data sets where that was asked for.
pub fn in_words(experiment: &Experiment, advice: &Advice) -> String {
    let steps = experiment.settings.first().map_or(0, |setting| setting.steps);
    let validation = advice.validation.as_ref().map_or(String::new(), |found| format!("\n{}", validation(found)));
    format!("{}\n{}\n{}{validation}", experiment.title, evidence(advice, steps), advice.spec)
}

fn evidence(advice: &Advice, steps: u64) -> String {
    let Advice { largest, keep, divide_by, small_steps, .. } = advice;
    let warmup = match advice.warmup_from {
        Some(from) => format!("the warm-up from {}", short(from)),
        None => "no warm-up".into(),
    };
    let window = match advice.window {
        Some((from, to)) => format!("steps {} to {}", thousands(from.ceil() as u64), thousands(to)),
        None => "none: too few runs stabilize before the decay".into(),
    };
    [
        format!(
            "largest step size   {}: {} runs of {} steps diverged, below {} with 95% confidence\n",
            short(*largest),
            share_text(&advice.confirmed),
            thousands(steps),
            percent(advice.question.level)
        ),
        format!(
            "stabilization       {window}; {} runs, at {}\n",
            share_text(&advice.stabilized),
            band_text(&advice.stabilized_level)
        ),
        format!(
            "schedule            {warmup}, {} for {} of the run, then {} (divided by {divide_by})\n",
            short(*largest),
            percent(*keep),
            short(largest / divide_by)
        ),
        format!(
            "thresholds          mean-square: {} at the small-step solution, {} at the solution of the largest step size; \
             2/λmax at the small-step solution: {}\n\n",
            short(small_steps.mean_square),
            short(advice.reached),
            short(small_steps.gradient_descent)
        ),
        comparison(advice) + "\n",
    ]
    .concat()
}

fn comparison(advice: &Advice) -> String {
    let runs = [&advice.advised, &advice.small];
    let small = format!("constant {}", short(advice.small.step_size));
    let mut table = table(&["after the last step", "advised", &small]);
    let [advised, small] = runs.map(|runs| share_text(&runs.diverged));
    table.add_row(["diverged".to_string(), advised, small]);
    for name in &advice.series {
        let [advised, small] = runs.map(|runs| band_text(&runs.end(name)));
        table.add_row([probe_words(name), advised, small]);
    }
    table.trim_fmt()
}

/// One line per data set, then the two numbers.
fn validation(validation: &Validation) -> String {
    let header = [
        "data set",
        "mean-square threshold",
        "advised",
        "kept for",
        "diverged",
        "test loss",
        "small step size",
        "test loss there",
    ];
    let mut table = table(&header);
    for (k, found) in validation.data_sets.iter().enumerate() {
        let share = found.advised.diverged;
        table.add_row([
            (k + 1).to_string(),
            short(found.mean_square),
            short(found.largest),
            percent(found.keep),
            format!("{} of {}", share.hits, share.total),
            band_text(&found.advised.end("test_loss")),
            short(found.small.step_size),
            band_text(&found.small.end("test_loss")),
        ]);
    }
    let better = validation.better.map_or("no test loss is recorded".into(), |share| share_text(&share));
    format!(
        "Validation on {} fresh data sets, the advice worked out on each\n{}\n\
         diverged    {} runs of the advised schedules\nbetter      {better} data sets: median test loss below the small step size's\n",
        validation.data_sets.len(),
        table.trim_fmt(),
        share_text(&validation.diverged),
    )
}
