//! What was found, in words and tables.

pub mod advice;
pub mod phase;
