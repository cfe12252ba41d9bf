//! Deep networks on images under SGD with large step sizes: data sets, networks, training, metrics.

pub mod data;
