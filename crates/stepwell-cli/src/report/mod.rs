//! Reports of folders of results: what is read from them, how they are made again, and event files.

mod read;
mod records_csv;
pub mod remake;
pub mod tensorboard;

pub use read::read;
