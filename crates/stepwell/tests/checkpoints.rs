//! A run that goes on from a checkpoint has the bits of one that was never interrupted, whatever its dynamics.

use std::collections::BTreeMap;

use stepwell::run::{Checkpoint, Misfit, Recording, Status};
use stepwell::spec::{Array, ArraySource, Prepared, Spec};

/// One array of sample indices, whatever the file's name.
struct Indices;

impl ArraySource for Indices {
    fn arrays(&self, _: &str) -> Result<BTreeMap<String, Array>, String> {
        let values = (0..1_000).map(|t| f64::from((7 * t * t + 3) % 12)).collect();
        Ok(BTreeMap::from([("indices".to_string(), Array { shape: vec![1_000], values })]))
    }
}

const DYNAMICS: [&str; 11] = [
    "\"gradient_descent\"",
    "{ sgd = {} }",
    "{ sgd.indices = { numpy_legacy = 3 } }",
    "{ sgd.indices = { file = { path = \"indices.npy\" } } }",
    "{ label_noise = {} }",
    "{ label_noise.indices = { numpy_legacy = 3 } }",
    "{ mini_batch = { size = 5, rule = \"with_replacement\" } }",
    "{ mini_batch = { size = 5, rule = \"without_replacement\" } }",
    "{ mini_batch = { size = 5, rule = \"epochs\" } }",
    "{ fixed_label_noise = { delta = 0.01 } }",
    "{ sde = { equation = \"second_order\", scheme = \"stochastic_heun\", substeps = 2 } }",
];

fn prepared(dynamics: &str, step_size: f64) -> Prepared {
    let text = format!(
        r#"
steps = 1000
model = "diagonal_linear"
loss = "half_mean_square"
dynamics = {dynamics}
data.sparse_regression = {{ n = 12, d = 7, sparsity = 2, test = 20 }}
init.diagonal = {{ u = 0.1, v = 0.0 }}
schedule = {{ step_size = {step_size}, decay = [{{ after = 0.6, divide_by = 2.0 }}] }}
record = {{ first = 4, points = 9, probes = ["train_loss", "test_loss", "step_size"], costly = ["rank"] }}
"#
    );
    let spec: Spec = toml::from_str(&text).unwrap_or_else(|error| panic!("{dynamics}: {error}"));
    spec.prepare(&Indices).unwrap_or_else(|error| panic!("{dynamics}: {error}"))
}

/// Advances by `parts`, each time in a run made anew that goes on from the last one's checkpoint, then to the end.
fn in_parts(prepared: &Prepared, parts: &[u64]) -> (Status, Vec<u64>, Vec<(u64, u64)>) {
    let data = prepared.data(5).unwrap();
    let instruments = prepared.instruments(&data);
    let plan = prepared.record_plan(false);
    let mut saved: Option<(Checkpoint, stepwell::record::Records)> = None;
    let mut go = |k: u64| {
        let mut recording = Recording::new(prepared.start(5, data.clone()), &instruments, &plan);
        if let Some((checkpoint, records)) = &saved {
            recording.resume(checkpoint, records.clone()).unwrap();
        }
        if recording.advance(k) == Status::Running {
            saved = Some((recording.checkpoint(), recording.records().clone()));
        }
        recording.finish()
    };
    for part in parts {
        go(*part);
    }
    let (status, theta, records) = go(u64::MAX);
    let rows = records.series.iter().flat_map(|s| s.steps.iter().copied().zip(s.values.iter().map(|v| v.to_bits())));
    (status, theta.iter().map(|t| t.to_bits()).collect(), rows.collect())
}

#[test]
fn a_run_in_parts_has_the_bits_of_a_whole_one() {
    for dynamics in DYNAMICS {
        let prepared = prepared(dynamics, 0.02);
        let whole = in_parts(&prepared, &[]);
        assert_eq!(whole.0, Status::Finished, "{dynamics}");
        // before the first step, within the dense records, in a block, at a recording step, within an epoch, at the end
        for parts in [&[0][..], &[2, 1], &[1, 255, 1, 300], &[125, 125], &[998, 1, 1], &[1000]] {
            assert!(in_parts(&prepared, parts) == whole, "{dynamics} in parts {parts:?}");
        }
    }
}

#[test]
fn divergence_comes_at_the_same_step() {
    for dynamics in &DYNAMICS[..9] {
        let prepared = prepared(dynamics, 30.0);
        let whole = in_parts(&prepared, &[]);
        assert!(matches!(whole.0, Status::Diverged { .. }), "{dynamics}: {:?}", whole.0);
        for parts in [&[1][..], &[2, 1, 1], &[3, 3]] {
            assert!(in_parts(&prepared, parts) == whole, "{dynamics} in parts {parts:?}");
        }
    }
}

#[test]
fn a_checkpoint_of_another_run_is_refused() {
    let start = |dynamics: &str| {
        let prepared = prepared(dynamics, 0.02);
        prepared.start(5, prepared.data(5).unwrap())
    };
    let mut sgd = start("{ sgd = {} }");
    sgd.advance(10);
    let good = sgd.checkpoint();
    assert_eq!(sgd.resume(&good), Ok(()));
    let refused = |change: &dyn Fn(&mut Checkpoint)| {
        let mut bad = good.clone();
        change(&mut bad);
        start("{ sgd = {} }").resume(&bad).unwrap_err()
    };
    assert_eq!(refused(&|c| c.step = 1001), Misfit::Steps { step: 1001, steps: 1000 });
    assert_eq!(refused(&|c| _ = c.theta.pop()), Misfit::Parameters { found: 13, expected: 14 });
    assert_eq!(refused(&|c| c.theta[3] = f64::NAN), Misfit::NotFinite { index: 3 });
    for dynamics in ["\"gradient_descent\"", "{ mini_batch = { size = 5, rule = \"epochs\" } }", DYNAMICS[2]] {
        assert_eq!(start(dynamics).resume(&good), Err(Misfit::Dynamics), "{dynamics}");
    }
}
