//! Sizes, initial values, files, bits and errors of the networks.

mod small;

use small::{device, values};
use stepwell_deep::engine::Tensor;
use stepwell_deep::network::{
    Architecture, ConvNet, DenseNet, FileError, Mode, Network, NetworkError, ResNet, Weights,
};

fn conv_net(width: usize) -> Network {
    Network::new(Architecture::ConvNet(ConvNet { width }), [3, 8, 8], 4).expect("a network")
}

fn small_dense_net() -> Network {
    let shape = DenseNet { depth: 16, growth: 6, bottleneck: true, compression: 0.5 };
    Network::new(Architecture::DenseNet(shape), [1, 14, 14], 10).expect("a network")
}

fn images(network: &Network, samples: usize) -> Tensor<4> {
    let count = samples * network.input().iter().product::<usize>();
    network.batch((0..count).map(|i| (i * 7919 % 1009) as f32 / 1009.0).collect(), &device())
}

#[test]
fn published_numbers_of_parameters() {
    let count = |architecture, classes| {
        Network::new(architecture, [3, 32, 32], classes).expect("a network").layout().parameter_count()
    };
    assert_eq!(count(Architecture::DenseNet(DenseNet::PLAIN_100_12), 10), 6_979_642);
    assert_eq!(count(Architecture::DenseNet(DenseNet::BC_100_12), 10), 769_162);
    assert_eq!(count(Architecture::ResNet(ResNet { width: 64 }), 10), 11_173_962);
    assert_eq!(count(Architecture::ResNet(ResNet { width: 64 }), 100), 11_220_132);
}

/// He's variance with fan-out, identity normalizations, a centered classifier.
#[test]
fn initial_values() {
    let network = Network::new(Architecture::ResNet(ResNet { width: 32 }), [3, 32, 32], 10).expect("a network");
    let weights = network.draw(1, &device());
    for (parameter, tensor) in network.layout().parameters().iter().zip(&weights.parameters) {
        let values = values(tensor.clone());
        let n = values.len() as f64;
        let mean_square = values.iter().map(|v| f64::from(*v) * f64::from(*v)).sum::<f64>() / n;
        match parameter.shape[..] {
            [outputs, _, height, width] => {
                let relative = mean_square * (outputs * height * width) as f64 / 2.0;
                assert!((relative - 1.0).abs() < 5.0 * (2.0 / n).sqrt(), "{}: {relative}", parameter.name);
            }
            [_, features] => {
                let bound = 1.0 / (features as f32).sqrt();
                assert!(
                    values.iter().all(|v| v.abs() <= bound) && (mean_square * 3.0 * features as f64 - 1.0).abs() < 0.1
                );
            }
            _ => {
                let start = if parameter.name.ends_with("weight") { 1.0 } else { 0.0 };
                assert!(values.iter().all(|v| *v == start), "{}", parameter.name);
            }
        }
    }
}

/// The same seed gives the same bits, another seed others; the number of threads changes nothing.
#[test]
fn same_seed_same_bits() {
    let network = small_dense_net();
    let gradient = |seed: u64, threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| {
            let weights = network.draw(seed, &device());
            let labels: Vec<usize> = (0..32).map(|i| i % 10).collect();
            network.gradient(&weights, images(&network, 32), &labels, Mode::Train).flat()
        })
    };
    let bits = |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect::<Vec<u32>>();
    let first = bits(gradient(3, 1));
    assert_eq!(first, bits(gradient(3, 1)));
    assert_eq!(first, bits(gradient(3, 2)));
    assert_ne!(first, bits(gradient(4, 1)));
}

/// In evaluation mode a sample's logits do not depend on its neighbors, and a row of the Jacobian is the difference
/// quotient of its logit.
#[test]
fn evaluation_is_sample_by_sample_and_pullback_is_its_derivative() {
    let network = small_dense_net();
    let mut weights = network.draw(2, &device());
    let (_, statistics) = network.logits(&weights, images(&network, 16), Mode::Train);
    weights.track(statistics);
    let all = values(network.logits(&weights, images(&network, 5), Mode::Evaluate).0);
    let one = values(network.logits(&weights, images(&network, 5).narrow(0, 2, 1), Mode::Evaluate).0);
    assert!(one.iter().zip(&all[20..30]).all(|(a, b)| (a - b).abs() < 1e-4 * (1.0 + b.abs())));

    let image = images(&network, 1);
    let mut unit = vec![0.0; 10];
    unit[3] = 1.0;
    let row = network.pullback(&weights, image.clone(), unit, Mode::Evaluate);
    assert!((row.loss - f64::from(row.logits[3])).abs() < 1e-6);
    let gradient = row.flat();
    let norm = gradient.iter().map(|g| g * g).sum::<f32>().sqrt();
    let theta = weights.flat();
    let logit = |h: f32| {
        let mut moved = weights.clone();
        moved.set_flat(&theta.iter().zip(&gradient).map(|(t, g)| t + h * g / norm).collect::<Vec<f32>>());
        f64::from(values(network.logits(&moved, image.clone(), Mode::Evaluate).0)[3])
    };
    let h = 1e-3;
    let quotient = (logit(h) - logit(-h)) / (2.0 * f64::from(h));
    assert!((quotient / f64::from(norm) - 1.0).abs() < 0.02, "{quotient} against {norm}");
}

#[test]
fn features_at_named_places() {
    let network = small_dense_net();
    assert_eq!(network.places(), ["block1", "block2", "block3", "pooled"]);
    let features = network.features(&network.draw(1, &device()), images(&network, 2));
    let shapes: Vec<[usize; 4]> = features.iter().map(|features| features.values.dims()).collect();
    assert_eq!(shapes, [[2, 24, 14, 14], [2, 24, 7, 7], [2, 24, 3, 3], [2, 24, 1, 1]]);
    assert!(features.iter().map(|features| &features.place).eq(&network.places()));
    assert!(features.iter().all(|features| values(features.values.clone()).iter().all(|v| *v >= 0.0)));
    let last = values(features[2].values.clone());
    let pooled = values(features[3].values.clone());
    let means: Vec<f32> = last.chunks(9).map(|map| map.iter().sum::<f32>() / 9.0).collect();
    assert!(pooled.iter().any(|v| *v > 0.0) && pooled.iter().zip(&means).all(|(a, b)| (a - b).abs() <= 1e-5 * b.abs()));
}

/// A few steps reduce the loss on a batch that can be told apart.
#[test]
fn training_reduces_the_loss() {
    let network = conv_net(4);
    let mut weights = network.draw(1, &device());
    let labels: Vec<usize> = (0..16).map(|i| i % 4).collect();
    let pixels =
        (0..16 * 3 * 64).map(|i| ((i / 192 % 4) as f32 * 0.2 + (i * 7919 % 1009) as f32 / 5045.0).min(1.0)).collect();
    let images = network.batch(pixels, &device());
    let losses: Vec<f64> = (0..20)
        .map(|_| {
            let gradient = network.gradient(&weights, images.clone(), &labels, Mode::Train);
            for (parameter, gradient) in weights.parameters.iter_mut().zip(&gradient.parameters) {
                *parameter = parameter.clone() - gradient.clone() * 0.1;
            }
            weights.track(gradient.statistics);
            gradient.loss
        })
        .collect();
    assert!(losses[19] < 0.5 * losses[0], "{losses:?}");
}

#[test]
fn a_diverged_network_says_so() {
    let network = conv_net(4);
    let mut weights = network.draw(1, &device());
    weights.set_flat(&vec![f32::NAN; network.layout().parameter_count()]);
    assert!(network.gradient(&weights, images(&network, 2), &[0, 1], Mode::Train).loss.is_nan());
    weights.set_flat(&vec![1e30; network.layout().parameter_count()]);
    assert!(!network.gradient(&weights, images(&network, 2), &[0, 1], Mode::Train).loss.is_finite());
}

/// Saved and loaded weights are the same; those of another network are refused with every difference named.
#[test]
fn files() {
    let network = conv_net(4);
    let weights = network.draw(1, &device());
    let bytes = network.to_safetensors(&weights);
    let same = |a: &Weights, b: &Weights| {
        a.flat() == b.flat()
            && a.running.iter().zip(&b.running).all(|(a, b)| values(a.mean.clone()) == values(b.mean.clone()))
    };
    assert!(same(&network.from_safetensors(&bytes, &device()).expect("its own file"), &weights));
    let wider = conv_net(5).from_safetensors(&bytes, &device()).expect_err("other shapes").to_string();
    assert!(wider.contains("\n  stage1.conv.weight: found shape [4, 3, 3, 3], expected [5, 3, 3, 3]"), "{wider}");
    let other = small_dense_net().from_safetensors(&bytes, &device()).expect_err("other names").to_string();
    assert!(other.contains("\n  features.conv0.weight: missing, expected shape [12, 1, 3, 3]"), "{other}");
    assert!(other.contains("\n  stage1.conv.weight: unexpected"), "{other}");
    let cut = network.from_safetensors(&bytes[..bytes.len() - 1], &device());
    assert!(matches!(cut, Err(FileError::Format(_))));
}

#[test]
fn networks_that_cannot_be() {
    let error = |architecture, input| Network::new(architecture, input, 10).err();
    let dense = |depth, bottleneck, compression| {
        Architecture::DenseNet(DenseNet { depth, growth: 12, bottleneck, compression })
    };
    assert_eq!(error(dense(102, true, 0.5), [3, 32, 32]), Some(NetworkError::Depth { found: 102, each: 6 }));
    assert_eq!(error(dense(4, false, 0.5), [3, 32, 32]), Some(NetworkError::Depth { found: 4, each: 3 }));
    assert_eq!(error(dense(100, true, 0.0), [3, 32, 32]), Some(NetworkError::Compression(0.0)));
    assert_eq!(
        error(Architecture::ResNet(ResNet { width: 0 }), [3, 32, 32]),
        Some(NetworkError::Size { name: "width", found: 0 })
    );
    let small = NetworkError::Image { height: 3, width: 32, least: 4 };
    assert_eq!(error(dense(100, true, 0.5), [3, 3, 32]), Some(small));
}
