//! Reports of experiments: `experiment` -> `model` -> `print`, a figure, and `page`, for a browser.

mod encoding;
pub mod experiment;
mod model;
pub mod page;
pub mod print;
