//! The networks compute what PyTorch computes: logits, loss, gradients and running statistics from the same weights and
//! batch. PyTorch's side is `parity/parity.safetensors`, made by `parity/make.py`.

mod small;

use std::collections::BTreeMap;

use safetensors::SafeTensors;
use safetensors::tensor::TensorView;
use stepwell_deep::engine::Tensor;
use stepwell_deep::network::{Architecture, ConvNet, DenseNet, Mode, Network, ResNet, Weights};

use small::{device, values};

const FILE: &[u8] = include_bytes!("parity/parity.safetensors");

fn numbers(view: &TensorView<'_>) -> Vec<f32> {
    view.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

fn reference(file: &SafeTensors<'_>, name: &str) -> Vec<f32> {
    numbers(&file.tensor(name).unwrap_or_else(|_| panic!("{name} is in the file")))
}

/// The weights under `prefix` as a file of their own.
fn weights_file(file: &SafeTensors<'_>, prefix: &str) -> Vec<u8> {
    let tensors: BTreeMap<String, TensorView<'_>> = file
        .tensors()
        .into_iter()
        .filter_map(|(name, view)| Some((name.strip_prefix(prefix)?.to_owned(), view)))
        .collect();
    safetensors::serialize(tensors, None).expect("a part of a file is a file")
}

/// The numbers in [-1, 1) of `hashed` in make.py.
fn hashed(count: usize, stream: u32) -> impl Iterator<Item = f32> {
    (0..count as u32).map(move |i| {
        let mut h = i.wrapping_add(stream.wrapping_mul(0x9E37_79B9));
        for _ in 0..2 {
            h = (h ^ (h >> 16)).wrapping_mul(0x045D_9F3B);
        }
        h ^= h >> 16;
        ((h >> 8) as f32) / 8_388_608.0 - 1.0
    })
}

fn batch(network: &Network, samples: usize) -> (Tensor<4>, Vec<usize>) {
    let count = samples * network.input().iter().product::<usize>();
    let pixels = hashed(count, 1000).map(|v| v * 0.5 + 0.5).collect();
    (network.batch(pixels, &device()), (0..samples).map(|i| i % network.classes()).collect())
}

/// Largest difference at most `tolerance` times the largest number of the reference.
fn assert_close(what: &str, found: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
    let off = found.iter().zip(expected).fold(0.0_f32, |m, (a, b)| m.max((a - b).abs()));
    assert!(off <= tolerance * scale, "{what}: off by {off:e} at scale {scale:e}");
}

/// Everything of a small network, array by array, to a few units in the last place of f32.
fn small(key: &str, architecture: Architecture, input: [usize; 3]) {
    let file = SafeTensors::deserialize(FILE).expect("the reference is readable");
    let network = Network::new(architecture, input, 5).expect("a network");
    let bytes = weights_file(&file, &format!("{key}/weights/"));
    let weights = network.from_safetensors(&bytes, &device()).expect("PyTorch's state fits by name and shape");
    let (images, labels) = batch(&network, 6);
    let gradient = network.gradient(&weights, images.clone(), &labels, Mode::Train);
    assert_close("logits", &gradient.logits, &reference(&file, &format!("{key}/logits")), 1e-5);
    assert_close("loss", &[gradient.loss as f32], &reference(&file, &format!("{key}/loss")), 1e-6);
    let parameters = network.layout().parameters();
    // Some gradients vanish exactly (a shift before another normalization): measured against the largest of all.
    let largest = parameters
        .iter()
        .flat_map(|p| reference(&file, &format!("{key}/gradient/{}", p.name)))
        .fold(0.0_f32, |m, v| m.max(v.abs()));
    for (parameter, found) in parameters.iter().zip(&gradient.parameters) {
        let expected = reference(&file, &format!("{key}/gradient/{}", parameter.name));
        let off = values(found.clone()).iter().zip(&expected).fold(0.0_f32, |m, (a, b)| m.max((a - b).abs()));
        let own = expected.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
        assert!(off <= 2e-5 * own + 1e-6 * largest, "{}: off by {off:e} at scale {own:e}", parameter.name);
    }

    let mut fresh = Weights { running: network.draw(0, &device()).running, ..weights.clone() };
    fresh.track(gradient.statistics);
    for (((name, _), found), expected) in
        network.layout().normalizations().iter().zip(&fresh.running).zip(&weights.running)
    {
        assert_close(name, &values(found.mean.clone()), &values(expected.mean.clone()), 1e-5);
        assert_close(name, &values(found.variance.clone()), &values(expected.variance.clone()), 1e-6);
        assert_eq!((found.batches, expected.batches), (1, 1));
    }
    let (logits, _) = network.logits(&weights, images, Mode::Evaluate);
    assert_close("evaluation", &values(logits), &reference(&file, &format!("{key}/evaluation_logits")), 1e-5);
    assert_eq!(network.to_safetensors(&weights), bytes, "saved as PyTorch's state was");
}

#[test]
fn plain_dense_net() {
    let shape = DenseNet { depth: 10, growth: 4, bottleneck: false, compression: 1.0 };
    small("dense_net", Architecture::DenseNet(shape), [1, 12, 12]);
}

#[test]
fn dense_net_with_bottleneck_and_compression() {
    let shape = DenseNet { depth: 16, growth: 4, bottleneck: true, compression: 0.5 };
    small("dense_net_bc", Architecture::DenseNet(shape), [3, 12, 12]);
}

#[test]
fn res_net() {
    small("res_net", Architecture::ResNet(ResNet { width: 3 }), [3, 16, 16]);
}

#[test]
fn conv_net() {
    small("conv_net", Architecture::ConvNet(ConvNet { width: 8 }), [3, 13, 13]);
}

/// The network of the paper, from hashed weights: norms of the gradients and their products with hashed vectors.
#[test]
fn dense_net_bc_100_12() {
    let file = SafeTensors::deserialize(FILE).expect("the reference is readable");
    let key = "dense_net_bc_100_12";
    let network = Network::new(Architecture::DenseNet(DenseNet::BC_100_12), [3, 32, 32], 10).expect("a network");
    let mut weights = network.draw(0, &device());
    let hashed_weights = network.layout().parameters().iter().zip(0..).flat_map(|(parameter, stream)| {
        let fan_in: usize = parameter.shape.iter().skip(1).product();
        let (scale, center) = match (parameter.shape.len(), parameter.name.ends_with("weight")) {
            (1, true) => (0.25, 1.0),
            (1, false) => (0.25, 0.0),
            _ => ((6.0 / fan_in as f64).sqrt(), 0.0),
        };
        hashed(parameter.len(), stream).map(move |v| (f64::from(v) * scale + center) as f32)
    });
    weights.set_flat(&hashed_weights.collect::<Vec<f32>>());
    let (images, labels) = batch(&network, 4);
    let gradient = network.gradient(&weights, images.clone(), &labels, Mode::Train);
    assert_close("logits", &gradient.logits, &reference(&file, &format!("{key}/logits")), 1e-4);
    assert_close("loss", &[gradient.loss as f32], &reference(&file, &format!("{key}/loss")), 1e-5);
    let (norms, products): (Vec<f32>, Vec<f32>) = gradient
        .parameters
        .iter()
        .zip(2000..)
        .map(|(gradient, stream)| {
            let gradient = values(gradient.clone());
            let dot = |v: &mut dyn Iterator<Item = f32>| -> f64 {
                gradient.iter().zip(v).map(|(a, b)| f64::from(*a) * f64::from(b)).sum()
            };
            let norm = dot(&mut gradient.iter().copied()).sqrt();
            (norm as f32, dot(&mut hashed(gradient.len(), stream)) as f32)
        })
        .unzip();
    // PyTorch's own single precision is off its double precision by 1.3e-4 and 1.3e-3 here.
    assert_close("gradient norms", &norms, &reference(&file, &format!("{key}/gradient_norms")), 4e-4);
    assert_close("gradient products", &products, &reference(&file, &format!("{key}/gradient_probes")), 4e-3);
    weights.track(gradient.statistics);
    let sums: Vec<f32> = weights.running.iter().map(|running| values(running.variance.clone()).iter().sum()).collect();
    assert_close("running variances", &sums, &reference(&file, &format!("{key}/running_var_sums")), 1e-5);
    let (logits, _) = network.logits(&weights, images, Mode::Evaluate);
    assert_close("evaluation", &values(logits), &reference(&file, &format!("{key}/evaluation_logits")), 1e-4);
}
