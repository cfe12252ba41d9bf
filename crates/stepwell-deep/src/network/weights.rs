//! The numbers of a network: parameters that training changes, and the running statistics of batch normalization.

use super::Layout;
use crate::engine::{Device, Tensor, TensorData};

/// How much of the new batch enters the running statistics: PyTorch's `momentum`.
const MOMENTUM: f64 = 0.1;

/// Values for each entry of a [`Layout`], on one device, without gradients.
#[derive(Clone, Debug)]
pub struct Weights {
    /// The parameters, flat (PyTorch's memory order), in the layout's order.
    pub parameters: Vec<Tensor<1>>,
    /// The running statistics, in the layout's order.
    pub running: Vec<Running>,
}

/// Running statistics of one batch normalization, used in evaluation mode.
#[derive(Clone, Debug)]
pub struct Running {
    /// Mean per channel; starts at 0.
    pub mean: Tensor<1>,
    /// Unbiased variance per channel; starts at 1.
    pub variance: Tensor<1>,
    /// How many batches have entered.
    pub batches: u64,
}

/// Mean and unbiased variance of a batch per channel, at one batch normalization.
#[derive(Clone, Debug)]
pub struct BatchStatistics {
    /// Mean over samples and positions.
    pub mean: Tensor<1>,
    /// Variance over samples and positions, with `n - 1` in the denominator.
    pub variance: Tensor<1>,
}

impl Weights {
    pub(crate) fn draw(layout: &Layout, seed: u64, device: &Device) -> Self {
        let parameters = layout.draw(seed).into_iter().map(|values| vector(values, device)).collect();
        let running = layout.normalizations().iter().map(|(_, channels)| Running::new(*channels, device)).collect();
        Self { parameters, running }
    }

    /// Takes the statistics of a training batch into the running ones: `r <- (1 - m) r + m s` with `m = 0.1`.
    ///
    /// # Panics
    /// If `batch` does not have one entry per batch normalization.
    pub fn track(&mut self, batch: Vec<BatchStatistics>) {
        assert_eq!(batch.len(), self.running.len(), "one entry per batch normalization");
        for (running, batch) in self.running.iter_mut().zip(batch) {
            running.mean = running.mean.clone() * (1.0 - MOMENTUM) + batch.mean * MOMENTUM;
            running.variance = running.variance.clone() * (1.0 - MOMENTUM) + batch.variance * MOMENTUM;
            running.batches += 1;
        }
    }

    /// All parameters as one vector, in the layout's order.
    pub fn flat(&self) -> Vec<f32> {
        self.parameters.iter().flat_map(|tensor| values(tensor.clone())).collect()
    }

    /// Replaces all parameters by the numbers of one vector, in the layout's order.
    ///
    /// # Panics
    /// If `theta` has another length than all parameters together.
    pub fn set_flat(&mut self, theta: &[f32]) {
        let mut rest = theta;
        for tensor in &mut self.parameters {
            let (head, tail) = rest.split_at(tensor.dims()[0]);
            *tensor = vector(head.to_vec(), &tensor.device());
            rest = tail;
        }
        assert!(rest.is_empty(), "as many numbers as parameters");
    }
}

impl Running {
    pub(crate) fn new(channels: usize, device: &Device) -> Self {
        Self { mean: vector(vec![0.0; channels], device), variance: vector(vec![1.0; channels], device), batches: 0 }
    }
}

/// A vector on the device.
pub(crate) fn vector(values: Vec<f32>, device: &Device) -> Tensor<1> {
    let n = values.len();
    Tensor::from_data(TensorData::new(values, [n]), device)
}

/// The numbers of a tensor, in row-major order.
pub(crate) fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().convert::<f32>().try_to_vec().expect("f32 after conversion")
}
