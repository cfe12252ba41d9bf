//! Small runs of all models and dynamics, and a hash of their final parameters. Shared by the test of bits and the
//! WebAssembly example.

use std::sync::Arc;

use stepwell::data::{Dataset, Grid, Samples, SparseRegression};
use stepwell::dynamics::{
    self, BatchRule, Dynamics, Equation, GradientDescent, IndexSource, LabelNoise, MiniBatch, Normalization, Sampler,
    Scheme, Sde, Sgd,
};
use stepwell::linalg::Matrix;
use stepwell::loss::Loss;
use stepwell::model::{DiagonalLinear, FullyConnected, LayerInit, Linear, Model, ScalarToy};
use stepwell::problem::Problem;
use stepwell::rng::{NumpyLegacy, Purpose, Stream};
use stepwell::run::Run;
use stepwell::schedule::Schedule;

const STEPS: u64 = 700;

/// The final parameters of run `k` of [`COUNT`], as bit patterns, with the bits of its last losses.
pub fn run(k: usize) -> Vec<u64> {
    // d = 71: two whole blocks of 32 lanes and a rest that is no multiple of 8
    let shape = SparseRegression { n: 23, d: 71, sparsity: 5, test: 11, noise: 0.1 };
    let sparse = Arc::new(shape.draw_fresh(4).expect("a good shape"));
    let n = sparse.train.len();
    let start: Vec<f64> = (0..142).map(|j| 0.3 + 0.001 * f64::from(j)).collect();
    let diagonal = |data: &Arc<Dataset>| Problem {
        model: DiagonalLinear::new(71),
        data: Arc::clone(data),
        loss: Loss::HalfMeanSquare,
    };
    let linear = |loss| Problem { model: Linear::new(71), data: Arc::clone(&sparse), loss };
    let toy = Problem { model: ScalarToy, data: toy_data(), loss: Loss::QuarterMeanSquare };
    let own = || Sampler::own(9, n);
    let warm = || Schedule::constant(0.01).power_warmup(0.5, 0.5, 300, STEPS).decay_at(500, 3.0);
    match k {
        0 => finish(linear(Loss::SumOfSquares), GradientDescent, Schedule::constant(1e-5), &start[..71]),
        1 => finish(linear(Loss::MeanSquare), Sgd::new(own()), warm(), &start[..71]),
        2 => finish(toy.clone(), Sgd::new(Sampler::own(2, 3)), Schedule::constant(1.05), &[0.1]),
        3 => finish(toy, GradientDescent, Schedule::constant(1.5), &[0.1]),
        4 => finish(diagonal(&sparse), GradientDescent, Schedule::constant(0.05).cosine(100, 700, 0.1), &start),
        5 => finish(diagonal(&sparse), Sgd::new(own()), warm(), &start),
        6 => {
            let legacy = Sampler::new(IndexSource::NumpyLegacy(Box::new(NumpyLegacy::new(1))), n);
            finish(diagonal(&sparse), LabelNoise::new(legacy), warm(), &start)
        }
        7 => finish(diagonal(&sparse), MiniBatch::new(BatchRule::WithReplacement, 4, n, own()), warm(), &start),
        8 => finish(diagonal(&sparse), MiniBatch::new(BatchRule::WithoutReplacement, 4, n, own()), warm(), &start),
        9 => finish(diagonal(&sparse), MiniBatch::new(BatchRule::Epochs, 5, n, own()), warm(), &start),
        10 => {
            // the published network and data
            let network = FullyConnected::new(1, &[100], &[true, false]);
            let problem = Problem { model: network, data: on_a_grid(), loss: Loss::MeanSquare };
            let weights = [LayerInit::Sign(2.5), LayerInit::Normal(4.0)];
            let theta = drawn(&problem.model, &weights, LayerInit::Normal(2.5));
            let schedule = Schedule::constant(2e-4).power_warmup(7.0, 1.0, 500, STEPS).decay_at(500, 2.5);
            finish(problem, Sgd::new(Sampler::own(1, 12)), schedule, &theta)
        }
        11 => {
            let problem = deep(&sparse, Loss::MeanSquare);
            let theta = drawn(&problem.model, &[LayerInit::He; 3], LayerInit::FrameworkDefault);
            finish(problem, Sgd::new(own()), warm(), &theta)
        }
        12 => {
            let problem = deep(&with_signs(&sparse), Loss::Logistic);
            let theta = drawn(&problem.model, &[LayerInit::He; 3], LayerInit::Uniform(0.1));
            finish(problem, MiniBatch::new(BatchRule::WithoutReplacement, 4, n, own()), warm(), &theta)
        }
        13 => {
            let grid = dynamics::Grid { substeps: 2, path: 4 };
            let equation = Equation::LabelNoise { delta: 0.01, normalization: Normalization::Calibrated };
            let sde = Sde::new(equation, Scheme::EulerMaruyama, grid, &sparse.train, 3);
            finish(diagonal(&sparse), sde, warm(), &start)
        }
        14 => {
            let sde = Sde::new(Equation::SecondOrder, Scheme::StochasticHeun, dynamics::Grid::new(1), &sparse.train, 3);
            finish(diagonal(&sparse), sde, warm(), &start)
        }
        _ => {
            let problem = deep(&sparse, Loss::HalfMeanSquare);
            let theta = drawn(&problem.model, &[LayerInit::He; 3], LayerInit::Zeros);
            let sde = Sde::new(Equation::FirstOrder, Scheme::EulerMaruyama, dynamics::Grid::new(1), &sparse.train, 5);
            finish(problem, sde, warm(), &theta)
        }
    }
}

/// Number of runs.
pub const COUNT: usize = 16;

fn on_a_grid() -> Arc<Dataset> {
    Arc::new(Grid::published().dataset().expect("the published points"))
}

/// Three layers, with a width that is no multiple of 8.
fn deep(data: &Arc<Dataset>, loss: Loss) -> Problem<FullyConnected> {
    Problem { model: FullyConnected::new(71, &[10, 37], &[true, true, false]), data: Arc::clone(data), loss }
}

fn drawn(network: &FullyConnected, weights: &[LayerInit], biases: LayerInit) -> Vec<f64> {
    network.draw(weights, &vec![biases; weights.len()], &mut Stream::new(6, Purpose::Init))
}

/// The same inputs with the signs of the labels.
fn with_signs(data: &Dataset) -> Arc<Dataset> {
    let signs = data.train.y.iter().map(|y| y.signum()).collect();
    let train = Samples::new(data.train.x.clone(), signs, ["x", "y"]).expect("finite numbers");
    Arc::new(Dataset::new(train, None, None).expect("shapes agree"))
}

fn toy_data() -> Arc<Dataset> {
    let x = [1.0, 1.03, 1.07];
    let train = Samples::new(Matrix::from_rows(3, 1, &x), x.to_vec(), ["x", "y"]).expect("finite numbers");
    Arc::new(Dataset::new(train, None, None).expect("shapes agree"))
}

fn finish<M: Model, D: Dynamics>(problem: Problem<M>, dynamics: D, schedule: Schedule, start: &[f64]) -> Vec<u64> {
    let mut run = Run::new(problem, dynamics, schedule, start, STEPS);
    run.advance(STEPS);
    let losses = [run.problem().train_loss(run.theta()), run.problem().test_loss(run.theta()).unwrap_or(0.0)];
    run.theta().iter().chain(&losses).map(|value| value.to_bits()).collect()
}

/// FNV-1a over the bytes of the words.
pub fn hash(words: impl IntoIterator<Item = u64>) -> u64 {
    let bytes = words.into_iter().flat_map(u64::to_le_bytes);
    bytes.fold(0xcbf2_9ce4_8422_2325, |h, byte| (h ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// The hash over all runs.
pub fn hash_of_all() -> u64 {
    hash((0..COUNT).flat_map(run))
}
