//! The commands, one per file.

pub mod advise;
pub mod completions;
#[cfg(feature = "deep")]
pub mod data;
pub mod measure;
#[cfg(feature = "deep")]
pub mod measure_network;
#[cfg(not(feature = "deep"))]
mod not_built;
pub mod phase;
pub mod report;
pub mod reproduce;
pub mod run;
pub mod spec;
pub mod sweep;
#[cfg(feature = "deep")]
pub mod train;
pub mod verify;

#[cfg(not(feature = "deep"))]
pub use not_built::{data, measure_network, train};
