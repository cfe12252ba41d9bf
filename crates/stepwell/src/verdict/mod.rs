//! Verdicts: what is said of one run, of a statement over seeds, and of a published value. Proofs have words of their own, in
//! [`theory`](crate::theory): they rest on no runs.

mod comparison;
mod divergence;
mod drift;
mod effect;
mod finding;
mod pooled;
mod signs;
mod stabilization;

pub use comparison::{Comparison, as_published};
pub use divergence::{Divergence, Sign, divergence};
pub use drift::{Change, Drift};
pub use effect::Effect;
pub use finding::{Finding, Observation};
pub use pooled::Pooled;
pub use signs::{Signs, least_pairs};
pub use stabilization::{Behavior, Stabilization};
