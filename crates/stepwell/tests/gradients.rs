//! Pullbacks, Hessian products and Jacobians against finite differences; fused steps against plain ones.

use std::sync::Arc;

use proptest::prelude::*;
use stepwell::data::{Dataset, Samples};
use stepwell::linalg::Matrix;
use stepwell::loss::Loss;
use stepwell::metrics::{hessian_vector, jacobian, row_norms2, sharpness};
use stepwell::model::{DiagonalLinear, Linear, Model, ScalarToy};
use stepwell::problem::Problem;
use stepwell::rng::{Purpose, Stream};

const LOSSES: [Loss; 4] = [Loss::HalfMeanSquare, Loss::MeanSquare, Loss::QuarterMeanSquare, Loss::SumOfSquares];

fn normals(stream: &mut Stream, count: usize) -> Vec<f64> {
    (0..count).map(|_| stream.normal()).collect()
}

fn problem<M: Model>(model: M, loss: Loss, n: usize, seed: u64) -> (Problem<M>, Vec<f64>, Vec<f64>) {
    let mut stream = Stream::new(seed, Purpose::Data);
    let (d, p) = (model.inputs(), model.parameters());
    let x = Matrix::from_rows(n, d, &normals(&mut stream, n * d));
    let y = normals(&mut stream, n);
    let train = Samples::new(x, y, ["x", "y"]).unwrap();
    let data = Arc::new(Dataset::new(train, None, None).unwrap());
    let (theta, v) = (normals(&mut stream, p), normals(&mut stream, p));
    (Problem { model, data, loss }, theta, v)
}

fn moved(theta: &[f64], v: &[f64], by: f64) -> Vec<f64> {
    theta.iter().zip(v).map(|(t, v)| t + by * v).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn assert_close(found: f64, expected: f64, scale: f64) {
    assert!((found - expected).abs() < 1e-6 * (1.0 + scale.abs()), "{found} {expected}");
}

/// All derivatives of one model, along a random direction, by central differences.
fn check<M: Model>(model: M, seed: u64) {
    for loss in LOSSES {
        let (problem, theta, v) = problem(model.clone(), loss, 6, seed);
        let h = 1e-5;
        let (ahead, behind) = (moved(&theta, &v, h), moved(&theta, &v, -h));
        let gradient = problem.gradient(&theta);
        let slope = (problem.train_loss(&ahead) - problem.train_loss(&behind)) / (2.0 * h);
        assert_close(dot(&gradient, &v), slope, slope);
        let mut product = vec![0.0; theta.len()];
        hessian_vector(&problem, &theta, &v, &mut product);
        let (up, down) = (problem.gradient(&ahead), problem.gradient(&behind));
        for ((found, up), down) in product.iter().zip(&up).zip(&down) {
            let expected = (up - down) / (2.0 * h);
            assert_close(*found, expected, expected);
        }
        // the gradient is the sum of the Jacobian's rows, weighted by residuals
        let rows = jacobian(&problem.model, &theta, &problem.data.train.x);
        let residuals = problem.residuals(&theta, &problem.data.train);
        let n = problem.n() as f64;
        let weight = loss.slope() * loss.batch_scale(problem.n()) / n;
        for j in 0..theta.len() {
            let sum: f64 = (0..problem.n()).map(|i| weight * residuals[i] * rows.row(i)[j]).sum();
            assert!((sum - gradient[j]).abs() < 1e-11 * (1.0 + sum.abs()));
        }
        for (norm2, row) in row_norms2(&problem.model, &theta, &problem.data.train.x).iter().zip(rows.iter_rows()) {
            assert!((norm2 - dot(row, row)).abs() < 1e-12 * (1.0 + norm2));
        }
        let found = sharpness(&problem, &theta);
        let mut product = vec![0.0; theta.len()];
        hessian_vector(&problem, &theta, &found.vector, &mut product);
        let rest: Vec<f64> = product.iter().zip(&found.vector).map(|(p, q)| p - found.value * q).collect();
        assert!(dot(&rest, &rest).sqrt() < 1e-7 * (1.0 + found.value.abs()));
        // no direction is sharper
        hessian_vector(&problem, &theta, &v, &mut product);
        assert!(dot(&v, &product) <= (found.value + 1e-7 * found.value.abs()) * dot(&v, &v) + 1e-9);
    }
}

/// The fused step has the bits of the plain one.
fn fused_equals_plain<M: Model>(model: &M, seed: u64) {
    let mut stream = Stream::new(seed, Purpose::Data);
    let (d, p) = (model.inputs(), model.parameters());
    let (x, next_x, theta) = (normals(&mut stream, d), normals(&mut stream, d), normals(&mut stream, p));
    let w = stream.normal();
    let (mut fused, mut tape, mut gradient) = (theta.clone(), model.tape(), vec![0.0; p]);
    model.predict(&fused, &x, &mut tape);
    let prediction = model.step_and_predict(&mut fused, &x, &mut tape, w, &next_x, &mut gradient);
    let (mut plain, mut tape, mut gradient) = (theta, model.tape(), vec![0.0; p]);
    model.predict(&plain, &x, &mut tape);
    model.pullback(&plain, &x, &mut tape, w, &mut gradient);
    for (theta, g) in plain.iter_mut().zip(&gradient) {
        *theta -= g;
    }
    let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&fused), bits(&plain));
    assert_eq!(prediction.to_bits(), model.predict(&plain, &next_x, &mut tape).to_bits());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn derivatives_of_all_models(d in 1_usize..9, seed in 0_u64..1_000_000) {
        check(Linear::new(d), seed);
        check(DiagonalLinear::new(d), seed);
        check(ScalarToy, seed);
    }

    #[test]
    fn fused_steps(d in 1_usize..140, seed in 0_u64..1_000_000) {
        fused_equals_plain(&DiagonalLinear::new(d), seed);
        fused_equals_plain(&Linear::new(d), seed);
    }
}
