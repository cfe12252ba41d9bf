//! The laboratory: many runs of an experiment, and what is found in them.
//!
//! `spec -> job -> ensemble -> setting -> finding`: a [`Job`](drive::Job) is one run of a setting and seed, an
//! [`ensemble`](drive::ensemble) takes many of them to their ends, a [`Setting`](setting::Setting) holds the outcomes over seeds.
//! Everything here is a function from values to values. Files, clocks, signals and progress bars are known through one
//! trait, [`Watch`](drive::Watch), alone.

#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod drive;
pub mod error;
pub mod experiment;
pub mod experiments;
pub mod findings;
pub mod reproduce;
pub mod setting;
pub mod summary;
