//! From the text of a spec: 20 runs with their verdict, a phase diagram, and advice.
//!
//! `cargo run --release -p stepwell-lab --example from_a_string`

use stepwell::spec::{NoFiles, Spec};
use stepwell::words::{band_text, percent, share_text, short};
use stepwell_lab::drive::ToTheEnd;
use stepwell_lab::error::LabError;
use stepwell_lab::findings::Findings;
use stepwell_lab::phase::{Protocol, Question, StepSizes, advise, diagram};
use stepwell_lab::runs::{runs, settings};

const SPEC: &str = r#"
steps = 4000
model = "diagonal_linear"
loss = "half_mean_square"
data.sparse_regression = { n = 20, d = 40, sparsity = 3, test = 100 }
init.diagonal = { u = 0.1, v = 0.0 }
dynamics.sgd = {}
schedule = { step_size = 0.2, decay = [{ after = 0.5, divide_by = 4.0 }] }
"#;

fn main() -> Result<(), LabError> {
    let spec = Spec::from_toml(SPEC)?;

    println!("The seeds 1 to 20");
    let experiment = runs(&settings(&spec, &NoFiles)?, 1, 20, &ToTheEnd)?;
    let setting = &experiment.settings[0];
    println!("  diverged   {}", share_text(&setting.diverged()));
    println!("  test loss  {}", band_text(&setting.band("test_loss")));
    for run in setting.outcomes.iter().take(3) {
        println!("  seed {}: {}", run.seed, setting.end_words(run));
    }

    println!("Over the step size, 10 runs each");
    let protocol = Protocol::new(spec, &NoFiles, false)?;
    let sizes = StepSizes { low: 0.1, high: 0.6, count: 6 };
    if let Findings::Phase(phase) = diagram(&protocol, Some(sizes), 10, &ToTheEnd)?.findings {
        for point in &phase.points {
            let (stabilize, diverge) = (point.shares.stabilizes.hits, point.shares.diverges.hits);
            println!("  {}: {stabilize:2} stabilize, {diverge:2} diverge", short(point.step_size));
        }
    }

    println!("Advice: fewer than a fifth of the runs diverge");
    let question = Question { level: 0.2, seeds: 20 };
    if let Findings::Advice(advice) = advise(&protocol, question, None, &ToTheEnd)?.findings {
        let (largest, keep) = (short(advice.large.step_size), percent(advice.large.keep));
        println!("  step size {largest} for {keep} of the run, then divided by {}", advice.large.divide_by);
        println!("  test loss  {}", band_text(&advice.large_runs.end("test_loss")));
    }
    Ok(())
}
