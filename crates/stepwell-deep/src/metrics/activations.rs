//! Activations of a network at named places, their feature sparsity, and their file.

use rayon::prelude::*;
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use stepwell::metrics::{
    Activations, Active, FeatureSparsity, NeuronPairs, SparsityBlock, SparsityError, SparsityOptions,
};

use crate::data::Images;
use crate::engine::Device;
use crate::network::weights::values;
use crate::network::{Network, Weights};
use crate::training::{TrainingSpec, chunks, inputs};

/// Activations at one place: samples x channels x height x width, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct PlaceActivations {
    /// One of the network's places.
    pub place: String,
    /// Samples, channels, height, width.
    pub shape: [usize; 4],
    /// The numbers.
    pub values: Vec<f32>,
}

/// Activations of the first `count` images, without augmentation, in evaluation mode, at each of `places` (in the network's
/// order).
pub fn activations(
    network: &Network,
    weights: &Weights,
    images: &Images,
    count: usize,
    places: &[String],
    device: &Device,
) -> Vec<PlaceActivations> {
    let count = count.min(images.len());
    let mut found: Vec<PlaceActivations> = Vec::new();
    for (from, to) in chunks(count) {
        let features = network.features(weights, inputs(network, images, from, to, device));
        let wanted = features.into_iter().filter(|features| places.contains(&features.place));
        for (k, features) in wanted.enumerate() {
            let [_, channels, height, width] = features.values.dims();
            if from == 0 {
                let shape = [count, channels, height, width];
                let values = Vec::with_capacity(shape.iter().product());
                found.push(PlaceActivations { place: features.place, shape, values });
            }
            found[k].values.extend(values(features.values));
        }
    }
    found
}

/// How a training's feature sparsity is taken: raw rows, entries above 0, the spec's threshold, and so many neurons at
/// random from its seed.
pub fn sparsity_options(spec: &TrainingSpec) -> SparsityOptions {
    SparsityOptions {
        normalize_rows: false,
        threshold: spec.record.threshold,
        active: Active::Positive,
        subset: Some((spec.record.neurons, spec.seed)),
    }
}

impl PlaceActivations {
    /// The feature sparsity coefficient; every channel and position is a neuron.
    ///
    /// # Errors
    /// If an activation is not finite or an option out of range.
    pub fn sparsity(&self, options: SparsityOptions) -> Result<FeatureSparsity, SparsityError> {
        let [samples, rest @ ..] = self.shape;
        let pairs = NeuronPairs::new(Activations::new(samples, rest.iter().product(), &self.values)?, options)?;
        let blocks: Vec<SparsityBlock> = (0..pairs.blocks()).into_par_iter().map(|k| pairs.block(k)).collect();
        Ok(pairs.combine(&blocks))
    }
}

/// The bytes of a .safetensors file with one array a place, named after it.
pub fn to_safetensors(found: &[PlaceActivations]) -> Vec<u8> {
    let bytes: Vec<Vec<u8>> =
        found.iter().map(|place| place.values.iter().flat_map(|v| v.to_le_bytes()).collect()).collect();
    let views = found.iter().zip(&bytes).map(|(place, bytes)| {
        let view = TensorView::new(Dtype::F32, place.shape.to_vec(), bytes);
        (place.place.as_str(), view.expect("as many bytes as the shape says"))
    });
    safetensors::serialize(views, None).expect("names and sizes are in order")
}
