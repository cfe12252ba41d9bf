//! Advice in words, with its evidence and how it fares on fresh data sets.

use stepwell::statistics::Share;
use stepwell::verdict::Effect;
use stepwell::words::{band_text, capitalized, percent, probe_label, probe_words, share_text, short, thousands};
use stepwell_lab::experiment::Experiment;
use stepwell_lab::findings::advice::{Advice, Large, LargeSteps, MAY_DIVERGE, SCREENED, Validation};

use super::stabilization::{drift_text, verdict_text};
use crate::output::table;

/// A training loss that ends higher than the reference's by more than this factor is spoken of.
const HIGHER: f64 = 2.0;

/// A constant step size beyond this part of the large one is called as large.
const AS_LARGE: f64 = 0.9;

/// The advice, its spec, and how it fares on fresh data sets where that was asked for.
pub fn in_words(experiment: &Experiment, advice: &Advice) -> String {
    let steps = experiment.settings.first().map_or(0, |setting| setting.steps);
    let validation = advice.validation.as_ref().map_or(String::new(), |found| format!("\n{}", validation(found)));
    format!("{}\n{}\n{}{validation}", experiment.title, evidence(advice, steps), advice.spec)
}

fn evidence(advice: &Advice, steps: u64) -> String {
    let optimized = probe_words(&advice.optimized);
    [
        format!("{}\n\n", verdict(advice, &optimized)),
        format!("large steps         {}\n", schedule(&advice.large)),
        format!("divergence          {}\n", divergence(advice, steps)),
        format!("stabilization       {}\n", stabilization(&advice.large)),
        format!("best constant       {}\n", constants(advice, &optimized)),
        format!("thresholds          {}\n\n", thresholds(advice)),
        comparison(advice) + "\n",
    ]
    .concat()
}

/// The advice in a sentence, with the ratio that decides it.
fn verdict(advice: &Advice, optimized: &str) -> String {
    let ratio = |name: &str, effect: &Option<Effect>| {
        effect.as_ref().map_or(format!("no {name} to compare"), |e| {
            format!("{name} {} [{}, {}] times the constant step size's", short(e.median), short(e.low), short(e.high))
        })
    };
    let mut found = ratio(optimized, &advice.ratio);
    if advice.optimized != "train_loss" {
        found += &format!("; {}", ratio("train loss", &advice.train_ratio));
    }
    let higher = advice.train_ratio.as_ref().is_some_and(|train| train.median > HIGHER);
    match advice.verdict {
        Large::Helps if higher => format!(
            "Large steps help: {found}. The training loss ends higher, since less of the run is left for it to come down: if \
             you need it lower, run on at the small step size."
        ),
        Large::Helps => format!("Large steps help: {found}."),
        Large::MakesNoDifference if advice.constant_runs.step_size > AS_LARGE * advice.large.step_size => format!(
            "A large step size is advised, and to decay it makes no difference that these runs show: the best constant step \
             size is as large. {}.",
            capitalized(&found)
        ),
        Large::MakesNoDifference => format!("Large steps make no difference that these runs show: {found}."),
        Large::DoesNotHelp => format!(
            "Large steps do not help here: {found}. The advice is the best constant step size, {}.",
            short(advice.constant_runs.step_size)
        ),
    }
}

fn schedule(large: &LargeSteps) -> String {
    let LargeSteps { step_size, keep, divide_by, .. } = large;
    let warmup = match large.warmup_from {
        Some(from) => format!("a warm-up from {}", short(from)),
        None => "no warm-up".into(),
    };
    let (eta, kept, small) = (short(*step_size), percent(*keep), short(step_size / divide_by));
    format!("{warmup}, {eta} for {kept} of the run, then {small} (divided by {divide_by})")
}

fn divergence(advice: &Advice, steps: u64) -> String {
    if advice.deterministic {
        return "none: gradient descent from a fixed start is one run, whatever the seed".into();
    }
    let tries = if advice.tries == 1 { "first try".into() } else { format!("try number {}", advice.tries) };
    let Share { hits, total, .. } = advice.large_runs.diverged;
    format!(
        "{hits} of {total} fresh runs of {} steps diverged, so at most {} do with 95% confidence ({tries})",
        thousands(steps),
        percent(advice.diverge_at_most)
    )
}

fn stabilization(large: &LargeSteps) -> String {
    let found = &large.stabilization;
    let window = match large.window {
        Some((from, to)) => format!(", from step {} to {}", thousands(from), thousands(to)),
        None => String::new(),
    };
    format!(
        "{}{window}; level {}, drift {} over {} runs",
        verdict_text(found),
        short(found.level),
        drift_text(&found.drift),
        found.runs
    )
}

fn constants(advice: &Advice, optimized: &str) -> String {
    let tried: Vec<String> =
        advice.constants.iter().map(|one| format!("{} ({})", short(one.step_size), short(one.median))).collect();
    format!(
        "{} has the smallest median {optimized} of {} that converge, on other seeds: {}",
        short(advice.constant_runs.step_size),
        tried.len(),
        tried.join(", ")
    )
}

fn thresholds(advice: &Advice) -> String {
    let small = advice.small_steps;
    let local = match advice.bound {
        Some(bound) => format!("the large step size stays below {}, as theory demands for linear models", short(bound)),
        None => "local numbers: a run may go on above them".into(),
    };
    format!(
        "at the solution of small steps: mean-square {}, 2/λmax {} ({local}); without a decay, at most {MAY_DIVERGE} of {SCREENED} runs of the search diverged at {}",
        short(small.mean_square),
        short(small.gradient_descent),
        short(advice.edge)
    )
}

fn comparison(advice: &Advice) -> String {
    let runs = [&advice.large_runs, &advice.constant_runs];
    let constant = format!("constant {}", short(advice.constant_runs.step_size));
    let mut table = table(&["after the last step", "large steps", &constant]);
    let [large, constant] = runs.map(|runs| share_text(&runs.diverged));
    table.add_row(["diverged".to_string(), large, constant]);
    for name in &advice.series {
        let [large, constant] = runs.map(|runs| band_text(&runs.end(name)));
        table.add_row([probe_label(name), large, constant]);
    }
    table.trim_fmt()
}

/// One line per data set, then the two numbers.
fn validation(validation: &Validation) -> String {
    let header = [
        "data set",
        "mean-square threshold",
        "large steps",
        "kept for",
        "diverged",
        "test loss",
        "constant",
        "test loss there",
        "large steps",
    ];
    let mut table = table(&header);
    for (k, found) in validation.data_sets.iter().enumerate() {
        let share = found.large.diverged;
        table.add_row([
            (k + 1).to_string(),
            short(found.mean_square),
            short(found.large.step_size),
            percent(found.keep),
            format!("{} of {}", share.hits, share.total),
            band_text(&found.large.end("test_loss")),
            short(found.constant.step_size),
            band_text(&found.constant.end("test_loss")),
            match found.verdict {
                Large::Helps => "help".into(),
                Large::MakesNoDifference => "make no difference".into(),
                Large::DoesNotHelp => "do not help".to_string(),
            },
        ]);
    }
    format!(
        "Validation on {} fresh data sets, the advice worked out on each\n{}\n\
         diverged    {} runs of what is advised\nbetter      {} data sets on which large steps are advised: their median lies \
         below the best constant step size's\n",
        validation.data_sets.len(),
        table.trim_fmt(),
        share_text(&validation.diverged),
        share_text(&validation.better),
    )
}
