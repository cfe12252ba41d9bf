//! The laboratory: many runs of an experiment, and what is found in them.
//!
//! `spec -> job -> ensemble -> setting -> finding`: a [`Job`](drive::Job) is one run of a setting and seed, an
//! [`ensemble`](drive::ensemble) takes many of them to their ends, a [`Setting`](setting::Setting) holds the outcomes over seeds.
//! Everything here is a function from values to values. Files, clocks, signals and progress bars are known through one
//! trait, [`Watch`](drive::Watch), alone.
//!
//! ```
//! use stepwell::spec::{NoFiles, Spec};
//! use stepwell_lab::drive::{Job, ToTheEnd, ensemble};
//! use stepwell_lab::setting::Setting;
//!
//! let spec = Spec::from_toml(
//!     r#"
//!     steps = 2000
//!     model = "diagonal_linear"
//!     loss = "half_mean_square"
//!     data.sparse_regression = { n = 20, d = 40, sparsity = 3, test = 100 }
//!     init.diagonal = { u = 0.1, v = 0.0 }
//!     dynamics.sgd = {}
//!     schedule.step_size = 0.1
//!     "#,
//! )?;
//! let prepared = &spec.prepare(&NoFiles)?;
//! let one = |seed| Job::new("mine", seed, String::new(), move || Ok(prepared.session(seed)?));
//! let jobs: Vec<Job<'_>> = (1..=20).map(one).collect();
//! let setting = Setting::new("mine", prepared, ensemble(&jobs, &ToTheEnd)?);
//! assert_eq!((setting.outcomes.len(), setting.diverged().hits), (20, 0));
//! assert!(setting.band("test_loss").median < 0.1);
//! # Ok::<(), stepwell_lab::error::LabError>(())
//! ```

#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod drive;
pub mod error;
pub mod experiment;
pub mod experiments;
pub mod findings;
pub mod phase;
pub mod reproduce;
pub mod runs;
pub mod setting;
pub mod summary;
pub mod sweep;
pub mod training;
