//! The step of a network with one hidden layer.

use super::kernels::{masked, relu};
use super::layer::Layer;
use crate::linalg::lanes::{LANES, combine, for_lanes};

/// Update and next prediction in one pass over the neurons.
#[inline(always)]
pub(super) fn step(
    theta: &mut [f64],
    [first, output]: [&Layer; 2],
    activations: &mut [f64],
    x: &[f64],
    w: f64,
    next_x: &[f64],
) -> f64 {
    let (d, m) = (first.fan_in, first.width);
    let (hidden, output) = theta.split_at_mut(output.offset);
    let (weights, biases) = hidden.split_at_mut(d * m);
    let (outgoing, output_bias) = output.split_at_mut(m);
    let activations = &mut activations[..m];
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
