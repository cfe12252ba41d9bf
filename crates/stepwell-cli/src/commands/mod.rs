//! The commands, one a file.

pub mod advise;
pub mod completions;
#[cfg(feature = "deep")]
pub mod data;
#[cfg(not(feature = "deep"))]
#[path = "data_not_built.rs"]
pub mod data;
pub mod measure;
pub mod phase;
pub mod report;
pub mod reproduce;
pub mod run;
pub mod spec;
pub mod sweep;
pub mod verify;
