//! The laboratory: many runs of an experiment, and what is found in them.
//!
//! `spec -> runs -> setting -> findings`: [`runs`](runs::runs) takes the settings of a spec to their ends over seeds, a
//! [`Setting`](setting::Setting) holds the outcomes, an [`Experiment`](experiment::Experiment) the settings with what was found in
//! them. [`diagram`](phase::diagram), [`advise`](phase::advise) and [`reproduce`] give experiments as well; all of them are made of
//! one [`Job`](drive::Job) per run and one loop, [`ensemble`](drive::ensemble). Everything here is a function from values to values. Files, clocks, signals and progress bars are known through one
//! trait, [`Watch`](drive::Watch), alone.
//!
//! ```
//! use stepwell::spec::{NoFiles, Spec};
//! use stepwell_lab::drive::ToTheEnd;
//! use stepwell_lab::runs::{runs, settings};
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
//! let experiment = runs(&settings(&spec, &NoFiles)?, 1, 20, &ToTheEnd)?;
//! let setting = &experiment.settings[0];
//! assert_eq!((setting.outcomes.len(), setting.diverged().hits), (20, 0));
//! assert!(setting.band("test_loss").median < 0.1);
//! # Ok::<(), stepwell_lab::error::LabError>(())
//! ```

#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod drive;
pub mod error;
pub mod experiment;
pub mod findings;
pub mod glossary;
pub mod phase;
pub mod reproduce;
pub mod runs;
pub mod setting;
pub mod summary;
pub mod sweep;
pub mod training;
