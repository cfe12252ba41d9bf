//! The commands, one a file.

pub mod advise;
pub mod completions;
pub mod measure;
pub mod phase;
pub mod report;
pub mod reproduce;
pub mod run;
pub mod spec;
pub mod sweep;
pub mod verify;
