//! Metrics: what is measured of a problem, its parameters and its recorded losses.

mod batch_sharpness;
mod bouncing;
mod feature_sparsity;
mod jacobian;
mod kinks;
mod mean_square;
mod predictor;
mod sharpness;
mod spectrum;
mod thresholds;

pub use batch_sharpness::{BatchSharpness, batch_sharpness};
pub use bouncing::sign_changes;
pub use feature_sparsity::{
    Activation, Activations, Active, FeatureSparsity, NeuronPairs, SparsityBlock, SparsityError, SparsityOptions,
    feature_sparsity, nonzero_share,
};
pub use jacobian::{JacobianRank, jacobian, rank_of, row_norms2};
pub use kinks::kinks;
pub use mean_square::{BatchMoments, mean_square_threshold};
pub use predictor::predictor_grid;
pub use sharpness::{hessian_vector, sharpness};
pub use spectrum::{column_norms, effective_rank};
pub use thresholds::{Thresholds, small_step_solution};
