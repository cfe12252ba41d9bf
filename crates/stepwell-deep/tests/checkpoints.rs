//! Checkpoints of trainings: those that lack something are refused with a message, or do no harm.

mod small;

use small::{device, spec, started};
use stepwell::container::Container;
use stepwell::rng::{Purpose, Stream};
use stepwell::tensor::Values;
use stepwell_deep::checkpoint::{spec_of, weights_of};
use stepwell_deep::training::Training;

const SPEC: &str = r#"
    data = { set = "fashion-mnist", train = 16, test = 8, halved = true }
    network = { kind = "conv_net", width = 1 }
    training = { batch = 8, steps = 3, momentum = 0.5, average = 0.5 }
    schedule = { step_size = 0.1 }
    record = { sparsity_images = 0 }
"#;

/// Something taken away, cut off, renamed, or of another kind.
fn damaged(good: &Container, stream: &mut Stream) -> Container {
    let mut bad = good.clone();
    let k = stream.below(bad.tensors.len() as u32) as usize;
    let tensor = &mut bad.tensors[k];
    match stream.below(6) {
        0 => _ = bad.tensors.remove(k),
        1 => tensor.shape.push(1),
        2 => tensor.name.push('x'),
        3 => (tensor.shape, tensor.values) = (vec![1], Values::U64(vec![u64::MAX])),
        4 => {
            let keys: Vec<String> = bad.metadata.keys().cloned().collect();
            bad.metadata.remove(&keys[stream.below(keys.len() as u32) as usize]);
        }
        _ => {
            let keys: Vec<String> = bad.metadata.keys().cloned().collect();
            let words = ["", "-1", "18446744073709551615", "finished", "diverged", "x = 1"];
            let word = words[stream.below(words.len() as u32) as usize];
            bad.say(&keys[stream.below(keys.len() as u32) as usize], word);
        }
    }
    bad
}

#[test]
fn wrong_content_is_refused_or_does_no_harm() {
    let mut training = started(SPEC);
    training.advance(2);
    let (good, images) = (training.checkpoint(), training.images().clone());
    let (network, images) = (spec(SPEC).network().unwrap(), || images.clone());
    assert_eq!(spec_of(&good).unwrap(), spec(SPEC));
    assert_eq!(weights_of(&good, &network, &device()).unwrap().flat(), training.weights().flat());
    let mut stream = Stream::new(1, Purpose::Data);
    let (mut refused, mut taken) = (0, 0);
    for _ in 0..500 {
        let bad = damaged(&good, &mut stream);
        _ = (spec_of(&bad), weights_of(&bad, &network, &device()).is_ok());
        match Training::resume(spec(SPEC), images(), device(), &bad) {
            Ok(mut training) => {
                training.advance(1);
                taken += 1;
            }
            Err(error) => {
                assert!(!error.to_string().is_empty());
                refused += 1;
            }
        }
    }
    assert!(refused > 200 && taken > 10, "{refused} refused, {taken} taken");
}

/// What is refused leaves the training where it was.
#[test]
fn a_refused_checkpoint_changes_nothing() {
    let mut training = started(SPEC);
    training.advance(1);
    let before = training.checkpoint();
    let mut bad = before.clone();
    bad.metadata.remove("status");
    assert!(training.go_to(&bad).is_err());
    assert!(training.checkpoint() == before);
}
