//! The theory: closed forms that runs are compared with, rigorous intervals and machine proofs, and every claim as a check.

mod branch_and_bound;
pub mod claims;
mod interval;
mod jet;
pub mod quadratic;
mod toy_attracting;
pub mod toy_certificates;
pub mod toy_level;
pub mod toy_map;
mod toy_replay;

pub use branch_and_bound::{Decision, MOST_BOXES, Search, is_positive};
pub use interval::Interval;
pub use jet::Jet;
