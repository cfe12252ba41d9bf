//! Initial parameters of a network, by name and layer.

use serde::{Deserialize, Serialize};

use super::{FullyConnected, Model};
use crate::linalg::lanes;
use crate::rng::Stream;

/// How the weights or the biases of a layer are drawn. `fan_in` is the number of the layer's inputs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum LayerInit {
    /// All zero.
    Zeros,
    /// Normal with variance `2 / fan_in`. Source: He et al., ICCV 2015.
    He,
    /// Uniform on `+-1/sqrt(fan_in)`: what a linear layer of the common deep-learning frameworks starts from, weights and
    /// biases alike.
    FrameworkDefault,
    /// Normal with this standard deviation.
    Normal(f64),
    /// Uniform between minus and plus this.
    Uniform(f64),
    /// Minus or plus this, with equal chances.
    Sign(f64),
    /// Normal, then each neuron's weights divided by their norm.
    UnitRows,
}

impl LayerInit {
    /// Its number, where it has one.
    pub fn scale(self) -> Option<f64> {
        match self {
            Self::Normal(scale) | Self::Uniform(scale) | Self::Sign(scale) => Some(scale),
            Self::Zeros | Self::He | Self::FrameworkDefault | Self::UnitRows => None,
        }
    }

    /// One entry; rows are normalized by the caller.
    fn draw(self, fan_in: usize, stream: &mut Stream) -> f64 {
        let fan_in = fan_in as f64;
        match self {
            Self::Zeros => 0.0,
            Self::He => (2.0 / fan_in).sqrt() * stream.normal(),
            Self::FrameworkDefault => (2.0 * stream.uniform() - 1.0) / fan_in.sqrt(),
            Self::Normal(scale) => scale * stream.normal(),
            Self::Uniform(scale) => scale * (2.0 * stream.uniform() - 1.0),
            Self::Sign(scale) => {
                if stream.below(2) == 0 {
                    -scale
                } else {
                    scale
                }
            }
            Self::UnitRows => stream.normal(),
        }
    }
}

impl FullyConnected {
    /// Initial parameters: layer by layer the weights, neuron by neuron, then the biases where the layer has them.
    ///
    /// # Panics
    /// If there is not one initialization per layer, the output included, for weights and biases each.
    pub fn draw(&self, weights: &[LayerInit], biases: &[LayerInit], stream: &mut Stream) -> Vec<f64> {
        let shapes = self.shapes();
        assert!(weights.len() == shapes.len() && biases.len() == shapes.len(), "one initialization per layer");
        let mut flat = Vec::with_capacity(self.parameters());
        for ((fan_in, width, bias), (weights, biases)) in shapes.into_iter().zip(weights.iter().zip(biases)) {
            let first = flat.len();
            flat.extend((0..fan_in * width).map(|_| weights.draw(fan_in, stream)));
            if *weights == LayerInit::UnitRows {
                for row in flat[first..].chunks_exact_mut(fan_in) {
                    let norm = lanes::norm2(row).sqrt();
                    row.iter_mut().for_each(|v| *v /= norm);
                }
            }
            if bias {
                flat.extend((0..width).map(|_| biases.draw(fan_in, stream)));
            }
        }
        self.layout().from_pytorch(&flat)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Purpose;
    use crate::tensor::Values;

    /// Weights (row by row) and biases of the first of two layers.
    fn first_layer(weights: LayerInit, biases: LayerInit) -> [Vec<f64>; 2] {
        let network = FullyConnected::new(50, &[400], &[true, false]);
        let theta = network.draw(&[weights; 2], &[biases; 2], &mut Stream::new(1, Purpose::Init));
        let tensors = network.layout().tensors(&theta);
        assert_eq!(tensors.len(), 3);
        [0, 1].map(|k| match &tensors[k].values {
            Values::F64(values) => values.clone(),
            values => panic!("{values:?}"),
        })
    }

    /// Second moments within five standard errors; bounds and signs exactly.
    #[test]
    fn named_initializations_have_their_scales() {
        let mean_square = |v: &[f64]| v.iter().map(|v| v * v).sum::<f64>() / v.len() as f64;
        let [he, he_biases] = first_layer(LayerInit::He, LayerInit::Zeros);
        assert!((mean_square(&he) * 50.0 / 2.0 - 1.0).abs() < 5.0 * (2.0_f64 / 20_000.0).sqrt());
        assert!(he_biases.len() == 400 && he_biases.iter().all(|b| *b == 0.0));
        let [default, default_biases] = first_layer(LayerInit::FrameworkDefault, LayerInit::FrameworkDefault);
        let bound = 1.0 / 50.0_f64.sqrt();
        let most = default.iter().chain(&default_biases).fold(0.0_f64, |m, v| m.max(v.abs()));
        assert!(most <= bound && most > 0.999 * bound);
        assert!((mean_square(&default) * 150.0 - 1.0).abs() < 5.0 * 0.9 / 20_000.0_f64.sqrt());
        let [sign, sign_biases] = first_layer(LayerInit::Sign(2.5), LayerInit::Uniform(0.1));
        assert!(sign.iter().all(|w| w.abs() == 2.5) && sign_biases.iter().all(|b| b.abs() <= 0.1));
        let plus = sign.iter().filter(|w| **w > 0.0).count() as f64;
        assert!((plus - 10_000.0).abs() < 5.0 * 5_000.0_f64.sqrt());
        let [unit, unit_biases] = first_layer(LayerInit::UnitRows, LayerInit::Normal(3.0));
        assert!(unit.chunks(50).all(|row| (lanes::norm2(row) - 1.0).abs() < 1e-14));
        assert!((mean_square(&unit_biases) / 9.0 - 1.0).abs() < 5.0 * (2.0_f64 / 400.0).sqrt());
    }
}
