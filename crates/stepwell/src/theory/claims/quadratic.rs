//! The quadratic `F(b) = |X b - y|^2` under gradient descent.

use std::sync::Arc;

use super::{Claim, Finding, Method, Verdict};
use crate::data::{Dataset, Samples, SparseRegression};
use crate::dynamics::GradientDescent;
use crate::linalg::Matrix;
use crate::loss::Loss;
use crate::metrics::sharpness;
use crate::model::Linear;
use crate::problem::Problem;
use crate::run::{Run, Status};
use crate::schedule::Schedule;

const SOURCE: &str = "the notes, section on the quadratic";

pub(super) const CLAIMS: &[Claim] = &[
    Claim {
        name: "quadratic-threshold",
        statement: "gradient descent converges for 0 < eta < 2 / lambda_max and diverges above, from a generic start",
        source: SOURCE,
        method: Method::ClosedForm,
        horizon: "20,000 steps",
        expected: Verdict::Holds,
        correction: "",
        seeds: None,
        check: |_| threshold(),
    },
    Claim {
        name: "quadratic-cycle",
        statement: "at eta = 2 / lambda_max it ends on the 2-cycle b* + P_0 e_0 +- P_top e_0, of constant loss F* + lambda_max/2 |P_top e_0|^2",
        source: SOURCE,
        method: Method::ClosedForm,
        horizon: "2,000 steps, four dimensions",
        expected: Verdict::Holds,
        correction: "",
        seeds: None,
        check: |_| cycle(),
    },
    Claim {
        name: "quadratic-exception",
        statement: "above the threshold it still converges if the initial error has no component with an eigenvalue above 2 / eta",
        source: SOURCE,
        method: Method::ClosedForm,
        horizon: "",
        expected: Verdict::Holds,
        correction: "",
        seeds: None,
        check: |_| exception(),
    },
];

fn problem(data: Dataset) -> Problem<Linear> {
    Problem { model: Linear::new(data.train.x.cols()), data: Arc::new(data), loss: Loss::SumOfSquares }
}

fn descent(problem: &Problem<Linear>, eta: f64, b: &[f64], steps: u64) -> Run<Linear, GradientDescent> {
    let mut run = Run::new(problem.clone(), GradientDescent, Schedule::constant(eta), b, steps + 2);
    run.advance(steps);
    run
}

fn threshold() -> Finding {
    let data =
        SparseRegression { n: 9, d: 4, sparsity: 2, test: 0, noise: 0.0 }.draw_fresh(7).expect("sizes are right");
    let problem = problem(data);
    let start = [1.0, -1.0, 0.5, 2.0];
    let edge = 2.0 / sharpness(&problem, &start).value;
    let first = problem.train_loss(&start);
    let below = problem.train_loss(descent(&problem, 0.999 * edge, &start, 20_000).theta());
    let above = descent(&problem, 1.001 * edge, &start, 20_000);
    let grown = problem.train_loss(above.theta()) / first;
    let diverges = grown > 1e10 || matches!(above.status(), Status::Overflowed { .. });
    let measured = format!("loss x {:.0e} at 0.999, x {grown:.0e} at 1.001 of 2/lambda_max", below / first);
    Finding::new(
        below < 1e-20 * first && diverges,
        Verdict::Holds,
        measured,
        format!("2 / lambda_max = {edge:.6}, 20000 steps"),
    )
}

/// `X = diag(2, 1, 1/2, 0)` turned by half of a Hadamard matrix, and a fifth sample that no b fits (F* = 1): eigenvalues 8, 2,
/// 1/2, 0, all exact.
fn exact_example(turned: bool) -> (Problem<Linear>, [[f64; 4]; 4]) {
    let sign = |i: usize, j: usize| if (i & j).count_ones().is_multiple_of(2) { 0.5 } else { -0.5 };
    let q: [[f64; 4]; 4] = core::array::from_fn(|i| {
        core::array::from_fn(|j| if turned { sign(i, j) } else { f64::from(u8::from(i == j)) })
    });
    let scales = [2.0, 1.0, 0.5, 0.0, 0.0];
    let x = Matrix::from_fn(5, 4, |i, j| if i < 4 { scales[i] * q[i][j] } else { 0.0 });
    let train = Samples::new(x, vec![2.0, -1.0, 0.5, 0.0, 1.0], ["x", "y"]).expect("shapes agree");
    (problem(Dataset::new(train, None, None).expect("shapes agree")), q)
}

fn cycle() -> Finding {
    let (problem, q) = exact_example(true);
    let start = [0.7, -0.4, 0.9, 0.3];
    // in the turned coordinates b* = (1, -1, 1, anything): what P_0 keeps of the start
    let turned: [f64; 4] = core::array::from_fn(|i| (0..4).map(|j| q[i][j] * start[j]).sum());
    let error = turned[0] - 1.0;
    let mut run = descent(&problem, 0.25, &start, 2_000);
    let mut worst = 0.0_f64;
    for parity in [1.0, -1.0] {
        let expected = [1.0 + parity * error, -1.0, 1.0, turned[3]];
        for j in 0..4 {
            let b: f64 = (0..4).map(|i| q[i][j] * expected[i]).sum();
            worst = worst.max((run.theta()[j] - b).abs());
        }
        let loss = 1.0 + 0.5 * 8.0 * error * error;
        worst = worst.max((problem.train_loss(run.theta()) / loss - 1.0).abs());
        run.advance(1);
    }
    Finding::residual(
        worst,
        1e-12,
        Verdict::Holds,
        "eigenvalues 8, 2, 1/2, 0 and F* = 1, after 2000 steps at eta = 1/4",
    )
}

fn exception() -> Finding {
    let (problem, _) = exact_example(false);
    let loss = |b: &[f64]| problem.train_loss(b) - 1.0;
    let within = descent(&problem, 0.3, &[1.0, 3.0, -2.0, 0.5], 500);
    let across = descent(&problem, 0.3, &[1.0 + 1e-6, 3.0, -2.0, 0.5], 500);
    let (converged, diverged) = (loss(within.theta()), loss(across.theta()));
    let measured = format!("excess loss {converged:.0e} without, {diverged:.0e} with a component of 1e-6");
    Finding::new(
        converged.abs() < 1e-13 && diverged > 1e10,
        Verdict::Holds,
        measured,
        "eta = 0.3 > 2/8, eigenvalues 8, 2, 1/2, 0",
    )
}
