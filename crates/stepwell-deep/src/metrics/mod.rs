//! What is measured of a network: sparsity of features, rank of the Jacobian, sharpness.

mod activations;
mod jacobian_rank;
mod sharpness;

pub use activations::{PlaceActivations, activations, sparsity_options, to_safetensors};
pub(crate) use jacobian_rank::jacobian_memory;
pub use jacobian_rank::{JacobianSpectrum, RANK_TOLERANCE, jacobian_rank, jacobian_rank_within};
pub use sharpness::{BatchSharpness, OverBatches, ProbeBatches, Sharpness, batch_sharpness, hessian_vector, sharpness};
