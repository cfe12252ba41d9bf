//! Two recorded runs of the published ReLU experiments, replayed: their data, starts and sample indices, trained in
//! single precision then and in double precision here.

mod recordings;

use std::collections::BTreeMap;
use std::sync::Arc;

use recordings::{Array, recording};
use stepwell::data::{Dataset, Grid, Samples};
use stepwell::dynamics::{IndexSource, Sampler, Sgd};
use stepwell::linalg::Matrix;
use stepwell::loss::Loss;
use stepwell::metrics::{
    Activations, JacobianRank, SparsityOptions, effective_rank, feature_sparsity, nonzero_share, rank_of,
};
use stepwell::model::{FullyConnected, Model, activations};
use stepwell::problem::Problem;
use stepwell::record::grid;
use stepwell::run::{Run, Status};
use stepwell::schedule::Schedule;

type Arrays = BTreeMap<String, Array>;

fn matrix(arrays: &Arrays, name: &str) -> Matrix {
    let array = &arrays[name];
    Matrix::from_rows(array.shape[0], array.shape[1], &array.values)
}

fn samples(arrays: &Arrays, names: [&'static str; 2]) -> Samples {
    Samples::new(matrix(arrays, names[0]), arrays[names[1]].values.clone(), names).unwrap()
}

/// Parameters from arrays called `prefix`, a layer's name, `_weight` and `_bias`.
fn theta(network: &FullyConnected, arrays: &Arrays, prefix: &str, layers: &[&str]) -> Vec<f64> {
    let names = layers.iter().flat_map(|name| [format!("{prefix}{name}_weight"), format!("{prefix}{name}_bias")]);
    let flat: Vec<f64> = names.filter_map(|name| arrays.get(&name)).flat_map(|array| array.values.clone()).collect();
    network.layout().from_pytorch(&flat)
}

fn replay(arrays: &Arrays) -> Sampler {
    let indices: Arc<[u32]> = arrays["idx"].values.iter().map(|i| *i as u32).collect();
    Sampler::new(IndexSource::Replay { indices, next: 0 }, arrays["X"].shape[0])
}

struct Recorded {
    arrays: Arrays,
    network: FullyConnected,
    layers: &'static [&'static str],
    steps: u64,
    threshold: f64,
    rank_inputs: Matrix,
}

impl Recorded {
    fn relu_1d() -> Self {
        let arrays = recording("relu_1d_decay_02.npz");
        let network = FullyConnected::new(1, &[100], &[true, false]);
        let rank_inputs = matrix(&arrays, "X_eval");
        Self { arrays, network, layers: &["layer1", "layer2"], steps: 31_623, threshold: 0.999, rank_inputs }
    }

    fn teacher_3() -> Self {
        let arrays = recording("teacher_3_constant.npz");
        let network = FullyConnected::new(5, &[10, 10], &[true; 3]);
        let rank_inputs = matrix(&arrays, "X_test").head(network.parameters());
        let layers = &["layers_0", "layers_1", "layers_2"];
        Self { arrays, network, layers, steps: 10_001, threshold: 0.99, rank_inputs }
    }

    fn run(&self, schedule: Schedule) -> Run<FullyConnected, Sgd> {
        let train = samples(&self.arrays, ["X", "y"]);
        let test = self.arrays.contains_key("X_test").then(|| samples(&self.arrays, ["X_test", "y_test"]));
        let data = Arc::new(Dataset::new(train, test, None).unwrap());
        let start = theta(&self.network, &self.arrays, "init_", self.layers);
        let problem = Problem { model: self.network.clone(), data, loss: Loss::MeanSquare };
        Run::new(problem, Sgd::new(replay(&self.arrays)), schedule, &start, self.steps)
    }

    /// Nonzero share and feature sparsity of a layer on the training inputs.
    fn features(&self, theta: &[f64], layer: usize) -> (f64, f64) {
        let phi = activations(&self.network, theta, &matrix(&self.arrays, "X"), layer);
        let phi = Activations::new(phi.rows(), phi.cols(), phi.as_slice()).unwrap();
        let options = SparsityOptions { normalize_rows: true, threshold: self.threshold, ..Default::default() };
        let found = feature_sparsity(phi, options).unwrap();
        assert_eq!(found.nonzero_share, nonzero_share(phi, options.active));
        (found.nonzero_share, found.feature_sparsity)
    }

    fn last(&self, name: &str) -> f64 {
        *self.arrays[name].values.last().unwrap()
    }

    /// Along the run: shares of non-zero activations exactly; feature sparsities exactly but at a few points where a
    /// correlation lies at the threshold, to within single precision; ranks up to 1.
    fn assert_features(&self, mut run: Run<FullyConnected, Sgd>, layers: &[[&str; 2]]) {
        let rank = JacobianRank::new(self.rank_inputs.clone(), 1e-4);
        let steps = grid(self.steps, 100, 151);
        let (recorded, mut apart) = (|name: &str, k: usize| self.arrays[name].values[k], 0);
        for (k, &step) in steps.iter().enumerate() {
            run.advance(step - run.step());
            for (layer, [share_name, sparsity_name]) in layers.iter().enumerate() {
                let (share, sparsity) = self.features(run.theta(), layer);
                assert!((share - recorded(share_name, k) / 100.0).abs() < 1e-12, "{share_name} {share} at {step}");
                let difference = (sparsity - recorded(sparsity_name, k)).abs();
                assert!(difference < 0.02, "{sparsity_name} {sparsity} at {step}: {difference} apart");
                apart += usize::from(difference > 1e-12);
            }
            if k.is_multiple_of(20) {
                let found = rank.rank(&self.network, run.theta()) as f64;
                assert!((found - recorded("grad_rank", k)).abs() <= 1.0, "rank {found} at {step}");
            }
        }
        assert!(apart <= 4, "{apart} of {} feature sparsities differ", steps.len() * layers.len());
    }

    /// Train losses (and test losses) along the run, each within 1% of the recorded ones.
    fn assert_losses(&self, mut run: Run<FullyConnected, Sgd>, series: &[&str]) {
        let steps = grid(self.steps, 100, 151);
        let recorded: Vec<u64> = self.arrays["iters_loss"].values.iter().map(|t| *t as u64).collect();
        assert_eq!(steps, recorded);
        for (k, step) in steps.into_iter().enumerate() {
            run.advance(step - run.step());
            for name in series {
                let loss = match *name {
                    "train" => run.problem().train_loss(run.theta()),
                    _ => run.problem().test_loss(run.theta()).unwrap(),
                };
                let expected = self.arrays[*name].values[k];
                assert!((loss / expected - 1.0).abs() < 0.01, "{name} {loss:e} at step {step}, recorded {expected:e}");
            }
        }
        assert_eq!(run.advance(u64::MAX), Status::Finished);
    }
}

/// Warm-up from 0.0002 to eight times as much over a whole run, cut and divided by 2.5 at 2%.
fn decay_at_2_percent(steps: u64) -> Schedule {
    let until = (0.02 * steps as f64) as u64;
    Schedule::constant(2e-4).power_warmup(7.0, 1.0, until, steps).decay_at(until, 2.5)
}

#[test]
fn relu_1d_losses_agree_along_the_run() {
    let recorded = Recorded::relu_1d();
    recorded.assert_losses(recorded.run(decay_at_2_percent(recorded.steps)), &["train"]);
}

#[test]
fn relu_1d_features_agree_along_the_run() {
    let recorded = Recorded::relu_1d();
    let run = recorded.run(decay_at_2_percent(recorded.steps));
    recorded.assert_features(run, &[["act_nonzero_pct", "feature_sparsity"]]);
}

#[test]
fn teacher_3_features_agree_along_the_run() {
    let recorded = Recorded::teacher_3();
    let layers = [["act1_pct", "feature_sparsity_l1"], ["act2_pct", "feature_sparsity_l2"]];
    recorded.assert_features(recorded.run(Schedule::constant(0.011)), &layers);
}

#[test]
fn teacher_3_losses_agree_along_the_run() {
    let recorded = Recorded::teacher_3();
    recorded.assert_losses(recorded.run(Schedule::constant(0.011)), &["train", "test"]);
}

/// From the given final parameters: shares exactly; rank up to 1, as it was taken in single precision.
#[test]
fn relu_1d_features_at_the_end() {
    let recorded = Recorded::relu_1d();
    let theta = theta(&recorded.network, &recorded.arrays, "lasteval_", recorded.layers);
    let (share, sparsity) = recorded.features(&theta, 0);
    // the recorded share is in percent, of single precision sums
    assert!((share - recorded.last("act_nonzero_pct") / 100.0).abs() < 1e-15);
    assert_eq!(sparsity, recorded.last("feature_sparsity"));
    let rank = JacobianRank::new(recorded.rank_inputs.clone(), 1e-4).rank(&recorded.network, &theta);
    assert!((rank as f64 - recorded.last("grad_rank")).abs() <= 1.0, "{rank}");
}

#[test]
fn teacher_3_features_at_the_end() {
    let recorded = Recorded::teacher_3();
    let theta = theta(&recorded.network, &recorded.arrays, "lasteval_", recorded.layers);
    for layer in 0..2 {
        let (share, sparsity) = recorded.features(&theta, layer);
        let names = [format!("act{}_pct", layer + 1), format!("feature_sparsity_l{}", layer + 1)];
        assert!((share - recorded.last(&names[0]) / 100.0).abs() < 1e-15);
        assert_eq!(sparsity, recorded.last(&names[1]));
    }
    let rank = JacobianRank::new(recorded.rank_inputs.clone(), 1e-4);
    let values = rank.singular_values(&recorded.network, &theta);
    assert_eq!(rank.rank(&recorded.network, &theta), rank_of(&values, 1e-4));
    assert!((rank_of(&values, 1e-4) as f64 - recorded.last("grad_rank")).abs() <= 1.0);
    println!("effective rank {}", effective_rank(&values));
}

/// The 12 points, and inputs on the sphere from NumPy's legacy stream, to single precision.
#[test]
fn published_inputs_are_the_recorded_ones() {
    let close = |a: &[f64], b: &[f64]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6);
    let arrays = recording("relu_1d_decay_02.npz");
    let data = Grid::published().dataset().unwrap();
    assert!(close(data.train.x.as_slice(), &arrays["X"].values) && close(&data.train.y, &arrays["y"].values));

    let arrays = recording("teacher_3_constant.npz");
    let teacher = FullyConnected::new(5, &[2, 2], &[true; 3]);
    let theta = theta(&teacher, &arrays, "teacher_", &["layers_0", "layers_1", "layers_2"]);
    let data = stepwell::data::TeacherStudent { n: 50, test: 1000, teacher }.draw_numpy_legacy(6, &theta).unwrap();
    let test = data.test.unwrap();
    assert!(close(data.train.x.as_slice(), &arrays["X"].values) && close(&data.train.y, &arrays["y"].values));
    assert!(close(test.x.as_slice(), &arrays["X_test"].values) && close(&test.y, &arrays["y_test"].values));
}
