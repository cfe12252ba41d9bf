//! Metrics: what is measured of a problem, its parameters and its recorded losses.

mod bouncing;
mod feature_sparsity;
mod jacobian;
mod sharpness;
mod stabilization;

pub use bouncing::sign_changes;
pub use feature_sparsity::{
    Activation, Activations, Active, FeatureSparsity, NeuronPairs, SparsityBlock, SparsityError, SparsityOptions,
    feature_sparsity, nonzero_share,
};
pub use jacobian::{JacobianRank, jacobian, rank_of, row_norms2};
pub use sharpness::{hessian_vector, sharpness};
pub use stabilization::{Phase, Stabilization, stabilization};
