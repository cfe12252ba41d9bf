//! First and second moments of a dynamics on a linear model, exactly: each step is a random affine map, and the moments follow
//! the mean of its Kronecker square.

use crate::dynamics::{Dynamics, Equation, Grid, Scheme, Sde, Sgd};
use crate::dynamics::{IndexSource, Sampler, State};
use crate::linalg::Matrix;
use crate::model::Linear;
use crate::problem::Problem;

/// An affine map in homogeneous coordinates (1, theta), with its probability.
pub(super) struct RandomMap {
    probability: f64,
    matrix: Matrix,
}

/// The matrix of `(1, theta) -> (1, f(theta))` for an affine f.
fn homogeneous(p: usize, f: impl Fn(&[f64]) -> Vec<f64>) -> Matrix {
    let offset = f(&vec![0.0; p]);
    let columns: Vec<Vec<f64>> = (0..p)
        .map(|k| {
            let mut unit = vec![0.0; p];
            unit[k] = 1.0;
            f(&unit).iter().zip(&offset).map(|(image, offset)| image - offset).collect()
        })
        .collect();
    Matrix::from_fn(p + 1, p + 1, |i, j| match (i, j) {
        (0, 0) => 1.0,
        (0, _) => 0.0,
        (_, 0) => offset[i - 1],
        _ => columns[j - 1][i - 1],
    })
}

/// One step of SGD: n maps, taken from the library's own SGD.
pub(super) fn of_sgd(problem: &Problem<Linear>, eta: f64) -> Vec<RandomMap> {
    let (n, p) = (problem.n(), problem.data.train.x.cols());
    let of = |i: usize| {
        let step = |theta: &[f64]| {
            let source = IndexSource::Replay { indices: vec![i as u32].into(), next: 0 };
            let mut state = State::new(problem, theta);
            Sgd::new(Sampler::new(source, n)).advance(problem, &mut state, &[eta]);
            state.theta.to_vec()
        };
        RandomMap { probability: 1.0 / n as f64, matrix: homogeneous(p, step) }
    };
    (0..n).map(of).collect()
}

/// Nodes and weights of Gauss and Hermite's rule with four points: exact for polynomials of a normal up to degree 7, where
/// second moments of a Heun step have degree 4.
const NODES: [(f64, f64); 4] = [
    (2.334_414_218_338_977_5, 0.045_875_854_768_068_484),
    (0.741_963_784_302_725_8, 0.454_124_145_231_931_5),
    (-0.741_963_784_302_725_8, 0.454_124_145_231_931_5),
    (-2.334_414_218_338_977_5, 0.045_875_854_768_068_484),
];

/// One inner step of an equation by the library's own scheme: a map for each node of the normals.
pub(super) fn of_sde(
    problem: &Problem<Linear>,
    equation: Equation,
    scheme: Scheme,
    eta: f64,
    dt: f64,
) -> Vec<RandomMap> {
    let (n, p) = (problem.n(), problem.data.train.x.cols());
    let count = if equation == Equation::GradientFlow { 1 } else { NODES.len().pow(n as u32) };
    let of = |k: usize| {
        let node = |i: usize| NODES[k / NODES.len().pow(i as u32) % NODES.len()];
        let brownian: Vec<f64> = (0..n).map(|i| if count == 1 { 0.0 } else { dt.sqrt() * node(i).0 }).collect();
        let step = |theta: &[f64]| {
            let mut state = State::new(problem, theta);
            let mut sde = Sde::new(equation, scheme, Grid::new(1), &problem.data.train, 0);
            sde.inner_step(problem, &mut state, (eta, dt), &brownian);
            state.theta.to_vec()
        };
        let probability = if count == 1 { 1.0 } else { (0..n).map(|i| node(i).1).product() };
        RandomMap { probability, matrix: homogeneous(p, step) }
    };
    (0..count).map(of).collect()
}

/// `E z z^T` with `z = (1, theta)` after so many steps from `theta`. The mean of the maps' Kronecker squares is formed once and
/// applied to the moments.
pub(super) fn second_moments(maps: &[RandomMap], theta: &[f64], steps: u64) -> Matrix {
    let size = theta.len() + 1;
    let mut square = vec![0.0; size * size * size * size];
    for map in maps {
        for (k, entry) in square.iter_mut().enumerate() {
            let (row, column) = (k / (size * size), k % (size * size));
            let factor = map.matrix.row(row / size)[column / size] * map.matrix.row(row % size)[column % size];
            *entry += map.probability * factor;
        }
    }
    let z = |k: usize| if k == 0 { 1.0 } else { theta[k - 1] };
    let mut moments: Vec<f64> = (0..size * size).map(|k| z(k / size) * z(k % size)).collect();
    for _ in 0..steps {
        moments = square.chunks(size * size).map(|row| row.iter().zip(&moments).map(|(a, m)| a * m).sum()).collect();
    }
    Matrix::from_rows(size, size, &moments)
}

/// The largest difference of two moment matrices.
pub(super) fn distance(a: &Matrix, b: &Matrix) -> f64 {
    a.as_slice().iter().zip(b.as_slice()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}
