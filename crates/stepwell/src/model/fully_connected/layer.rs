//! One layer of a network: where its parameters and its neurons stand.

/// Where a layer finds its parameters in `theta`, and its activations among all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layer {
    pub(super) fan_in: usize,
    pub(super) width: usize,
    pub(super) bias: bool,
    pub(super) offset: usize,
    pub(super) first_neuron: usize,
}

impl Layer {
    #[inline(always)]
    pub(super) fn weights(&self) -> usize {
        self.fan_in * self.width
    }

    #[inline(always)]
    pub(super) fn parameters(&self) -> usize {
        self.weights() + if self.bias { self.width } else { 0 }
    }

    /// The layer's weights and biases (an empty slice where it has none).
    #[inline(always)]
    pub(super) fn split<'a>(&self, theta: &'a [f64]) -> (&'a [f64], &'a [f64]) {
        theta[self.offset..self.offset + self.parameters()].split_at(self.weights())
    }

    #[inline(always)]
    pub(super) fn split_mut<'a>(&self, theta: &'a mut [f64]) -> (&'a mut [f64], &'a mut [f64]) {
        theta[self.offset..self.offset + self.parameters()].split_at_mut(self.weights())
    }

    /// The layer's part of an array with one entry a hidden neuron.
    #[inline(always)]
    pub(super) fn part<'a>(&self, neurons: &'a [f64]) -> &'a [f64] {
        &neurons[self.first_neuron..self.first_neuron + self.width]
    }

    #[inline(always)]
    pub(super) fn part_mut<'a>(&self, neurons: &'a mut [f64]) -> &'a mut [f64] {
        &mut neurons[self.first_neuron..self.first_neuron + self.width]
    }
}
