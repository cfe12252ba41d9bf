//! From SGD to stochastic differential equations: covariances, weak orders, the size of the label noise.

use std::sync::Arc;

use super::moments::{distance, of_sde, of_sgd, second_moments};
use super::{Claim, Finding, Method, Seeds, Verdict};
use crate::data::{Dataset, Samples, SparseRegression};
use crate::dynamics::{Equation, Normalization, Scheme};
use crate::linalg::{Matrix, lanes};
use crate::loss::Loss;
use crate::model::Linear;
use crate::problem::Problem;
use crate::rng::Normals;
use crate::statistics::{Slope, kolmogorov_smirnov, standard_normal};

const LI: &str = "Li, Tai, E, JMLR 20 (2019)";
const PAPER: &str = "Andriushchenko et al. 2023, section 3";

pub(super) const CLAIMS: &[Claim] = &[
    Claim {
        name: "sde-covariance",
        statement: "SGD is theta - eta grad f + sqrt(eta) V, V = sqrt(eta) (grad f - grad f_i), Cov V = eta Sigma; the equations' noise over a step has the same covariance",
        source: LI,
        method: Method::ClosedForm,
        horizon: "",
        expected: Verdict::HoldsCorrected,
        correction: "the update carries sqrt(eta) V (not eta V)",
        seeds: None,
        check: |_| covariance(),
    },
    Claim {
        name: "sde-gradient-flow-order",
        statement: "gradient flow approximates SGD with weak order 1 in eta: without any noise, so a test at order 1 cannot tell right noise from wrong",
        source: LI,
        method: Method::ClosedForm,
        horizon: "",
        expected: Verdict::Holds,
        correction: "",
        seeds: None,
        check: |_| order(Equation::GradientFlow, 1.0),
    },
    Claim {
        name: "sde-first-order",
        statement: "the first-order stochastic modified equation approximates SGD with weak order 1 in eta",
        source: LI,
        method: Method::ClosedForm,
        horizon: "",
        expected: Verdict::Holds,
        correction: "",
        seeds: None,
        check: |_| order(Equation::FirstOrder, 1.0),
    },
    Claim {
        name: "sde-second-order",
        statement: "the second-order stochastic modified equation approximates SGD with weak order 2 in eta",
        source: LI,
        method: Method::ClosedForm,
        horizon: "",
        expected: Verdict::Holds,
        correction: "",
        seeds: None,
        check: |_| order(Equation::SecondOrder, 2.0),
    },
    Claim {
        name: "sde-schemes",
        statement: "with one inner step, dt = eta, Euler-Maruyama solves the modified equations to weak order 1 and the stochastic Heun scheme to order 2",
        source: "Milstein, Tretyakov, SIAM Journal on Scientific Computing 18 (1997)",
        method: Method::ClosedForm,
        horizon: "",
        expected: Verdict::Holds,
        correction: "",
        seeds: None,
        check: |_| schemes(),
    },
    Claim {
        name: "sde-normalization",
        statement: "label noise sqrt(2 (n-1) eta delta) / n phi^T dB has the mean square of SGD's at the loss level delta",
        source: PAPER,
        method: Method::ClosedForm,
        horizon: "",
        expected: Verdict::HoldsCorrected,
        correction: "sqrt(eta delta) phi^T dB is too large by n / sqrt(2 (n-1))",
        seeds: None,
        check: |_| normalization(),
    },
    Claim {
        name: "sde-noise-law",
        statement: "<v, B_t> is |v| times a Brownian motion, in law",
        source: PAPER,
        method: Method::Statistics,
        horizon: "50,000 draws",
        expected: Verdict::Holds,
        correction: "",
        seeds: Some(Seeds { least: 1_000, usual: 50_000 }),
        check: noise_law,
    },
];

/// Three samples that no line fits, so that the noise does not vanish.
fn problem() -> Problem<Linear> {
    let x = Matrix::from_rows(3, 2, &[1.0, 0.4, -0.3, 0.9, 0.6, -0.7]);
    let train = Samples::new(x, vec![1.0, -0.5, 0.8], ["x", "y"]).expect("shapes agree");
    let data = Dataset::new(train, None, None).expect("shapes agree");
    Problem { model: Linear::new(2), data: Arc::new(data), loss: Loss::HalfMeanSquare }
}

const START: [f64; 2] = [1.2, -0.9];

/// Second central moments of one step.
fn step_covariance(moments: &Matrix) -> Vec<f64> {
    let center = |i: usize, j: usize| moments.row(i)[j] - moments.row(0)[i] * moments.row(0)[j];
    (1..3).flat_map(|i| (1..3).map(move |j| center(i, j))).collect()
}

fn covariance() -> Finding {
    let (problem, eta) = (problem(), 0.1);
    let r = problem.residuals(&START, &problem.data.train);
    let mean = problem.gradient(&START);
    // Sigma from its definition
    let gradients: Vec<Vec<f64>> =
        r.iter().zip(problem.data.train.x.iter_rows()).map(|(r, x)| x.iter().map(|x| r * x).collect()).collect();
    let sigma = |j: usize, k: usize| gradients.iter().map(|g| g[j] * g[k]).sum::<f64>() / 3.0 - mean[j] * mean[k];
    let expected: Vec<f64> =
        (0..2).flat_map(|j| (0..2).map(move |k| (j, k))).map(|(j, k)| eta * eta * sigma(j, k)).collect();
    let sgd = step_covariance(&second_moments(&of_sgd(&problem, eta), &START, 1));
    let gap = |found: &[f64]| found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max) / expected[0];
    let mut worst = gap(&sgd);
    for equation in [Equation::FirstOrder, Equation::SecondOrder] {
        let maps = of_sde(&problem, equation, Scheme::EulerMaruyama, eta, eta);
        worst = worst.max(gap(&step_covariance(&second_moments(&maps, &START, 1))));
    }
    Finding::residual(
        worst,
        1e-10,
        Verdict::HoldsCorrected,
        "step covariance eta^2 Sigma: SGD's draws enumerated, the equations' by exact quadrature",
    )
}

/// Errors of the moments at time 1 over a range of eta.
fn order(equation: Equation, expected: f64) -> Finding {
    let problem = problem();
    let etas = [0.1, 0.05, 0.025, 0.0125, 0.006_25];
    let errors: Vec<f64> = etas
        .iter()
        .map(|&eta| {
            let steps = (1.0 / eta) as u64;
            let substeps = 32;
            let maps = of_sde(&problem, equation, Scheme::StochasticHeun, eta, eta / substeps as f64);
            let sgd = second_moments(&of_sgd(&problem, eta), &START, steps);
            distance(&sgd, &second_moments(&maps, &START, steps * substeps))
        })
        .collect();
    let slope = Slope::of_power(&etas, &errors);
    let detail = format!(
        "moments of order 1 and 2 at time 1, eta 0.1 to 0.00625: errors {:.1e} to {:.1e}",
        errors[0], errors[4]
    );
    Finding::new(slope.is_within(expected, 0.15), Verdict::Holds, format!("order {slope}"), detail)
}

/// One inner step for each step of SGD: the error against many inner steps, over a range of eta.
fn schemes() -> Finding {
    let problem = problem();
    let etas = [0.1, 0.05, 0.025, 0.0125, 0.006_25];
    let moments = |scheme, eta: f64, substeps: u64| {
        let maps = of_sde(&problem, Equation::SecondOrder, scheme, eta, eta / substeps as f64);
        second_moments(&maps, &START, (1.0 / eta) as u64 * substeps)
    };
    let errors = |scheme| etas.map(|eta| distance(&moments(scheme, eta, 1), &moments(Scheme::StochasticHeun, eta, 64)));
    let (euler, heun) = (errors(Scheme::EulerMaruyama), errors(Scheme::StochasticHeun));
    let slopes = [euler, heun].map(|errors| Slope::of_power(&etas, &errors));
    let passed = slopes[0].is_within(1.0, 0.15) && slopes[1].is_within(2.0, 0.3);
    let detail =
        format!("second-order equation at time 1; errors at eta = dt = 0.1: {:.1e} and {:.1e}", euler[0], heun[0]);
    Finding::new(passed, Verdict::Holds, format!("orders {} and {}", slopes[0], slopes[1]), detail)
}

/// `E|xi|^2` of the label noise of one step of time eta, where xi is `n/eta` times the coefficients of `grad h(x_i)`.
fn normalization() -> Finding {
    let data =
        SparseRegression { n: 40, d: 3, sparsity: 2, test: 0, noise: 0.0 }.draw_fresh(2).expect("sizes are right");
    let problem = Problem { model: Linear::new(3), data: Arc::new(data), loss: Loss::HalfMeanSquare };
    let (n, eta) = (40_usize, 0.1);
    let delta = problem.train_loss(&[0.0; 3]);
    let r = problem.residuals(&[0.0; 3], &problem.data.train);
    let sgd: f64 = (0..n).map(|i| lanes::norm2(&crate::dynamics::LabelNoise::noise(&r, i))).sum::<f64>() / n as f64;
    let of = |normalization: Normalization| {
        let c = normalization.coefficient(problem.loss, n, eta, delta);
        let per_sample = n as f64 / eta * c * eta.sqrt();
        (n as f64 * per_sample * per_sample / sgd).sqrt()
    };
    let (calibrated, as_written) = (of(Normalization::Calibrated), of(Normalization::AsWritten));
    let factor = n as f64 / (2.0 * (n - 1) as f64).sqrt();
    let worst = (calibrated - 1.0).abs().max((as_written / factor - 1.0).abs());
    Finding::residual(
        worst,
        1e-12,
        Verdict::HoldsCorrected,
        format!("noise relative to SGD's, n = 40: calibrated {calibrated:.6}, as written {as_written:.3}"),
    )
}

fn noise_law(seeds: u64) -> Finding {
    let v = [0.3, -1.2, 0.8, 2.0, 0.1];
    let norm = lanes::norm2(&v).sqrt();
    let increments = |from: u64| -> Vec<f64> {
        let mut normals = Normals::new(11);
        let mut b = [0.0; 5];
        normals.seek(from);
        let draw = |_| {
            normals.fill(&mut b);
            lanes::dot(&v, &b) / norm
        };
        (0..seeds).map(draw).collect()
    };
    let (first, second) = (increments(0), increments(5 * seeds));
    let (_, p) = kolmogorov_smirnov(&first, standard_normal);
    // independent increments: their correlation is normal with variance 1/paths
    let correlation = first.iter().zip(&second).map(|(a, b)| a * b).sum::<f64>() / (seeds as f64).sqrt();
    let detail = format!(
        "{seeds} increments against the normal law; correlation of successive ones {correlation:+.2} standard errors"
    );
    Finding::new(p > 1e-4 && correlation.abs() < 4.5, Verdict::Holds, format!("p {p:.3}"), detail)
}
