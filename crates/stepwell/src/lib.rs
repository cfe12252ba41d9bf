//! stepwell: a laboratory for SGD with large step sizes. This crate owns one run, from its text to its verdict.
//!
//! ```text
//! text -> Spec -> Prepared -> Session -> Outcome -> verdict
//! ```
//!
//! A [`Spec`](spec::Spec) is an experiment as data; [`Prepared`](spec::Prepared) is it checked, with its files read; a
//! [`Session`](session::Session) is one run of it, stepped by its caller; an [`Outcome`](outcome::Outcome) is how that ended and what was
//! recorded; a [`verdict`] says what it means. Many runs are the matter of the crate `stepwell-lab`. Everything here is
//! deterministic to the bit: the same seed gives the same bits at every SIMD width, on every machine, in the browser. No files, no
//! clock, no threads.
//!
//! ```
//! use stepwell::run::Status;
//! use stepwell::spec::{NoFiles, Spec};
//!
//! let spec = Spec::from_toml(
//!     r#"
//!     steps = 5000
//!     model = "diagonal_linear"
//!     loss = "half_mean_square"
//!     data.sparse_regression = { n = 20, d = 40, sparsity = 3, test = 100 }
//!     init.diagonal = { u = 0.1, v = 0.0 }
//!     dynamics.sgd = {}
//!     schedule = { step_size = 0.1, decay = [{ after = 0.5, divide_by = 4.0 }] }
//!     "#,
//! )?;
//! let prepared = spec.prepare(&NoFiles)?;
//! let mut session = prepared.session(1)?;
//! while session.advance(1000) == Status::Running {
//!     assert_eq!(session.theta().len(), 80);
//! }
//! let outcome = session.outcome();
//! assert!(!outcome.diverged() && outcome.end_value("train_loss") < 1e-2);
//! println!("{}", outcome.stabilization.behavior.name());
//! # Ok::<(), stepwell::spec::SpecError>(())
//! ```
//!
//! A model, a dynamics and a probe of one's own need the traits [`Model`](model::Model) and [`Dynamics`](dynamics::Dynamics) alone:
//! `examples/of_ones_own.rs`.

#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod container;
pub mod data;
pub mod dynamics;
pub mod landscape;
pub mod linalg;
pub mod lookahead;
pub mod loss;
pub mod loss_blocks;
pub mod metrics;
pub mod model;
pub mod number;
pub mod outcome;
pub mod probe;
pub mod problem;
pub mod record;
pub mod rng;
pub mod run;
pub mod schedule;
pub mod session;
pub mod simd;
pub mod spec;
pub mod statistics;
pub mod tensor;
pub mod theory;
pub mod verdict;
pub mod words;
