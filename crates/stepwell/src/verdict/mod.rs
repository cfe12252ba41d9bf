//! Verdicts: what is said of one run, of a statement over seeds, and of a published value. Proofs have words of their own, in
//! [`theory`](crate::theory): they rest on no runs.

mod comparison;
mod finding;
mod stabilization;

pub use comparison::{Comparison, as_published};
pub use finding::{Effect, Finding, Observation};
pub use stabilization::{Behavior, Stabilization, stabilization, stabilization_of};
