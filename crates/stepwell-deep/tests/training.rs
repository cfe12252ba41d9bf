//! Training: the step, accumulation, records, divergence, and resuming to the same bits.

mod small;

use small::{SPEC, device, spec, started, values};
use stepwell_deep::checkpoint::{CheckpointError, spec_of};
use stepwell_deep::engine::Tensor;
use stepwell_deep::network::Mode;
use stepwell_deep::training::{Sgd, Status, Training, TrainingError};

/// The published form on plain arrays, to the bit.
#[test]
fn steps_are_those_of_momentum_and_weight_decay() {
    for (momentum, weight_decay) in [(0.0, 0.0), (0.9, 0.0), (0.0, 0.25), (0.9, 5e-4)] {
        let network = spec(SPEC).network().unwrap();
        let mut weights = network.draw(1, &device());
        let mut sgd = Sgd::new(&weights, momentum, weight_decay);
        let mut theta = weights.flat();
        let mut buffer = vec![0.0_f32; theta.len()];
        for step in 0..4_u16 {
            let gradient: Vec<Tensor<1>> =
                weights.parameters.iter().map(|tensor| tensor.clone() * f64::from(step) - 0.5).collect();
            let g: Vec<f32> = gradient.iter().flat_map(|tensor| values(tensor.clone())).collect();
            let eta = 0.3 / (1.0 + f64::from(step));
            for k in 0..theta.len() {
                let decayed = if weight_decay == 0.0 { g[k] } else { g[k] + theta[k] * weight_decay as f32 };
                buffer[k] = if momentum == 0.0 { decayed } else { buffer[k] * momentum as f32 + decayed };
                theta[k] -= buffer[k] * eta as f32;
            }
            sgd.step(&mut weights, gradient, eta);
        }
        assert_eq!(weights.flat(), theta, "momentum {momentum}, weight decay {weight_decay}");
    }
}

/// A step on parts of the batch moves along the mean of the parts' gradients, the last part being smaller.
#[test]
fn accumulation_is_the_mean_over_parts() {
    let mut training = started(&SPEC.replace("batch = 16", "batch = 16, micro_batch = 6"));
    let (network, weights) = (spec(SPEC).network().unwrap(), training.weights().clone());
    let mut batches = stepwell_deep::data::batches::Batches::new(training.images().train.clone(), 7, 16, None);
    let mut batch = stepwell_deep::data::batches::Batch::default();
    batches.fill(0, &mut batch);
    let labels: Vec<usize> = batch.labels.iter().map(|label| usize::from(*label)).collect();
    let mut expected = vec![0.0_f64; network.layout().parameter_count()];
    for (labels, pixels) in labels.chunks(6).zip(batch.inputs.chunks(6 * 14 * 14)) {
        let images = network.batch(pixels.to_vec(), &device());
        let part = network.gradient(&weights, images, labels, Mode::Train).flat();
        expected.iter_mut().zip(part).for_each(|(sum, g)| *sum += f64::from(g) * labels.len() as f64 / 16.0);
    }
    training.advance(1);
    let eta = 0.05;
    for ((before, after), g) in weights.flat().iter().zip(training.weights().flat()).zip(&expected) {
        let moved = f64::from(*before) - f64::from(after);
        assert!((moved - eta * g).abs() < 1e-6 * (1.0 + f64::from(before.abs())), "{moved} {}", eta * g);
    }
    // each part has entered the running statistics
    assert_eq!(training.weights().running[0].batches, 3);
}

/// Records are taken before the step, on the spec's grid and at the end; a run with fewer of them is the same run.
#[test]
fn records_have_their_grid_and_change_nothing() {
    let text = SPEC.replace("every = 4", "every = 4\njacobian_images = 5\nsharpness_images = 8");
    let mut training = started(&text);
    assert_eq!(training.advance(u64::MAX), Status::Finished);
    let records = training.records();
    let series = |name: &str| records.get(name).unwrap_or_else(|| panic!("no series {name}"));
    let names = ["train_loss", "train_error", "test_loss", "test_error", "step_size", "jacobian_rank"];
    for name in names.into_iter().chain(["sharpness", "batch_sharpness", "gradient_weighted_batch_sharpness"]) {
        assert_eq!(series(name).steps, [0, 4, 8, 10], "{name}");
        assert!(series(name).values.iter().all(|v| v.is_finite()), "{name}");
    }
    for place in ["block2", "block3", "pooled"] {
        let values = &series(&format!("feature_sparsity/{place}")).values;
        assert!(values.iter().all(|v| (0.0..=1.0).contains(v)) && values[3] > 0.0, "{place}: {values:?}");
    }
    assert_eq!(series("batch_loss").steps, [4, 8, 10]);
    assert!(series("jacobian_rank").values.iter().all(|rank| (1.0..=5.0).contains(rank)));
    // the decay comes before step 5
    assert_eq!(series("step_size").values, [0.05, 0.05, 0.05 / 10.0, 0.05 / 10.0]);
    assert!(records.last("train_loss") < series("train_loss").values[0]);

    let mut sparse = started(&text.replace("every = 4", "every = 1000"));
    sparse.advance(u64::MAX);
    assert_eq!(sparse.weights().flat(), training.weights().flat());
    assert_eq!(sparse.records().get("train_loss").unwrap().values[..], [0, 3].map(|k| series("train_loss").values[k]));
}

#[test]
fn divergence_is_a_status_with_its_step() {
    let mut training = started(&SPEC.replace("step_size = 0.05", "step_size = 1e30"));
    let Status::Overflowed { step } = training.advance(u64::MAX) else { panic!("{:?}", training.status()) };
    assert!((1..5).contains(&step), "{step}");
    assert_eq!(training.advance(5), Status::Overflowed { step });
    // and a checkpoint knows it
    assert_eq!(training.checkpoint().status(), Ok(Status::Overflowed { step }));
}

/// With everything that has a state of its own: augmentation, label noise, momentum, averaged weights, parts of batches.
const STATEFUL: &str = r#"
    seed = 3
    data = { set = "fashion-mnist", train = 72, test = 32, halved = true, augment = true, label_noise = 0.2 }
    network = { kind = "dense_net", depth = 10, growth = 3, bottleneck = true, compression = 0.5 }
    training = { batch = 16, micro_batch = 5, steps = 13, momentum = 0.9, weight_decay = 5e-4, average = 0.9 }
    [schedule]
    step_size = 0.1
    warmup = { exponential = { base = 1.05, scale = 100.0, until = 0.5 } }
    [record]
    every = 3
    sparsity_images = 20
    jacobian_images = 3
"#;

#[test]
fn interrupted_anywhere_the_bits_are_the_same() {
    let mut whole = started(STATEFUL);
    assert_eq!(whole.advance(u64::MAX), Status::Finished);
    let expected = whole.checkpoint();
    for pieces in [vec![1, 5, 6], vec![3], vec![4, 4, 4, 1], vec![12], vec![13]] {
        let mut training = started(STATEFUL);
        for piece in pieces {
            training.advance(piece);
            let checkpoint = training.checkpoint();
            let images = training.images().clone();
            drop(training);
            training = Training::resume(spec(STATEFUL), images, device(), &checkpoint).unwrap();
        }
        training.advance(u64::MAX);
        assert!(training.checkpoint() == expected);
    }
    assert!(whole.records().get("test_error/averaged").is_some());
}

#[test]
fn a_checkpoint_of_another_training_is_refused() {
    let mut training = started(SPEC);
    training.advance(2);
    let checkpoint = training.checkpoint();
    assert_eq!((checkpoint.word("step"), spec_of(&checkpoint).unwrap()), (Ok(2), spec(SPEC)));
    for (from, to, line) in [("width = 2", "width = 3", "width = 3"), ("= 0.05", "= 0.06", "step_size = 0.06")] {
        let other = spec(&SPEC.replace(from, to));
        match Training::resume(other, training.images().clone(), device(), &checkpoint).err() {
            Some(TrainingError::Checkpoint(CheckpointError::Other { expected, .. })) => assert_eq!(expected, line),
            other => panic!("{other:?}"),
        }
    }
}

/// The experiment that comes with the program: its variants are trainings of the published form.
#[test]
fn the_experiment_file_is_sound() {
    let spec = spec(include_str!("../../../experiments/densenet-small.toml"));
    assert_eq!(spec.variants.len(), 4);
    let steps = spec.steps().unwrap();
    for (variant, share) in spec.variants.iter().zip([1.0, 0.1, 0.3, 0.5]) {
        let schedule = variant.schedule.build(steps).unwrap();
        let last_large = schedule.last_step_before_decay(steps);
        assert_eq!(last_large, ((share * steps as f64) as u64).min(steps) - 1, "{}", variant.label);
    }
}
