//! Reports of what is in folders of results: `read` -> `experiment` -> `model` -> `page`; also figures for print and event files.

mod encoding;
pub mod experiment;
mod model;
pub mod page;
pub mod print;
mod read;
mod records_csv;
mod remake;
pub mod tensorboard;

pub use read::read;
