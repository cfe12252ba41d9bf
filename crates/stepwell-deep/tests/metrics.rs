//! Metrics of networks against direct computations.

mod small;

use small::{SPEC, bars, device, spec, started, values};
use stepwell::linalg::{Matrix, lanes, singular_values, symmetric_eigen};
use stepwell::metrics::{Activations, SparsityOptions, feature_sparsity};
use stepwell::rng::{Purpose, Stream};
use stepwell_deep::data::Images;
use stepwell_deep::metrics::{
    ProbeBatches, RANK_TOLERANCE, activations, batch_sharpness, hessian_vector, jacobian_rank, jacobian_rank_within,
    sharpness, sparsity_options, to_safetensors,
};
use stepwell_deep::network::{Architecture, ConvNet, Mode, Network};

/// Rows from the gradients of one logit at a time, put together and decomposed in double precision.
#[test]
fn jacobian_rank_is_that_of_the_jacobian_row_by_row() {
    let mut training = started(SPEC);
    training.advance(3);
    let (network, weights, images) = (training.network(), training.weights(), &training.images().test);
    let (n, p) = (24, network.layout().parameter_count());
    let found = jacobian_rank(network, weights, images, n, 5, &device());
    assert_eq!((found.parameters, found.singular_values.len()), (p, n));
    let norm: f64 = found.combination.iter().map(|c| f64::from(*c) * f64::from(*c)).sum();
    assert!((norm - 1.0).abs() < 1e-6);

    let mut jacobian = Matrix::zeros(n, p);
    for i in 0..n {
        let mut input = vec![0.0; 14 * 14];
        images.input(i, &mut input);
        for (class, c) in found.combination.iter().enumerate() {
            let one: Vec<f32> = (0..10).map(|k| if k == class { 1.0 } else { 0.0 }).collect();
            let image = network.batch(input.clone(), &device());
            let row = network.pullback(weights, image, one, Mode::Evaluate).flat();
            jacobian.row_mut(i).iter_mut().zip(row).for_each(|(sum, g)| *sum += f64::from(*c) * f64::from(g));
        }
    }
    let direct = singular_values(&jacobian);
    // the root of the Gram matrix's own round-off, beside that of the gradients
    let allowed = 3e-6 * direct[0];
    for (found, direct) in found.singular_values.iter().zip(&direct) {
        assert!((found - direct).abs() < allowed, "{found} {direct}");
    }
    let above = direct.iter().filter(|s| **s > RANK_TOLERANCE * direct[0]).count();
    assert_eq!(found.rank(), above);
    assert!(found.rank() > 1 && found.effective_rank() >= 1.0 && found.effective_rank() <= n as f64);

    // with room for all rows, for seven, and for one: the same bits
    for memory in [7 * 4 * p, 1] {
        assert_eq!(jacobian_rank_within(network, weights, images, n, 5, &device(), memory), found);
    }
}

fn noise(count: usize) -> Images {
    let mut stream = Stream::new(3, Purpose::Data);
    let pixels = (0..count * 14 * 14).map(|_| stream.below(256) as u8).collect();
    let labels = (0..count).map(|_| stream.below(4) as u16).collect();
    Images::new(pixels, labels, [1, 14, 14], 4).unwrap()
}

#[test]
fn repeated_images_add_no_rank() {
    let training = started(SPEC);
    let images = bars(6, 3).halved();
    let pixels = images.pixels().repeat(3);
    let tripled = Images::new(pixels, images.labels().repeat(3), images.shape(), 10).unwrap();
    let rank = |images, n| jacobian_rank(training.network(), training.weights(), images, n, 5, &device()).rank();
    assert_eq!(rank(&tripled, 18), rank(&images, 6));
}

/// Against the Hessian, column by column, of a network with 120 parameters, whose normalizations shift so far up that no
/// positive part has its kink within reach: the loss is smooth, and has one Hessian at all distances.
#[test]
fn sharpness_is_the_largest_eigenvalue_of_the_hessian() {
    let network = Network::new(Architecture::ConvNet(ConvNet { width: 1 }), [1, 14, 14], 4).unwrap();
    let mut weights = network.draw(2, &device());
    for (parameter, tensor) in network.layout().parameters().iter().zip(&mut weights.parameters) {
        if parameter.name.ends_with("norm.bias") {
            *tensor = tensor.clone() + 8.0;
        }
    }
    let images = noise(32);
    let found = sharpness(&network, &weights, &images, 32, Mode::Train, &device());
    assert!(found.value > 0.0 && found.products <= 41, "{found:?}");

    let mut pixels = vec![0.0; 32 * 14 * 14];
    pixels.chunks_exact_mut(14 * 14).enumerate().for_each(|(k, out)| images.input(k, out));
    let labels: Vec<usize> = images.labels().iter().map(|label| usize::from(*label)).collect();
    let batch = network.batch(pixels, &device());
    let p = network.layout().parameter_count();
    let product = |v: &[f64]| hessian_vector(&network, &weights, (&batch, &labels), Mode::Train, v, 2e-3);
    let columns: Vec<Vec<f64>> =
        (0..p).map(|k| product(&(0..p).map(|j| if j == k { 1.0 } else { 0.0 }).collect::<Vec<_>>())).collect();
    let hessian = Matrix::from_fn(p, p, |i, j| 0.5 * (columns[i][j] + columns[j][i]));
    let largest = symmetric_eigen(&hessian).values[0];
    let allowed = 0.01 * largest + found.residual + 2.0 * found.difference_error;
    assert!(found.difference_error < 0.1 * largest, "{found:?}");
    assert!((found.value - largest).abs() < allowed, "{found:?} {largest}");
    // linear in v, and nothing for nothing
    let v: Vec<f64> = (0..p).map(|k| ((k * 37 % 11) as f64) - 5.0).collect();
    let (once, twice) = (product(&v), product(&v.iter().map(|v| 2.0 * v).collect::<Vec<_>>()));
    let off: Vec<f64> = once.iter().zip(&twice).map(|(a, b)| 2.0 * a - b).collect();
    assert!(lanes::norm2(&off).sqrt() < 1e-2 * lanes::norm2(&twice).sqrt());
    assert!(product(&vec![0.0; p]).iter().all(|v| *v == 0.0));
}

/// Where the classifier is zero, the logits are 0 and only its own gradient is not: `loss(theta - s g)` is that of a linear
/// model on the pooled features, whose curvature is `g^T H g = E_i Var_k(d_ik)` with `d_i` the change of image i's logits
/// along g, all classes alike.
#[test]
fn batch_sharpness_of_a_zero_classifier_in_closed_form() {
    let network = Network::new(Architecture::ConvNet(ConvNet { width: 3 }), [1, 14, 14], 4).unwrap();
    let mut weights = network.draw(2, &device());
    for tensor in weights.parameters.iter_mut().rev().take(2) {
        *tensor = tensor.clone() * 0.0;
    }
    let (images, classes, n) = (noise(24), 4, 24);
    let mut pixels = vec![0.0; n * 14 * 14];
    pixels.chunks_exact_mut(14 * 14).enumerate().for_each(|(k, out)| images.input(k, out));
    let features = network.features(&weights, network.batch(pixels, &device())).pop().unwrap();
    assert_eq!(features.place, "pooled");
    let features: Vec<f64> = values(features.values).into_iter().map(f64::from).collect();
    let z: Vec<&[f64]> = features.chunks_exact(12).collect();
    // of a batch: sum of curvatures and squared norm
    let exact = |batch: &[usize]| {
        let off = |i: usize, k: usize| 0.25 - if usize::from(images.labels()[i]) == k { 1.0 } else { 0.0 };
        let size = batch.len() as f64;
        let of_class = |k: usize| -> Vec<f64> {
            let entry = |j: usize| batch.iter().map(|i| off(*i, k) * z[*i].get(j).unwrap_or(&1.0)).sum::<f64>() / size;
            (0..=12).map(entry).collect() // the last is that of the bias
        };
        let g: Vec<Vec<f64>> = (0..classes).map(of_class).collect();
        let variance = |i: &usize| {
            let d = g.iter().map(|g| lanes::dot(&g[..12], z[*i]) + g[12]);
            let (sum, square) = d.fold((0.0, 0.0), |(sum, square), d| (sum + d, square + d * d));
            square / 4.0 - (sum / 4.0) * (sum / 4.0)
        };
        (batch.iter().map(variance).sum::<f64>() / size, g.iter().map(|g| lanes::norm2(g)).sum::<f64>())
    };
    for (size, part) in [(n, n), (n, 7), (1, 1)] {
        let batches = ProbeBatches { size, part, count: n, seed: 9 };
        let found = batch_sharpness(&network, &weights, &images, batches, Mode::Evaluate, &device());
        let all: Vec<usize> = (0..n).collect();
        let sums = all.chunks(size).map(exact).fold((0.0, 0.0), |(a, b), (c, d)| (a + c, b + d));
        let expected = sums.0 / sums.1;
        assert_eq!(found.batches, n / size);
        let ratios = all.chunks(size).map(exact).map(|(curvature, square)| curvature / square);
        let mean = ratios.sum::<f64>() * size as f64 / n as f64;
        for (found, expected) in [(found.ratio_of_means, expected), (found.mean_of_ratios, mean)] {
            assert!(found.difference_error < 1e-3 * expected, "{found:?}");
            assert!((found.value - expected).abs() < 1e-3 * expected, "{found:?} {expected}");
            assert_eq!(found.standard_error.is_nan(), size == n);
        }
    }
}

/// What is exported has the sparsity that was recorded, read as samples x (channels x height x width).
#[test]
fn exported_activations_have_the_recorded_sparsity() {
    let text = SPEC.replace("every = 4", "every = 4\nneurons = 50\nplaces = [\"block1\", \"pooled\"]");
    let mut training = started(&text);
    training.advance(u64::MAX);
    let places = ["block1".to_owned(), "pooled".to_owned()];
    let images = &training.images().train;
    let found = activations(training.network(), training.weights(), images, 40, &places, &device());
    let bytes = to_safetensors(&found);
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    for (place, shape) in places.iter().zip([[40, 2, 14, 14], [40, 8, 1, 1]]) {
        let view = file.tensor(place).unwrap();
        assert_eq!(view.shape(), shape);
        let values: Vec<f64> =
            view.data().as_chunks().0.iter().map(|bytes| f64::from(f32::from_le_bytes(*bytes))).collect();
        let options = SparsityOptions { subset: Some((50, 7)), ..SparsityOptions::default() };
        assert_eq!(options, sparsity_options(&spec(&text)));
        let read = Activations::new(40, values.len() / 40, &values).unwrap();
        let sparsity = feature_sparsity(read, options).unwrap().feature_sparsity;
        assert_eq!(training.records().last(&format!("feature_sparsity/{place}")), sparsity);
    }
}
