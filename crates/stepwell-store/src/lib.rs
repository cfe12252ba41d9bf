//! Results on disk: folders that are claimed and locked, files that appear whole or not at all and are verified before they are
//! read, runs that go on where they stood.

#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod arrays;
pub mod checkpoints;
mod columns;
pub mod container;
pub mod digest;
pub mod error;
pub mod folder;
mod frames;
pub mod kept;
pub mod lock;
#[cfg(test)]
#[path = "../../stepwell/tests/mutation/mod.rs"]
mod mutation;
pub mod pace;
pub mod records;
pub mod run_folder;
pub mod shell;
pub mod sweep;
pub mod tensorboard;
