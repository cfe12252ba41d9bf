//! ReLU networks: derivatives against finite differences, fused steps against plain ones, the same bits at every SIMD
//! level.

use std::sync::Arc;

use proptest::prelude::*;
use stepwell::data::{Dataset, Grid, Samples};
use stepwell::dynamics::{BatchRule, MiniBatch, Sampler, Sgd};
use stepwell::linalg::{Matrix, lanes};
use stepwell::loss::Loss;
use stepwell::metrics::{hessian_vector, jacobian, sharpness};
use stepwell::model::{FullyConnected, LayerInit, Model, activations};
use stepwell::problem::Problem;
use stepwell::rng::{Purpose, Stream};
use stepwell::run::{Run, Status};
use stepwell::schedule::Schedule;
use stepwell::simd;

fn normals(count: usize, scale: f64, seed: u64) -> Vec<f64> {
    let mut stream = Stream::new(seed, Purpose::Init);
    (0..count).map(|_| scale * stream.normal()).collect()
}

/// Labels +-1, so that every loss can be taken.
fn problem(network: FullyConnected, n: usize, loss: Loss, seed: u64) -> Problem<FullyConnected> {
    let mut stream = Stream::new(seed, Purpose::Data);
    let x = Matrix::from_fn(n, network.inputs(), |_, _| stream.normal());
    let y = (0..n).map(|i| if i % 3 == 0 { -1.0 } else { 1.0 }).collect();
    let data = Dataset::new(Samples::new(x, y, ["x", "y"]).unwrap(), None, None).unwrap();
    Problem { model: network, data: Arc::new(data), loss }
}

fn shapes() -> impl Strategy<Value = FullyConnected> {
    let layers = prop::collection::vec((1_usize..48, any::<bool>()), 0..4);
    (1_usize..7, layers, any::<bool>()).prop_map(|(inputs, layers, output)| {
        let (hidden, mut bias): (Vec<usize>, Vec<bool>) = layers.into_iter().unzip();
        bias.push(output);
        FullyConnected::new(inputs, &hidden, &bias)
    })
}

/// `h(theta, x)` written from its definition, with plain sums.
fn plain(network: &FullyConnected, theta: &[f64], x: &[f64]) -> f64 {
    let (mut input, mut rest) = (x.to_vec(), theta);
    let shapes = network.shapes();
    for (k, (fan_in, width, bias)) in shapes.iter().copied().enumerate() {
        let (weights, after) = rest.split_at(fan_in * width);
        let (biases, after) = after.split_at(if bias { width } else { 0 });
        let z = (0..width).map(|j| {
            let sum: f64 = input.iter().enumerate().map(|(i, x)| weights[i * width + j] * x).sum();
            biases.get(j).copied().unwrap_or(0.0) + sum
        });
        input = if k + 1 < shapes.len() { z.map(|z| z.max(0.0)).collect() } else { z.collect() };
        rest = after;
    }
    input[0]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn prediction_is_its_definition(network in shapes(), seed in 0_u64..1000) {
        let theta = normals(network.parameters(), 0.5, seed);
        let x = normals(network.inputs(), 1.0, seed + 1);
        let (found, expected) = (network.predict(&theta, &x, &mut network.tape()), plain(&network, &theta, &x));
        let scale = plain(&network, &theta.iter().map(|t| t.abs()).collect::<Vec<_>>(), &x.iter().map(|x| x.abs()).collect::<Vec<_>>());
        prop_assert!((found - expected).abs() <= 1e-13 * scale, "{found} {expected}");
    }

    /// In one parameter h is piecewise linear, so a central difference is exact where no neuron switches.
    #[test]
    fn pullback_is_the_gradient(network in shapes(), seed in 0_u64..1000) {
        let theta = normals(network.parameters(), 0.5, seed);
        let x = normals(network.inputs(), 1.0, seed + 1);
        let mut tape = network.tape();
        network.predict(&theta, &x, &mut tape);
        let mut gradient = vec![0.0; theta.len()];
        network.pullback(&theta, &x, &mut tape, 1.5, &mut gradient);
        let step = 1e-6;
        let mut far = 0;
        for k in 0..theta.len() {
            let at = |shift: f64| {
                let mut moved = theta.clone();
                moved[k] += shift;
                plain(&network, &moved, &x)
            };
            let difference = 1.5 * (at(step) - at(-step)) / (2.0 * step);
            far += usize::from((difference - gradient[k]).abs() > 1e-6 * gradient[k].abs().max(1.0));
        }
        // a neuron within the step of its kink is one in many thousands, and moves many entries at once
        prop_assume!(far < 2 || !near_kink(&network, &theta, &x));
        prop_assert_eq!(far, 0);
    }

    /// Update and next prediction have the bits of the pullback, the subtraction and the prediction one by one.
    #[test]
    fn fused_steps_have_the_bits_of_plain_ones(network in shapes(), seed in 0_u64..1000) {
        let mut fused = normals(network.parameters(), 0.5, seed);
        let mut plain = fused.clone();
        let (mut tape, mut other) = (network.tape(), network.tape());
        let inputs: Vec<Vec<f64>> = (0..12).map(|k| normals(network.inputs(), 1.0, seed + k)).collect();
        let mut h = network.predict(&fused, &inputs[0], &mut tape);
        for pair in inputs.windows(2) {
            let w = 0.01 * (h - 0.3);
            h = network.step_and_predict(&mut fused, &pair[0], &mut tape, w, &pair[1], &mut []);
            network.predict(&plain, &pair[0], &mut other);
            let mut gradient = vec![0.0; plain.len()];
            network.pullback(&plain, &pair[0], &mut other, w, &mut gradient);
            plain.iter_mut().zip(&gradient).for_each(|(t, g)| *t -= g);
            prop_assert_eq!(bits(&fused), bits(&plain));
            prop_assert_eq!(h.to_bits(), network.predict(&plain, &pair[1], &mut other).to_bits());
        }
    }

    /// `H v` against a central difference of gradients, for a square and the logistic loss.
    #[test]
    fn hessian_products_are_differences_of_gradients(network in shapes(), seed in 0_u64..1000, logistic: bool) {
        let loss = if logistic { Loss::Logistic } else { Loss::MeanSquare };
        let problem = problem(network, 3, loss, seed);
        let theta = normals(problem.model.parameters(), 0.4, seed);
        let v = normals(theta.len(), 1.0 / (theta.len() as f64).sqrt(), seed + 9);
        prop_assume!(problem.data.train.x.iter_rows().all(|x| !near_kink(&problem.model, &theta, x)));
        let mut found = vec![0.0; theta.len()];
        hessian_vector(&problem, &theta, &v, &mut found);
        let step = 1e-6;
        let moved = |s: f64| -> Vec<f64> { theta.iter().zip(&v).map(|(t, v)| t + s * v).collect() };
        let (up, down) = (problem.gradient(&moved(step)), problem.gradient(&moved(-step)));
        let scale = found.iter().fold(1.0_f64, |m, v| m.max(v.abs()));
        for k in 0..theta.len() {
            let difference = (up[k] - down[k]) / (2.0 * step);
            prop_assert!((difference - found[k]).abs() < 1e-5 * scale, "{} {difference} at {k}", found[k]);
        }
    }
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|v| v.to_bits()).collect()
}

/// Whether a neuron's activation pattern changes under small moves of all parameters.
fn near_kink(network: &FullyConnected, theta: &[f64], x: &[f64]) -> bool {
    let inputs = Matrix::from_rows(1, x.len(), x);
    let pattern = |theta: &[f64]| -> Vec<bool> {
        let hidden = network.shapes().len() - 1;
        (0..hidden).flat_map(|k| activations(network, theta, &inputs, k).as_slice().to_vec()).map(|a| a > 0.0).collect()
    };
    let moves = normals(theta.len(), 1e-4, 77);
    let moved = |sign: f64| -> Vec<f64> { theta.iter().zip(&moves).map(|(t, m)| t + sign * m).collect() };
    let here = pattern(theta);
    pattern(&moved(1.0)) != here || pattern(&moved(-1.0)) != here
}

/// `grad L = slope/n sum r_i J_i` with the rows of the Jacobian, for every loss.
#[test]
fn jacobian_rows_make_up_the_gradient() {
    for loss in Loss::ALL {
        let problem = problem(FullyConnected::new(4, &[9, 6], &[true, false, true]), 11, loss, 3);
        let theta = normals(problem.model.parameters(), 0.5, 4);
        let rows = jacobian(&problem.model, &theta, &problem.data.train.x);
        let h = problem.predictions(&theta, &problem.data.train.x);
        let n = problem.n();
        let gradient = problem.gradient(&theta);
        for k in 0..theta.len() {
            let sum: f64 = (0..n).map(|i| loss.residual(h[i], problem.data.train.y[i]) * rows.row(i)[k]).sum();
            let expected = loss.slope() * loss.batch_scale(n) / n as f64 * sum;
            assert!((gradient[k] - expected).abs() < 1e-12 * lanes::norm2(&gradient).sqrt(), "{loss:?}");
        }
    }
}

/// Lanczos against power iteration on `H + c`, both on Hessian-vector products, for both kinds of loss.
#[test]
fn sharpness_of_networks_is_the_top_eigenvalue() {
    for loss in [Loss::MeanSquare, Loss::Logistic] {
        let problem = problem(FullyConnected::new(3, &[8], &[true, true]), 20, loss, 5);
        let theta = normals(problem.model.parameters(), 0.8, 6);
        let found = sharpness(&problem, &theta);
        assert!(found.residual < 1e-8 * found.value, "{loss:?}");
        let shift = 2.0 * found.value;
        let mut v = normals(theta.len(), 1.0, 7);
        let mut product = vec![0.0; v.len()];
        let mut value = 0.0;
        for _ in 0..4000 {
            let norm = lanes::norm2(&v).sqrt();
            v.iter_mut().for_each(|v| *v /= norm);
            hessian_vector(&problem, &theta, &v, &mut product);
            value = lanes::dot(&v, &product);
            v.iter_mut().zip(&product).for_each(|(v, p)| *v = shift * *v + p);
        }
        assert!((found.value / value - 1.0).abs() < 1e-6, "{loss:?}: {} {value}", found.value);
    }
}

/// The mean square loss has no factor 1/2: with half the step size it takes the steps of the half mean square.
#[test]
fn loss_convention_and_step_size_go_together() {
    let network = FullyConnected::new(2, &[10], &[true, false]);
    let theta = normals(network.parameters(), 0.5, 1);
    let end = |loss, eta: f64| {
        let problem = problem(network.clone(), 9, loss, 2);
        let mut run = Run::new(problem, Sgd::new(Sampler::own(3, 9)), Schedule::constant(eta), &theta, 500);
        run.advance(500);
        bits(run.theta())
    };
    assert_eq!(end(Loss::MeanSquare, 0.03125), end(Loss::HalfMeanSquare, 0.0625));
}

/// The logistic loss separates what can be separated, and its gradient descent has the derivative's sign.
#[test]
fn logistic_loss_is_trained() {
    let problem = problem(FullyConnected::new(3, &[30], &[true, true]), 12, Loss::Logistic, 8);
    let theta = problem.model.draw(&[LayerInit::He; 2], &[LayerInit::Zeros; 2], &mut Stream::new(1, Purpose::Init));
    let mut run = Run::new(problem, Sgd::new(Sampler::own(1, 12)), Schedule::constant(0.1), &theta, 20_000);
    assert_eq!(run.advance(20_000), Status::Finished);
    let (problem, theta) = (run.problem(), run.theta());
    assert!(problem.train_loss(theta) < 0.01, "{}", problem.train_loss(theta));
    let h = problem.predictions(theta, &problem.data.train.x);
    assert!(h.iter().zip(&problem.data.train.y).all(|(h, y)| h * y > 0.0));
}

#[test]
fn overflowing_networks_diverge() {
    for hidden in [vec![20], vec![10, 10]] {
        let bias = vec![true; hidden.len() + 1];
        for loss in [Loss::MeanSquare, Loss::Logistic] {
            let problem = problem(FullyConnected::new(2, &hidden, &bias), 9, loss, 2);
            let theta = normals(problem.model.parameters(), 1.0, 1);
            let mut run = Run::new(problem, Sgd::new(Sampler::own(3, 9)), Schedule::constant(1e200), &theta, 5000);
            assert!(matches!(run.advance(5000), Status::Overflowed { .. }), "{hidden:?} {loss:?}");
        }
    }
}

fn hash(values: &[f64]) -> u64 {
    values.iter().fold(0xcbf2_9ce4_8422_2325, |h, v| (h ^ v.to_bits()).wrapping_mul(0x0000_0100_0000_01b3))
}

/// The parameters after 2,000 steps, hashed, at every SIMD level that this processor has.
#[test]
fn golden_bits_at_every_simd_level() {
    let widest = simd::level();
    for level in simd::Level::ALL {
        if !simd::force(level) {
            continue;
        }
        let one = FullyConnected::new(1, &[100], &[true, false]);
        let weights = [LayerInit::Sign(2.5), LayerInit::Normal(4.0)];
        let theta = one.draw(&weights, &[LayerInit::Normal(2.5), LayerInit::Zeros], &mut Stream::new(1, Purpose::Init));
        let data = Arc::new(Grid::published().dataset().unwrap());
        let problem_1d = Problem { model: one, data, loss: Loss::MeanSquare };
        let schedule = Schedule::constant(2e-4).power_warmup(7.0, 1.0, 1000, 2000).decay_at(1000, 2.5);
        let mut run = Run::new(problem_1d, Sgd::new(Sampler::own(1, 12)), schedule, &theta, 2000);
        assert_eq!(run.advance(2000), Status::Finished);
        assert_eq!(hash(run.theta()), GOLDEN_1D, "{level:?}");

        let deep = problem(FullyConnected::new(5, &[10, 37], &[true, true, false]), 50, Loss::Logistic, 2);
        let theta = normals(deep.model.parameters(), 0.4, 3);
        let batches = MiniBatch::new(BatchRule::WithoutReplacement, 4, 50, Sampler::own(4, 50));
        let mut run = Run::new(deep.clone(), batches, Schedule::constant(0.05), &theta, 500);
        run.advance(500);
        let mut single = Run::new(deep, Sgd::new(Sampler::own(4, 50)), Schedule::constant(0.02), run.theta(), 1500);
        assert_eq!(single.advance(1500), Status::Finished);
        assert_eq!(hash(single.theta()), GOLDEN_DEEP, "{level:?}");
    }
    simd::force(widest);
}

const GOLDEN_1D: u64 = 8_165_028_265_054_470_553;
const GOLDEN_DEEP: u64 = 17_891_355_290_497_246_833;
