//! One run, stepped by hand, with its parameters at hand.
//!
//! `cargo run --release -p stepwell --example step_by_hand`

use stepwell::run::Status;
use stepwell::spec::{NoFiles, Spec, SpecError};

const SPEC: &str = r#"
steps = 20000
model = "diagonal_linear"
loss = "half_mean_square"
data.sparse_regression = { n = 40, d = 100, sparsity = 10, test = 1000 }
init.diagonal = { u = 0.1, v = 0.0 }
dynamics.sgd = {}
schedule = { step_size = 0.25, decay = [{ after = 0.5, divide_by = 4.0 }] }
"#;

fn main() -> Result<(), SpecError> {
    let spec = Spec::from_toml(SPEC)?;
    let mut session = spec.prepare(&NoFiles)?.session(1)?;
    while session.advance(2_500) == Status::Running {
        let theta = session.theta();
        let nonzero = theta[..100].iter().zip(&theta[100..]).filter(|(u, v)| (*u * *v).abs() > 1e-6).count();
        println!("step {:6}: step size {:.3}, {nonzero} non-zero coefficients", session.step(), session.step_size());
    }
    let outcome = session.outcome();
    println!("{:?}; after the last step:", outcome.status);
    for (name, value) in &outcome.end {
        println!("  {name} = {value:.3e}");
    }
    Ok(())
}
