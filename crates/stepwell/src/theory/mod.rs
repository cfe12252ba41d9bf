//! The theory: closed forms and exact statements that runs are compared with.

pub mod quadratic;
pub mod toy_map;
