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

#[cfg(test)]
mod close {
    /// Fails unless all numbers are those of the definition, up to 1e-5 of the largest.
    pub fn assert_close(found: &[f32], expected: &[f64]) {
        let scale = expected.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        assert_eq!(found.len(), expected.len());
        assert!(found.iter().zip(expected).all(|(a, b)| (f64::from(*a) - b).abs() <= 1e-5 * scale));
    }
}
