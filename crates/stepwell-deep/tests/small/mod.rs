//! What tests share: the device, and a small training on made-up images: bars of four widths at random places, so that there is
//! something to learn.

#![allow(dead_code, reason = "each test file uses some of it")]

use std::sync::Arc;

use stepwell::rng::{Purpose, Stream};
use stepwell_deep::data::Images;
use stepwell_deep::engine::{Device, Engine, Tensor};
use stepwell_deep::training::{Training, TrainingImages, TrainingSpec};

/// Ten steps of a small network.
pub const SPEC: &str = r#"
    seed = 7
    data = { set = "fashion-mnist", train = 64, test = 32, halved = true }
    network = { kind = "conv_net", width = 2 }
    training = { batch = 16, steps = 10 }
    [schedule]
    step_size = 0.05
    decay = [{ at = 0.5, divide_by = 10.0 }]
    [record]
    every = 4
    sparsity_images = 40
"#;

/// The processor, or what `STEPWELL_TEST_DEVICE` names.
#[allow(clippy::disallowed_methods, reason = "tests choose their device")]
pub fn device() -> Device {
    let name = std::env::var("STEPWELL_TEST_DEVICE").unwrap_or_else(|_| "cpu".into());
    name.parse::<Engine>().and_then(Engine::device).expect("a device")
}

pub fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().expect("tensors are f32")
}

pub fn spec(text: &str) -> TrainingSpec {
    let spec: TrainingSpec = toml::from_str(text).expect("a spec");
    spec.check().expect("a good spec");
    spec
}

/// Gray images of 28 x 28 with a bright bar whose width is the class.
pub fn bars(count: usize, seed: u64) -> Images {
    let mut stream = Stream::new(seed, Purpose::Data);
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let (class, at) = (stream.below(4) as usize, stream.below(16) as usize);
        labels.push(class as u16);
        for k in 0..28 * 28 {
            let bright = (at..=at + 3 * class).contains(&(k % 28));
            pixels.push(if bright { 255 } else { stream.below(40) as u8 });
        }
    }
    Images::new(pixels, labels, [1, 28, 28], 10).expect("sizes agree")
}

/// The training of a spec, on bars.
pub fn started(text: &str) -> Training {
    let spec = spec(text);
    let images = TrainingImages::prepare(&spec, bars(spec.data.train.unwrap_or(64), 1), bars(32, 2));
    assert_eq!(Arc::strong_count(&images.train), 1);
    Training::new(spec, images, device()).expect("a training")
}
