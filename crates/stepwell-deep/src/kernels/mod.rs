//! What the processor computes itself instead of leaving it to Burn: convolution, batch normalization and
//! pooling on plain slices.
//!
//! Work is shared among threads sample by sample or channel by channel, and sums over samples are taken in a fixed
//! grouping, so that the number of threads does not change the bits.

pub mod convolution;
mod direct;
mod matmul;
pub mod normalization;
pub mod pooling;
