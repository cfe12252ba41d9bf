//! Metrics: what is measured of a problem, its parameters and its recorded losses.

mod bouncing;
mod jacobian;
mod sharpness;
mod stabilization;

pub use bouncing::sign_changes;
pub use jacobian::{JacobianRank, jacobian, rank_of, row_norms2};
pub use sharpness::{hessian_vector, sharpness};
pub use stabilization::{Phase, Stabilization, stabilization};
