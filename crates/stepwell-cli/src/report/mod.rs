//! Reports of folders of results: `read` -> `experiment` -> `model` -> `page`; beside it figures and event files.

mod encoding;
pub mod experiment;
mod model;
pub mod page;
pub mod print;
mod read;
mod records_csv;
pub mod remake;
pub mod tensorboard;

pub use read::read;
