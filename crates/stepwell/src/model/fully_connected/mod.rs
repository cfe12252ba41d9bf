//! Fully connected ReLU networks of any depth and width with one output.

mod kernels;
mod layer;
mod one_hidden_layer;

use kernels::{add_scaled, forward, masked, output_step, relu, row_step, row_sum, subtract_scaled};
use layer::Layer;

use super::{Features, Model};
use crate::linalg::lanes;
use crate::linalg::{AlignedVec, Matrix};
use crate::tensor::{Layout, TensorLayout};

/// `h(theta, x) = W_L relu(.. relu(W_1 x + b_1) ..) + b_L`, with or without biases in each layer.
///
/// `theta` holds layer after layer: the weights, then the biases where the layer has them. Weights stand *input by
/// input*: entry `i * width + j` leads from input i to neuron j, so that neighbors in memory belong to neighboring neurons
/// and a layer is computed for many neurons at once without a sum across them. That is the transpose of PyTorch's
/// `width x fan_in`; [`Model::layout`] goes from one to the other. The tensors are `layer1.weight`, `layer1.bias`, and so
/// on; the last layer is the output's.
///
/// `relu'(0) = 0`. A NaN stays one through `relu`. The output is a sum in the lanes of [`crate::linalg::lanes`]; what
/// flows back to a hidden neuron is summed over whole blocks of eight, then over the rest one by one.
///
/// ```
/// use stepwell::model::{FullyConnected, Model};
/// let network = FullyConnected::new(1, &[2], &[true, false]);
/// let theta = [1.0, -1.0, 0.0, 0.5, 3.0, 4.0]; // first weights, biases, output weights
/// assert_eq!(network.predict(&theta, &[2.0], &mut network.tape()), 3.0 * 2.0);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FullyConnected {
    layers: Vec<Layer>,
}

/// What a prediction leaves behind, one entry a hidden neuron each, and the room that pullbacks work in.
#[derive(Clone, Debug)]
pub struct NetworkTape {
    activations: AlignedVec,
    deltas: AlignedVec,
    tangents: AlignedVec,
    delta_tangents: AlignedVec,
}

impl FullyConnected {
    /// A network of `inputs` inputs and the `hidden` widths. `bias` says for each layer, the output included, whether it
    /// has biases.
    ///
    /// # Panics
    /// If a width or `inputs` is 0, or `bias` has not one entry more than `hidden`.
    pub fn new(inputs: usize, hidden: &[usize], bias: &[bool]) -> Self {
        assert!(inputs > 0 && hidden.iter().all(|width| *width > 0), "a layer needs at least one neuron");
        assert_eq!(bias.len(), hidden.len() + 1, "one bias flag per layer, the output included");
        let (mut fan_in, mut offset, mut first_neuron) = (inputs, 0, 0);
        let widths = hidden.iter().copied().chain([1]);
        let layers = widths
            .zip(bias)
            .map(|(width, &bias)| {
                let layer = Layer { fan_in, width, bias, offset, first_neuron };
                fan_in = width;
                offset += layer.parameters();
                first_neuron += width;
                layer
            })
            .collect();
        Self { layers }
    }

    /// `(fan_in, width, bias)` of each layer, the output included.
    pub fn shapes(&self) -> Vec<(usize, usize, bool)> {
        self.layers.iter().map(|layer| (layer.fan_in, layer.width, layer.bias)).collect()
    }

    /// The first layer's neurons as points (m x d): row j is `w_j |a_j|`, with `a_j` what neuron j sends on (its output
    /// weight; in deeper networks the norm of its outgoing weights).
    ///
    /// Rows that align are neurons that compute the same feature. `None` for a network without a hidden layer.
    pub fn neurons(&self, theta: &[f64]) -> Option<Matrix> {
        let [first, second, ..] = &self.layers[..] else { return None };
        let (weights, _) = first.split(theta);
        let (outgoing, _) = second.split(theta);
        let sent = |j: usize| lanes::norm2(&outgoing[j * second.width..(j + 1) * second.width]).sqrt();
        Some(Matrix::from_fn(first.width, first.fan_in, |j, i| weights[i * first.width + j] * sent(j)))
    }

    /// Pre-activations of hidden layer `layer` from the activations of the one before it (or the inputs).
    pub(crate) fn pre_activations(&self, theta: &[f64], layer: usize, input: &[f64], out: &mut [f64]) {
        let layer = &self.layers[layer];
        let (weights, biases) = layer.split(theta);
        forward(weights, biases, input, out, |z| z);
    }

    /// The same without biases.
    pub(crate) fn weighted_sums(&self, theta: &[f64], layer: usize, input: &[f64], out: &mut [f64]) {
        forward(self.layers[layer].split(theta).0, &[], input, out, |z| z);
    }

    /// The activations of hidden layer `k`, or the inputs for the layer before the first.
    #[inline(always)]
    fn input_of<'a>(&self, k: usize, x: &'a [f64], neurons: &'a [f64]) -> &'a [f64] {
        if k == 0 { x } else { self.layers[k - 1].part(neurons) }
    }
}

impl Model for FullyConnected {
    type Tape = NetworkTape;

    fn parameters(&self) -> usize {
        self.layers.iter().map(Layer::parameters).sum()
    }

    fn inputs(&self) -> usize {
        self.layers[0].fan_in
    }

    fn layout(&self) -> Layout {
        let mut tensors = Vec::new();
        for (layer, k) in self.layers.iter().zip(1..) {
            tensors.push(TensorLayout::column_major(format!("layer{k}.weight"), vec![layer.width, layer.fan_in]));
            if layer.bias {
                tensors.push(TensorLayout::row_major(format!("layer{k}.bias"), vec![layer.width]));
            }
        }
        Layout(tensors)
    }

    fn tape(&self) -> NetworkTape {
        // one entry more than hidden neurons: the output
        let room = || AlignedVec::zeros(self.layers.iter().map(|layer| layer.width).sum());
        NetworkTape { activations: room(), deltas: room(), tangents: room(), delta_tangents: room() }
    }

    #[inline(always)]
    fn predict(&self, theta: &[f64], x: &[f64], tape: &mut NetworkTape) -> f64 {
        let output = self.layers.len() - 1;
        for (k, layer) in self.layers[..output].iter().enumerate() {
            let (weights, biases) = layer.split(theta);
            let (before, out) = tape.activations.split_at_mut(layer.first_neuron);
            forward(weights, biases, self.input_of(k, x, before), &mut out[..layer.width], relu);
        }
        let (weights, bias) = self.layers[output].split(theta);
        let sum = lanes::dot(weights, self.input_of(output, x, &tape.activations));
        if let [bias] = bias { sum + bias } else { sum }
    }

    #[inline(always)]
    fn pullback(&self, theta: &[f64], x: &[f64], tape: &mut NetworkTape, w: f64, out: &mut [f64]) {
        let NetworkTape { activations, deltas, .. } = tape;
        deltas[self.layers[self.layers.len() - 1].first_neuron] = w;
        for (k, layer) in self.layers.iter().enumerate().rev() {
            let (weights, _) = layer.split(theta);
            let (out_weights, out_biases) = layer.split_mut(out);
            let (before, delta) = deltas.split_at_mut(layer.first_neuron);
            let delta = &delta[..layer.width];
            if layer.bias {
                add_scaled(out_biases, 1.0, delta);
            }
            let input = self.input_of(k, x, activations);
            for (input, out) in input.iter().zip(out_weights.chunks_exact_mut(layer.width)) {
                add_scaled(out, *input, delta);
            }
            if k > 0 {
                let before = self.layers[k - 1].part_mut(before);
                for ((before, input), row) in before.iter_mut().zip(input).zip(weights.chunks_exact(layer.width)) {
                    *before = masked(*input, row_sum(row, delta));
                }
            }
        }
    }

    /// The derivative of the pullback along `v`; the activation pattern does not change almost everywhere.
    fn curvature(&self, theta: &[f64], x: &[f64], tape: &mut NetworkTape, w: f64, v: &[f64], out: &mut [f64]) {
        let NetworkTape { activations, deltas, tangents, delta_tangents } = tape;
        let output = self.layers.len() - 1;
        for (k, layer) in self.layers[..output].iter().enumerate() {
            let (along, along_biases) = layer.split(v);
            let (before, tangent) = tangents.split_at_mut(layer.first_neuron);
            let tangent = &mut tangent[..layer.width];
            forward(along, along_biases, self.input_of(k, x, activations), tangent, |z| z);
            if k > 0 {
                let weights = layer.split(theta).0.chunks_exact(layer.width);
                for (before, row) in self.layers[k - 1].part(before).iter().zip(weights) {
                    add_scaled(tangent, *before, row);
                }
            }
            for (tangent, activation) in tangent.iter_mut().zip(layer.part(activations)) {
                *tangent = masked(*activation, *tangent);
            }
        }
        deltas[self.layers[output].first_neuron] = w;
        delta_tangents[self.layers[output].first_neuron] = 0.0;
        for (k, layer) in self.layers.iter().enumerate().rev() {
            let (weights, along) = (layer.split(theta).0, layer.split(v).0);
            let (out_weights, out_biases) = layer.split_mut(out);
            let (before, delta) = deltas.split_at_mut(layer.first_neuron);
            let (before_tangent, delta_tangent) = delta_tangents.split_at_mut(layer.first_neuron);
            let (delta, delta_tangent) = (&delta[..layer.width], &delta_tangent[..layer.width]);
            if layer.bias {
                add_scaled(out_biases, 1.0, delta_tangent);
            }
            let input = self.input_of(k, x, activations);
            for (i, out) in out_weights.chunks_exact_mut(layer.width).enumerate() {
                add_scaled(out, input[i], delta_tangent);
                if k > 0 {
                    add_scaled(out, self.layers[k - 1].part(tangents)[i], delta);
                }
            }
            if k > 0 {
                let before = self.layers[k - 1].part_mut(before);
                let before_tangent = self.layers[k - 1].part_mut(before_tangent);
                let rows = weights.chunks_exact(layer.width).zip(along.chunks_exact(layer.width));
                for (i, (row, along)) in rows.enumerate() {
                    before[i] = masked(input[i], row_sum(row, delta));
                    before_tangent[i] = masked(input[i], row_sum(along, delta) + row_sum(row, delta_tangent));
                }
            }
        }
    }

    /// With one hidden layer update and next prediction are one pass; deeper networks are updated as the deltas flow
    /// back, without a gradient in between.
    #[inline(always)]
    fn step_and_predict(
        &self,
        theta: &mut [f64],
        x: &[f64],
        tape: &mut NetworkTape,
        w: f64,
        next_x: &[f64],
        _: &mut [f64],
    ) -> f64 {
        if self.layers.len() == 2 {
            let (first, output) = (&self.layers[0], &self.layers[1]);
            return one_hidden_layer::step(theta, [first, output], &mut tape.activations, x, w, next_x);
        }
        let NetworkTape { activations, deltas, .. } = tape;
        let last = self.layers.len() - 1;
        let (weights, bias) = self.layers[last].split_mut(theta);
        subtract_scaled(bias, w, &[1.0][..bias.len()]);
        let input = self.input_of(last, x, activations);
        if last == 0 {
            subtract_scaled(weights, w, input);
        } else {
            output_step(weights, input, w, self.layers[last - 1].part_mut(deltas));
        }
        for (k, layer) in self.layers[..last].iter().enumerate().rev() {
            let (weights, biases) = layer.split_mut(theta);
            let (before, delta) = deltas.split_at_mut(layer.first_neuron);
            let delta = &delta[..layer.width];
            if layer.bias {
                subtract_scaled(biases, 1.0, delta);
            }
            let input = self.input_of(k, x, activations);
            let rows = input.iter().zip(weights.chunks_exact_mut(layer.width));
            if k > 0 {
                let before = self.layers[k - 1].part_mut(before);
                for ((input, row), before) in rows.zip(before) {
                    *before = masked(*input, row_step(row, *input, delta));
                }
            } else {
                for (input, row) in rows {
                    subtract_scaled(row, *input, delta);
                }
            }
        }
        self.predict(theta, next_x, tape)
    }

    fn features(&self) -> Option<&dyn Features> {
        Some(self)
    }

    fn network(&self) -> Option<&FullyConnected> {
        Some(self)
    }
}

impl Features for FullyConnected {
    fn layers(&self) -> Vec<usize> {
        self.layers[..self.layers.len() - 1].iter().map(|layer| layer.width).collect()
    }

    fn activations(&self, theta: &[f64], x: &[f64], layer: usize, out: &mut [f64]) {
        let mut tape = self.tape();
        self.predict(theta, x, &mut tape);
        out.copy_from_slice(self.layers[layer].part(&tape.activations));
    }
}
