//! Dense linear algebra that is deterministic to the bit: fixed-lane sums, matrices, singular values, Lanczos.

mod blocked;
mod lanczos;
pub mod lanes;
mod matrix;
mod qr;
mod singular_values;
mod symmetric;
mod symmetric_eigen;

pub use blocked::{BLOCK, BlockUpdate, Blocked};
pub use lanczos::{Extreme, largest_eigenvalue};
pub use matrix::{AlignedVec, Matrix};
pub use singular_values::singular_values;
pub(crate) use symmetric::Tridiagonal;
pub use symmetric_eigen::{SymmetricEigen, symmetric_eigen};
