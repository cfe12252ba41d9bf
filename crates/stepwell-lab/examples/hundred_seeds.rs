//! A hundred seeds of an experiment, with their statistics and a verdict.
//!
//! `cargo run --release -p stepwell-lab --example hundred_seeds`

use stepwell::spec::{NoFiles, Spec};
use stepwell::statistics::Share;
use stepwell::verdict::{Behavior, Observation};
use stepwell::words::{band_text, share_text};
use stepwell_lab::drive::ToTheEnd;
use stepwell_lab::error::LabError;
use stepwell_lab::runs::{runs, settings};

const SPEC: &str = r#"
steps = 20000
model = "diagonal_linear"
loss = "half_mean_square"
data.sparse_regression = { n = 40, d = 100, sparsity = 10, test = 1000 }
init.diagonal = { u = 0.1, v = 0.0 }
dynamics.sgd = {}
schedule = { step_size = 0.25, decay = [{ after = 0.5, divide_by = 4.0 }] }
"#;

fn main() -> Result<(), LabError> {
    let spec = Spec::from_toml(SPEC)?;
    let experiment = runs(&settings(&spec, &NoFiles)?, 1, 100, &ToTheEnd)?;
    let setting = &experiment.settings[0];
    println!("diverged          {}", share_text(&setting.diverged()));
    println!("test loss         {}", band_text(&setting.band("test_loss")));
    let stable = setting.stabilizations().iter().filter(|found| found.behavior == Behavior::Stabilizes).count();
    let share = Share::of(stable, setting.outcomes.len());
    let observation = Observation::new("the loss stabilizes", &setting.label, share, None);
    println!("{}  {}: {}", observation.statement, share_text(&share), observation.words());
    Ok(())
}
