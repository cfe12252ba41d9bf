//! A model, a dynamics and a probe of one's own, written outside the library: momentum on phase retrieval, `h = <w, x>^2`.
//!
//! `cargo run --release -p stepwell --example of_ones_own`

use std::sync::Arc;

use stepwell::data::{Dataset, Samples};
use stepwell::dynamics::{Dynamics, Sampler, State, is_bounded, subtract};
use stepwell::linalg::{Matrix, lanes};
use stepwell::loss::Loss;
use stepwell::model::Model;
use stepwell::probe::{Instruments, Probe};
use stepwell::problem::Problem;
use stepwell::record::{Entry, RecordPlan};
use stepwell::rng::{Purpose, Stream};
use stepwell::run::{Run, Status};
use stepwell::schedule::Schedule;
use stepwell::session::Session;

/// `h(w, x) = <w, x>^2`.
#[derive(Clone)]
struct PhaseRetrieval {
    d: usize,
}

impl Model for PhaseRetrieval {
    /// The inner product, which the pullback needs again.
    type Tape = f64;

    fn parameters(&self) -> usize {
        self.d
    }

    fn inputs(&self) -> usize {
        self.d
    }

    fn tape(&self) -> f64 {
        0.0
    }

    #[inline(always)]
    fn predict(&self, w: &[f64], x: &[f64], product: &mut f64) -> f64 {
        *product = lanes::dot(w, x);
        *product * *product
    }

    #[inline(always)]
    fn pullback(&self, _: &[f64], x: &[f64], product: &mut f64, weight: f64, out: &mut [f64]) {
        lanes::add_scaled(out, 2.0 * weight * *product, x);
    }

    #[inline(always)]
    fn curvature(&self, _: &[f64], x: &[f64], _: &mut f64, weight: f64, v: &[f64], out: &mut [f64]) {
        lanes::add_scaled(out, 2.0 * weight * lanes::dot(x, v), x);
    }
}

/// SGD with heavy-ball momentum: `m <- mu m + eta slope r grad h(x_i)`, `theta <- theta - m`.
#[derive(Clone)]
struct Momentum {
    sampler: Sampler,
    mu: f64,
    velocity: Vec<f64>,
}

impl Dynamics for Momentum {
    #[inline(always)]
    fn advance<M: Model>(&mut self, problem: &Problem<M>, state: &mut State<M>, step_sizes: &[f64]) -> usize {
        let samples = &problem.data.train;
        for (t, eta) in step_sizes.iter().enumerate() {
            let i = self.sampler.draw();
            let x = samples.x.row(i);
            let r = problem.loss.residual(problem.model.predict(&state.theta, x, &mut state.tape), samples.y[i]);
            if !is_bounded(r) {
                return t;
            }
            state.gradient.fill(0.0);
            let weight = eta * problem.loss.slope() * r;
            problem.model.pullback(&state.theta, x, &mut state.tape, weight, &mut state.gradient);
            for (m, g) in self.velocity.iter_mut().zip(&*state.gradient) {
                *m = self.mu * *m + g;
            }
            subtract(&mut state.theta, &self.velocity);
            state.sampled.add(r * r);
        }
        step_sizes.len()
    }

    /// Everything that the next step needs beside theta, so that a run goes on from a checkpoint to the same bits.
    fn position(&self) -> Vec<u64> {
        self.velocity.iter().map(|m| m.to_bits()).chain(self.sampler.position()).collect()
    }

    fn seek(&mut self, position: &[u64]) -> bool {
        let Some((velocity, sampler)) = position.split_at_checked(self.velocity.len()) else { return false };
        self.velocity = velocity.iter().map(|bits| f64::from_bits(*bits)).collect();
        self.sampler.seek(sampler)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (n, d, steps) = (60, 20, 4_000);
    let mut stream = Stream::new(1, Purpose::Data);
    let target: Vec<f64> = (0..d).map(|_| stream.normal() / (d as f64).sqrt()).collect();
    let x = Matrix::from_fn(n, d, |_, _| stream.normal());
    let y = x.iter_rows().map(|x| lanes::dot(&target, x)).map(|product| product * product).collect();
    let data = Arc::new(Dataset::new(Samples::new(x, y, ["x", "y"])?, None, None)?);

    let problem = Problem { model: PhaseRetrieval { d }, data, loss: Loss::HalfMeanSquare };
    let dynamics = Momentum { sampler: Sampler::own(1, n), mu: 0.5, velocity: vec![0.0; d] };
    let start: Vec<f64> = (0..d).map(|_| 0.3 * stream.normal()).collect();
    let run = Run::new(problem, dynamics, Schedule::constant(0.002), &start, steps);
    let entry = Entry { steps: (0..steps).step_by(500).collect(), probes: vec![Probe::TrainLoss] };
    let plan = RecordPlan::new(&[entry], vec![Probe::TrainLoss, Probe::Sharpness]);
    let mut session = Session::new(1, run, Instruments::default(), plan);

    // the probe: how far the parameters are from the target, whose sign nobody can tell
    let distance = |w: &[f64]| {
        let apart = |sign: f64| w.iter().zip(&target).map(|(w, t)| (w - sign * t) * (w - sign * t)).sum::<f64>().sqrt();
        apart(1.0).min(apart(-1.0))
    };
    loop {
        let found = distance(session.theta());
        session.push("distance", found);
        if session.advance(500) != Status::Running {
            break;
        }
    }
    let outcome = session.outcome();
    for (step, row) in outcome.records.get("distance").expect("it was pushed").rows() {
        println!(
            "step {step:5}: distance {:.2e}, loss {:.2e}",
            row[0],
            outcome.records.get("train_loss").unwrap().at(step)
        );
    }
    println!(
        "{:?}: loss {:.2e}, sharpness {:.2}",
        outcome.status,
        outcome.end_value("train_loss"),
        outcome.end_value("sharpness")
    );
    assert!(distance(session.theta()) < 1e-2, "the target was found");
    Ok(())
}
