//! Diagonal linear networks `h = <u * v, x>`: identities, decay, and where the iterates end.

use std::sync::Arc;

use super::{Claim, Finding, Method, Seeds, Verdict};
use crate::data::{Dataset, Samples, SparseRegression};
use crate::dynamics::{Equation, Grid, IndexSource, Normalization, Sampler, Scheme, Sde, Sgd};
use crate::linalg::{Matrix, lanes, singular_values};
use crate::loss::Loss;
use crate::metrics::{hessian_vector, jacobian};
use crate::model::DiagonalLinear;
use crate::problem::Problem;
use crate::rng::{Purpose, Stream};
use crate::run::Run;
use crate::schedule::Schedule;

const PAPER: &str = "Andriushchenko et al. 2023, section 4";
const EVEN: &str = "Even, Pesme, Gunasekar, Flammarion 2023";

pub(super) const CLAIMS: &[Claim] = &[
    Claim {
        name: "diagonal-convexity",
        statement: "the loss is convex in beta = u * v and not convex in (u, v)",
        source: PAPER,
        method: Method::ClosedForm,
        horizon: "",
        expected: Verdict::HoldsCorrected,
        correction: "convexity is in beta only: at (u, v) = 0 the Hessian has negative eigenvalues",
        seeds: None,
        check: |_| convexity(),
    },
    Claim {
        name: "diagonal-jacobian",
        statement: "the Jacobian's Gram matrix is X diag(u^2 + v^2) X^T: its rank is that of the n x d matrix X diag(sqrt(u^2 + v^2))",
        source: PAPER,
        method: Method::Identity,
        horizon: "",
        expected: Verdict::Holds,
        correction: "",
        seeds: None,
        check: |_| gram(),
    },
    Claim {
        name: "diagonal-identity",
        statement: "one SGD step on sample i multiplies u_j^2 - v_j^2 by 1 - eta^2 g_j^2, g = r_i x_i",
        source: EVEN,
        method: Method::Identity,
        horizon: "500 steps of one seed, six dimensions",
        expected: Verdict::Holds,
        correction: "",
        seeds: None,
        check: |_| discrete_identity(),
    },
    Claim {
        name: "diagonal-interpolation",
        statement: "asinh(beta_t / alpha_t^2) - c_t lies in the row span of X, alpha_t^2 = alpha_0^2 prod |1 - eta^2 g^2|, c_t = sum 2x + ln|1-x| - ln|1+x|, x = eta g",
        source: EVEN,
        method: Method::Identity,
        horizon: "40,000 small and 20,000 large steps of one seed",
        expected: Verdict::Holds,
        correction: "",
        seeds: None,
        check: |_| interpolation(),
    },
    Claim {
        name: "diagonal-decay",
        statement: "under the label-noise equation |u^2 - v^2|_j decays as exp(-s^2 |X_j|^2 t) on every path, X_j column j",
        source: PAPER,
        method: Method::Statistics,
        horizon: "16 paths of time 2",
        expected: Verdict::HoldsCorrected,
        correction: "X_j is a column of the data (n numbers), not a sample",
        seeds: Some(Seeds { least: 4, usual: 16 }),
        check: decay,
    },
    Claim {
        name: "diagonal-lasso",
        statement: "under the label-noise equation the time average of beta satisfies the Lasso's optimality conditions with lambda_j = s^2 |X_j|^2 / 2",
        source: PAPER,
        method: Method::Statistics,
        horizon: "24 paths of time 2,400, three dimensions",
        expected: Verdict::Holds,
        correction: "",
        seeds: Some(Seeds { least: 8, usual: 24 }),
        check: lasso,
    },
    Claim {
        name: "diagonal-support",
        statement: "beta vanishes outside the support of beta*",
        source: PAPER,
        method: Method::Statistics,
        horizon: "24 paths of time 2,400, three dimensions",
        expected: Verdict::Refuted,
        correction: "",
        seeds: Some(Seeds { least: 8, usual: 24 }),
        check: support,
    },
];

fn problem(n: usize, d: usize) -> Problem<DiagonalLinear> {
    let data = SparseRegression { n, d, sparsity: 2, test: 0, noise: 0.0 }.draw_fresh(5).expect("sizes are right");
    Problem { model: DiagonalLinear::new(d), data: Arc::new(data), loss: Loss::HalfMeanSquare }
}

/// `<direction, H direction>` of the training loss.
fn curvature_along(problem: &Problem<DiagonalLinear>, theta: &[f64], direction: &[f64]) -> f64 {
    let mut out = vec![0.0; theta.len()];
    hessian_vector(problem, theta, direction, &mut out);
    lanes::dot(direction, &out)
}

/// In beta the Hessian is `X^T X / n`; in (u, v) the curvature at 0 along `(e_j, -sign e_j)` is `-2 |X_j^T y| / n`.
fn convexity() -> Finding {
    let problem = problem(8, 5);
    let train = &problem.data.train;
    let columns = train.x.transposed();
    let slope = lanes::dot(columns.row(0), &train.y) / 8.0;
    let mut direction = vec![0.0; 10];
    (direction[0], direction[5]) = (1.0, -slope.signum());
    let at_zero = curvature_along(&problem, &[0.0; 10], &direction);
    let expected = 2.0 * slope.abs();
    // midpoint convexity in beta on random pairs
    let loss = |beta: &[f64]| problem.train_loss(&[beta, &[1.0; 5]].concat());
    let mut stream = Stream::new(3, Purpose::Probe);
    let mut worst = f64::INFINITY;
    for _ in 0..500 {
        let mut draw = || (0..5).map(|_| 3.0 * stream.normal()).collect::<Vec<_>>();
        let (a, b) = (draw(), draw());
        let middle: Vec<f64> = a.iter().zip(&b).map(|(a, b)| 0.5 * (a + b)).collect();
        worst = worst.min(0.5 * (loss(&a) + loss(&b)) - loss(&middle));
    }
    // the gradient's sign: direction (1, -sign(slope)) raises the loss's curvature, (1, sign(slope)) lowers it
    direction[5] = slope.signum();
    let lowest = curvature_along(&problem, &[0.0; 10], &direction);
    let residual = (lowest + expected).abs().max((at_zero - expected).abs());
    let measured = format!("curvature {lowest:.3} at 0");
    let passed = worst > 0.0 && lowest < 0.0 && residual < 1e-12;
    Finding::new(
        passed,
        Verdict::HoldsCorrected,
        measured,
        format!("least convexity gap in beta over 500 pairs: {worst:.2e}"),
    )
}

fn gram() -> Finding {
    let problem = problem(7, 11);
    let mut stream = Stream::new(6, Purpose::Probe);
    let theta: Vec<f64> = (0..22).map(|_| libm::pow(10.0, -3.0 * stream.uniform()) * stream.normal()).collect();
    let x = &problem.data.train.x;
    let full = singular_values(&jacobian(&problem.model, &theta, x));
    let scaled = Matrix::from_fn(7, 11, |i, j| x.row(i)[j] * libm::hypot(theta[j], theta[11 + j]));
    let short = singular_values(&scaled);
    let worst = full.iter().zip(&short).map(|(a, b)| (a / b - 1.0).abs()).fold(0.0, f64::max);
    Finding::residual(worst, 1e-12, Verdict::Holds, "all singular values, scales over three decades")
}

/// A run of SGD, step by step, with `g = r_i x_i` of each step before it is taken.
fn sgd_with_gradients(
    problem: &Problem<DiagonalLinear>,
    eta: f64,
    start: &[f64],
    steps: u64,
    mut seen: impl FnMut(&[f64], &[f64], &[f64]),
) -> Vec<f64> {
    let n = problem.n();
    let mut stream = Stream::new(9, Purpose::Batch);
    let indices: Vec<u32> = (0..steps).map(|_| stream.below(n as u32)).collect();
    let source = IndexSource::Replay { indices: indices.clone().into(), next: 0 };
    let mut run = Run::new(problem.clone(), Sgd::new(Sampler::new(source, n)), Schedule::constant(eta), start, steps);
    let mut before = start.to_vec();
    for i in indices {
        let train = &problem.data.train;
        let (u, v) = before.split_at(before.len() / 2);
        let x = train.x.row(i as usize);
        let r = lanes::dot3(u, v, x) - train.y[i as usize];
        let g: Vec<f64> = x.iter().map(|x| r * x).collect();
        run.advance(1);
        seen(&before, run.theta(), &g);
        before.copy_from_slice(run.theta());
    }
    before
}

fn discrete_identity() -> Finding {
    let (problem, d, eta) = (problem(10, 6), 6, 0.15);
    let start: Vec<f64> = (0..12).map(|k| 0.2 + 0.1 * f64::from(k % 5)).collect();
    let mut worst = 0.0_f64;
    sgd_with_gradients(&problem, eta, &start, 500, |before, after, g| {
        let squares = |t: &[f64], j: usize| (t[j] * t[j] - t[d + j] * t[d + j], t[j] * t[j] + t[d + j] * t[d + j]);
        for j in 0..d {
            let ((old, size), (new, _)) = (squares(before, j), squares(after, j));
            let factor = 1.0 - eta * eta * g[j] * g[j];
            worst = worst.max((new - factor * old).abs() / size);
        }
    });
    Finding::residual(worst, 1e-13, Verdict::Holds, "500 steps, six coordinates, relative to u^2 + v^2")
}

/// The part of `vector` that is orthogonal to the rows of `x`, relative to its norm.
fn outside_row_span(x: &Matrix, vector: &[f64]) -> f64 {
    let mut basis: Vec<Vec<f64>> = Vec::new();
    let remove = |v: &mut [f64], basis: &[Vec<f64>]| {
        for _ in 0..2 {
            for q in basis {
                let projection = lanes::dot(q, v);
                lanes::add_scaled(v, -projection, q);
            }
        }
    };
    for row in x.iter_rows() {
        let mut v = row.to_vec();
        remove(&mut v, &basis);
        let norm = lanes::norm2(&v).sqrt();
        basis.push(v.iter().map(|v| v / norm).collect());
    }
    let mut rest = vector.to_vec();
    remove(&mut rest, &basis);
    (lanes::norm2(&rest) / lanes::norm2(vector)).sqrt()
}

/// Small and large steps, to interpolation.
fn interpolation() -> Finding {
    let (n, d) = (10, 30);
    let problem = problem(n, d);
    let (mut worst, mut largest, mut loss) = (0.0_f64, 0.0_f64, 0.0_f64);
    for (eta, steps) in [(0.02, 40_000), (0.08, 20_000)] {
        let start = [[0.4; 30], [0.0; 30]].concat();
        let (mut log_alpha2, mut c) = (vec![libm::log(0.5 * 0.4 * 0.4); d], vec![0.0; d]);
        let end = sgd_with_gradients(&problem, eta, &start, steps, |_, _, g| {
            for j in 0..d {
                let x = eta * g[j];
                largest = largest.max(x.abs());
                let (below, above) = (libm::log((1.0 - x).abs()), libm::log((1.0 + x).abs()));
                log_alpha2[j] += below + above;
                c[j] += 2.0 * x + below - above;
            }
        });
        // asinh(b / a) = sign(b) (ln(|b| + hypot(b, a)) - ln a) for a > 0
        let left: Vec<f64> = (0..d)
            .map(|j| {
                let beta = end[j] * end[d + j];
                let alpha2 = libm::exp(log_alpha2[j]);
                let asinh = libm::log(beta.abs() + libm::hypot(beta, alpha2)) - log_alpha2[j];
                asinh.copysign(beta) - c[j]
            })
            .collect();
        worst = worst.max(outside_row_span(&problem.data.train.x, &left));
        loss = loss.max(problem.train_loss(&end));
    }
    let detail = format!("n = 10, d = 30, eta = 0.02 and 0.08, largest |eta g| = {largest:.2}, final loss {loss:.0e}");
    Finding::new(worst <= 1e-10, Verdict::Holds, format!("residual {worst:.1e}"), detail)
}

/// The label-noise equation `s phi^T dB` on a problem, with the step dt of a run and its inner grid.
pub(super) struct NoisyFlow<'a> {
    pub(super) problem: &'a Problem<DiagonalLinear>,
    pub(super) s: f64,
    pub(super) dt: f64,
    pub(super) grid: Grid,
    pub(super) scheme: Scheme,
    pub(super) start: &'a [f64],
}

impl NoisyFlow<'_> {
    pub(super) fn run(&self, seed: u64) -> Run<DiagonalLinear, Sde> {
        // as written, s = sqrt(eta delta)
        let delta = self.s * self.s / self.dt;
        let equation = Equation::LabelNoise { delta, normalization: Normalization::AsWritten };
        let sde = Sde::new(equation, self.scheme, self.grid, &self.problem.data.train, seed);
        Run::new(self.problem.clone(), sde, Schedule::constant(self.dt), self.start, u64::MAX)
    }
}

fn decay(seeds: u64) -> Finding {
    let (problem, d, s) = (problem(6, 4), 4, 0.2);
    let columns = problem.data.train.x.transposed();
    let start: Vec<f64> = (0..8).map(|k| 0.5 + 0.2 * f64::from(k % 3)).collect();
    // largest error of ln|u^2 - v^2| at time 2 over paths and coordinates
    let error = |substeps: usize| {
        let errors = (0..seeds).map(|seed| {
            let grid = Grid { substeps, path: 64 };
            let scheme = Scheme::StochasticHeun;
            let flow = NoisyFlow { problem: &problem, s, dt: 0.1, grid, scheme, start: &start };
            let mut run = flow.run(seed);
            run.advance(20);
            let log = |t: &[f64], j: usize| libm::log((t[j] * t[j] - t[d + j] * t[d + j]).abs());
            let off = |j: usize| log(run.theta(), j) - log(&start, j) + s * s * lanes::norm2(columns.row(j)) * 2.0;
            (0..d).filter(|j| start[*j] != start[d + *j]).map(|j| off(j).abs()).fold(0.0, f64::max)
        });
        errors.fold(0.0, f64::max)
    };
    let (coarse, fine) = (error(16), error(64));
    let detail = format!("stochastic Heun, {seeds} paths to time 2; error {coarse:.1e} with 4 times the inner step");
    Finding::new(fine < 5e-3 && fine < 0.4 * coarse, Verdict::HoldsCorrected, format!("residual {fine:.1e}"), detail)
}

/// Three columns of equal norm, the third close to the sum of the others: no irrepresentable condition for beta* = (1, 1, 0).
fn correlated_problem() -> Problem<DiagonalLinear> {
    let tilt = (1.0_f64 - 2.0 * 0.7 * 0.7).sqrt();
    let rows = [2.0, 0.0, 1.4, 0.0, 2.0, 1.4, 0.0, 0.0, 2.0 * tilt, 0.0, 0.0, 0.0];
    let x = Matrix::from_rows(4, 3, &rows);
    let train = Samples::new(x, vec![2.0, 2.0, 0.0, 0.0], ["x", "y"]).expect("shapes agree");
    let data = Dataset::new(train, None, Some(vec![1.0, 1.0, 0.0])).expect("shapes agree");
    Problem { model: DiagonalLinear::new(3), data: Arc::new(data), loss: Loss::HalfMeanSquare }
}

/// The minimum of `1/(2n) |X b - y|^2 + sum lambda_j |b_j|` by coordinate descent.
pub(super) fn lasso_solution(problem: &Problem<DiagonalLinear>, lambda: &[f64]) -> Vec<f64> {
    let train = &problem.data.train;
    let (columns, n) = (train.x.transposed(), train.len() as f64);
    let mut beta = vec![0.0; lambda.len()];
    for _ in 0..20_000 {
        for j in 0..beta.len() {
            let rest: Vec<f64> = train.x.iter_rows().zip(&train.y).map(|(x, y)| y - lanes::dot(x, &beta)).collect();
            let scale = lanes::norm2(columns.row(j)) / n;
            let target = lanes::dot(columns.row(j), &rest) / n + scale * beta[j];
            beta[j] = (target.abs() - lambda[j]).max(0.0).copysign(target) / scale;
        }
    }
    beta
}

const S: f64 = 0.25;

/// Time averages over paths, after a burn-in, of `beta`, one row per path.
fn time_averages(problem: &Problem<DiagonalLinear>, s: f64, seeds: u64) -> Matrix {
    let (dt, burn_in, blocks, block) = (0.02, 10_000, 30_000, 4);
    let rows: Vec<f64> = (0..seeds)
        .flat_map(|seed| {
            let start = [0.9, 0.7, 0.8, 0.6, 0.7, 0.5];
            let (grid, scheme) = (Grid::new(1), Scheme::EulerMaruyama);
            let mut run = NoisyFlow { problem, s, dt, grid, scheme, start: &start }.run(seed);
            run.advance(burn_in);
            let mut sums = [0.0; 3];
            for _ in 0..blocks {
                run.advance(block);
                for j in 0..3 {
                    sums[j] += run.theta()[j] * run.theta()[3 + j];
                }
            }
            sums.map(|sum| sum / blocks as f64)
        })
        .collect();
    Matrix::from_rows(seeds as usize, 3, &rows)
}

pub(super) fn penalties(problem: &Problem<DiagonalLinear>, s: f64) -> Vec<f64> {
    problem.data.train.x.transposed().iter_rows().map(|column| 0.5 * s * s * lanes::norm2(column)).collect()
}

/// The gradient `1/n X^T (X beta - y)` at the time average, path by path, against `-lambda sign(beta)`.
fn lasso(seeds: u64) -> Finding {
    let problem = correlated_problem();
    let lambda = penalties(&problem, S);
    let solution = lasso_solution(&problem, &lambda);
    let averages = time_averages(&problem, S, seeds);
    let train = &problem.data.train;
    let columns = train.x.transposed();
    let (mut worst, mut gradients) = (0.0_f64, Vec::new());
    for j in 0..3 {
        let of_path = |beta: &[f64]| {
            let r: Vec<f64> = train.x.iter_rows().zip(&train.y).map(|(x, y)| lanes::dot(x, beta) - y).collect();
            lanes::dot(columns.row(j), &r) / train.len() as f64
        };
        let (mean, error) = super::toy_orbits::mean_and_error(&averages.iter_rows().map(of_path).collect::<Vec<_>>());
        gradients.push(format!("{:.3} ± {:.3}", -mean / lambda[j], error / lambda[j]));
        // on the support equality, off it at most lambda; 5% for the inner step
        let gap = if solution[j] > 0.0 { (mean + lambda[j]).abs() } else { (mean.abs() - lambda[j]).max(0.0) };
        worst = worst.max((gap - 5.0 * error) / lambda[j]);
    }
    let measured = format!("-gradient/lambda {}", gradients.join(", "));
    let detail =
        format!("s = {S}, lambda = {:.3}, Lasso solution {solution:.3?}, {seeds} paths of time 2400", lambda[0]);
    Finding::new(worst < 0.05, Verdict::Holds, measured, detail)
}

fn support(seeds: u64) -> Finding {
    let problem = correlated_problem();
    let solution = lasso_solution(&problem, &penalties(&problem, S));
    let averages = time_averages(&problem, S, seeds);
    let third: Vec<f64> = averages.iter_rows().map(|beta| beta[2]).collect();
    let (mean, error) = super::toy_orbits::mean_and_error(&third);
    let refuted = solution[2] > 0.1 && mean - 5.0 * error > 0.1;
    let verdict = if refuted { Verdict::Refuted } else { Verdict::Undecided };
    let detail = format!(
        "beta* = (1, 1, 0), columns e_1, e_2 and 0.7 (e_1 + e_2) + {:.2} e_3: the Lasso has {solution:.3?}; it holds where the Lasso recovers the support",
        (1.0_f64 - 2.0 * 0.49).sqrt()
    );
    Finding { verdict, measured: format!("time average of beta_3 {mean:.3} ± {error:.3}"), detail }
}
