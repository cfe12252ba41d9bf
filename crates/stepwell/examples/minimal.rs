//! The whole idea in a page: a large step size, stabilization, a decay, and what it leaves behind.
//!
//! `cargo run --release -p stepwell --example minimal`

use std::sync::Arc;

use stepwell::data::SparseRegression;
use stepwell::dynamics::{Sampler, Sgd};
use stepwell::loss::Loss;
use stepwell::model::{DiagonalLinear, Model};
use stepwell::problem::Problem;
use stepwell::run::{Run, Status};
use stepwell::schedule::Schedule;

fn main() -> Result<(), stepwell::data::DataError> {
    let shape = SparseRegression { n: 40, d: 100, sparsity: 10, test: 1000, noise: 0.0 };
    let data = Arc::new(shape.draw_fresh(1)?);
    let start = [[0.1; 100], [0.0; 100]].concat();
    let steps = 40_000;

    for (name, schedule) in [
        ("small step size", Schedule::constant(0.05)),
        ("large, then decayed", Schedule::constant(0.3).decay_after(steps / 2, 4.0)),
    ] {
        let problem = Problem { model: DiagonalLinear::new(100), data: Arc::clone(&data), loss: Loss::HalfMeanSquare };
        let mut run = Run::new(problem, Sgd::new(Sampler::own(1, 40)), schedule, &start, steps);
        println!("{name}");
        // stepping belongs to the caller: measure, then step
        while run.status() == Status::Running {
            let (problem, theta) = (run.problem(), run.theta());
            let beta = problem.model.coefficients(theta).unwrap_or_default();
            let nonzero = beta.iter().filter(|b| b.abs() > 1e-6).count();
            let (train, test) = (problem.train_loss(theta), problem.test_loss(theta).unwrap_or(f64::NAN));
            println!("  step {:6}: train {train:.1e}, test {test:.1e}, non-zero {nonzero}", run.step());
            run.advance(steps / 8);
        }
        println!("  {:?}", run.status());
    }
    Ok(())
}
