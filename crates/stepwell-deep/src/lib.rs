//! Deep networks on images under SGD with large step sizes: data sets, networks, training, metrics.

pub mod checkpoint;
pub mod data;
pub mod engine;
mod kernels;
mod layer_ops;
pub mod memory;
pub mod metrics;
pub mod network;
pub mod training;
