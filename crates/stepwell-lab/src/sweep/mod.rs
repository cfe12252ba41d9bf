//! Sweeps: what is varied, the plan of all runs, and one of them at a time.
//!
//! `sweep spec -> axes -> plan -> runs`: grids, lists and draws become settings; a plan numbers the runs of all settings and seeds
//! and divides them into chunks.

pub mod axes;
pub mod plan;
pub mod runs;
pub mod sweep_spec;
