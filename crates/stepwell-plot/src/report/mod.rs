//! Reports of experiments: `source` -> `model` -> `print`, a figure, and `page`, for a browser.

mod encoding;
mod model;
pub mod page;
pub mod print;
pub mod source;
