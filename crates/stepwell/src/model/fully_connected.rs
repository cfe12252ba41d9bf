//! Fully connected ReLU networks of any depth and width with one output.

use super::{Features, Model};
use crate::linalg::lanes::{self, LANES, combine, for_lanes};
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

/// Where a layer finds its parameters in `theta`, and its activations among all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Layer {
    fan_in: usize,
    width: usize,
    bias: bool,
    offset: usize,
    first_neuron: usize,
}

impl Layer {
    fn weights(&self) -> usize {
        self.fan_in * self.width
    }

    fn parameters(&self) -> usize {
        self.weights() + if self.bias { self.width } else { 0 }
    }

    /// The layer's weights and biases (an empty slice where it has none).
    #[inline(always)]
    fn split<'a>(&self, theta: &'a [f64]) -> (&'a [f64], &'a [f64]) {
        theta[self.offset..self.offset + self.parameters()].split_at(self.weights())
    }

    #[inline(always)]
    fn split_mut<'a>(&self, theta: &'a mut [f64]) -> (&'a mut [f64], &'a mut [f64]) {
        theta[self.offset..self.offset + self.parameters()].split_at_mut(self.weights())
    }

    /// The layer's part of an array with one entry a hidden neuron.
    #[inline(always)]
    fn part<'a>(&self, neurons: &'a [f64]) -> &'a [f64] {
        &neurons[self.first_neuron..self.first_neuron + self.width]
    }

    #[inline(always)]
    fn part_mut<'a>(&self, neurons: &'a mut [f64]) -> &'a mut [f64] {
        &mut neurons[self.first_neuron..self.first_neuron + self.width]
    }
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
        assert_eq!(bias.len(), hidden.len() + 1, "one bias flag a layer, the output included");
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

    /// The step of a network with one hidden layer: update and next prediction in one pass over the neurons.
    #[inline(always)]
    fn fused_step(&self, theta: &mut [f64], x: &[f64], tape: &mut NetworkTape, w: f64, next_x: &[f64]) -> f64 {
        let (d, m) = (self.layers[0].fan_in, self.layers[0].width);
        let (hidden, output) = theta.split_at_mut(self.layers[1].offset);
        let (weights, biases) = hidden.split_at_mut(d * m);
        let (outgoing, output_bias) = output.split_at_mut(m);
        let activations = &mut tape.activations[..m];
        assert!(x.len() == d && next_x.len() == d && (biases.is_empty() || biases.len() == m));
        let mut acc = [0.0; LANES];
        let end = for_lanes!(m, |from, LANE, SIZE| {
            let terms = neuron_step::<SIZE>(from, weights, biases, outgoing, activations, x, next_x, w);
            for l in 0..SIZE {
                acc[LANE + l] += terms[l];
            }
        });
        let sum = if end == m {
            combine(acc)
        } else {
            // a copy, so that the lanes above stay in registers
            let mut last = acc;
            for j in end..m {
                last[j % LANES] += neuron_step::<1>(j, weights, biases, outgoing, activations, x, next_x, w)[0];
            }
            combine(last)
        };
        match output_bias {
            [bias] => {
                *bias -= w;
                sum + *bias
            }
            _ => sum,
        }
    }
}

/// `relu(z)`; NaN stays NaN.
#[inline(always)]
fn relu(z: f64) -> f64 {
    if z < 0.0 { 0.0 } else { z }
}

/// Neurons `from..from + B` of a network with one hidden layer: their step, and their terms of the next prediction.
#[allow(clippy::too_many_arguments, reason = "the slices of one fused pass")]
#[inline(always)]
fn neuron_step<const B: usize>(
    from: usize,
    weights: &mut [f64],
    biases: &mut [f64],
    outgoing: &mut [f64],
    activations: &mut [f64],
    x: &[f64],
    next_x: &[f64],
    w: f64,
) -> [f64; B] {
    let m = outgoing.len();
    let outgoing = &mut outgoing[from..from + B];
    let activations = &mut activations[from..from + B];
    let (mut delta, mut z) = ([0.0; B], [0.0; B]);
    for l in 0..B {
        delta[l] = masked(activations[l], w * outgoing[l]);
    }
    if !biases.is_empty() {
        let biases = &mut biases[from..from + B];
        for l in 0..B {
            biases[l] -= delta[l];
        }
        z.copy_from_slice(biases);
    }
    for (i, (x, next_x)) in x.iter().zip(next_x).enumerate() {
        let row = &mut weights[i * m + from..i * m + from + B];
        for l in 0..B {
            row[l] -= delta[l] * x;
            z[l] += row[l] * next_x;
        }
    }
    let mut terms = [0.0; B];
    for l in 0..B {
        outgoing[l] -= w * activations[l];
        activations[l] = relu(z[l]);
        terms[l] = outgoing[l] * activations[l];
    }
    terms
}

/// Calls `$block` on pieces of `0..m` of 32, 8, 4, 2 and 1 neighbors.
macro_rules! for_pieces {
    ($m:expr, |$from:ident, $size:ident| $block:expr) => {{
        let m = $m;
        let mut $from = 0;
        for_pieces!(@while 32, m, $from, $size, $block);
        for_pieces!(@while 8, m, $from, $size, $block);
        for_pieces!(@if 4, m, $from, $size, $block);
        for_pieces!(@if 2, m, $from, $size, $block);
        if m > $from {
            const $size: usize = 1;
            $block;
        }
    }};
    (@while $b:literal, $m:ident, $from:ident, $size:ident, $block:expr) => {
        while $m - $from >= $b {
            const $size: usize = $b;
            $block;
            $from += $b;
        }
    };
    (@if $b:literal, $m:ident, $from:ident, $size:ident, $block:expr) => {
        if $m - $from >= $b {
            const $size: usize = $b;
            $block;
            $from += $b;
        }
    };
}

/// `out = f(b + W^T input)`, terms added in the order of the inputs.
#[inline(always)]
fn forward(weights: &[f64], biases: &[f64], input: &[f64], out: &mut [f64], f: impl Fn(f64) -> f64) {
    for_pieces!(out.len(), |from, SIZE| {
        let z = affine::<SIZE>(from, out.len(), weights, biases, input);
        for l in 0..SIZE {
            out[from + l] = f(z[l]);
        }
    });
}

#[inline(always)]
fn affine<const B: usize>(from: usize, m: usize, weights: &[f64], biases: &[f64], input: &[f64]) -> [f64; B] {
    let mut z = [0.0; B];
    if !biases.is_empty() {
        z.copy_from_slice(&biases[from..from + B]);
    }
    for (x, row) in input.iter().zip(weights.chunks_exact(m)) {
        let row = &row[from..from + B];
        for l in 0..B {
            z[l] += row[l] * x;
        }
    }
    z
}

/// `<row, delta>`: whole blocks of eight in eight lanes, then the rest one by one.
#[inline(always)]
fn row_sum(row: &[f64], delta: &[f64]) -> f64 {
    let whole = row.len() - row.len() % 8;
    let (row, row_rest) = row.split_at(whole);
    let (delta, delta_rest) = delta.split_at(whole);
    let mut acc = [0.0; 8];
    for (row, delta) in row.chunks_exact(8).zip(delta.chunks_exact(8)) {
        for l in 0..8 {
            acc[l] += row[l] * delta[l];
        }
    }
    let mut sum = sum_of_eight(acc);
    for (row, delta) in row_rest.iter().zip(delta_rest) {
        sum += row * delta;
    }
    sum
}

/// The step of output weights, `weights -= w input`, and what flows back to the neurons `input` from the old ones.
#[inline(always)]
fn output_step(weights: &mut [f64], input: &[f64], w: f64, delta: &mut [f64]) {
    assert!(weights.len() == input.len() && input.len() == delta.len());
    for_pieces!(input.len(), |from, SIZE| {
        let (weights, input) = (&mut weights[from..from + SIZE], &input[from..from + SIZE]);
        let delta = &mut delta[from..from + SIZE];
        for l in 0..SIZE {
            delta[l] = masked(input[l], w * weights[l]);
            weights[l] -= w * input[l];
        }
    });
}

/// `row -= input delta`, and the [`row_sum`] of the old row.
#[inline(always)]
fn row_step(row: &mut [f64], input: f64, delta: &[f64]) -> f64 {
    assert_eq!(row.len(), delta.len());
    let mut acc = [0.0; 8];
    let mut from = 0;
    while row.len() - from >= 8 {
        let terms = row_piece::<8>(&mut row[from..], input, &delta[from..]);
        for l in 0..8 {
            acc[l] += terms[l];
        }
        from += 8;
    }
    let mut sum = sum_of_eight(acc);
    if row.len() - from >= 4 {
        let terms = row_piece::<4>(&mut row[from..], input, &delta[from..]);
        sum = (((sum + terms[0]) + terms[1]) + terms[2]) + terms[3];
        from += 4;
    }
    if row.len() - from >= 2 {
        let terms = row_piece::<2>(&mut row[from..], input, &delta[from..]);
        sum = (sum + terms[0]) + terms[1];
        from += 2;
    }
    if row.len() > from {
        sum += row_piece::<1>(&mut row[from..], input, &delta[from..])[0];
    }
    sum
}

#[inline(always)]
fn row_piece<const B: usize>(row: &mut [f64], input: f64, delta: &[f64]) -> [f64; B] {
    let (row, delta) = (&mut row[..B], &delta[..B]);
    let mut terms = [0.0; B];
    for l in 0..B {
        terms[l] = row[l] * delta[l];
        row[l] -= input * delta[l];
    }
    terms
}

#[inline(always)]
fn sum_of_eight(a: [f64; 8]) -> f64 {
    ((a[0] + a[4]) + (a[2] + a[6])) + ((a[1] + a[5]) + (a[3] + a[7]))
}

/// `out += a x`, written in pieces so that short rows are vectors too.
#[inline(always)]
fn add_scaled(out: &mut [f64], a: f64, x: &[f64]) {
    assert_eq!(out.len(), x.len());
    for_pieces!(x.len(), |from, SIZE| {
        let (out, x) = (&mut out[from..from + SIZE], &x[from..from + SIZE]);
        for l in 0..SIZE {
            out[l] += a * x[l];
        }
    });
}

/// `out -= a x`.
#[inline(always)]
fn subtract_scaled(out: &mut [f64], a: f64, x: &[f64]) {
    assert_eq!(out.len(), x.len());
    for_pieces!(x.len(), |from, SIZE| {
        let (out, x) = (&mut out[from..from + SIZE], &x[from..from + SIZE]);
        for l in 0..SIZE {
            out[l] -= a * x[l];
        }
    });
}

/// `value`, or 0 where the neuron is not active. In bits, as a branch for each neuron would not become a vector.
#[inline(always)]
fn masked(activation: f64, value: f64) -> f64 {
    let mask = u64::from(activation > 0.0).wrapping_neg();
    f64::from_bits(value.to_bits() & mask)
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
            return self.fused_step(theta, x, tape, w, next_x);
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
