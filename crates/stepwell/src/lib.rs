//! stepwell: a laboratory for SGD with large step sizes.
//!
//! The data flows one way: a problem (model, data, loss) is changed by a dynamics that a schedule drives; probes look at
//! it; records, statistics and figures follow. Everything here is deterministic to the bit: the same seed gives the same
//! bits at every SIMD width, on every machine, in the browser.
//!
//! ```
//! use std::sync::Arc;
//! use stepwell::{data::SparseRegression, dynamics::{Sampler, Sgd}, loss::Loss, model::DiagonalLinear};
//! use stepwell::{problem::Problem, run::{Run, Status}, schedule::Schedule};
//!
//! let shape = SparseRegression { n: 20, d: 40, sparsity: 3, test: 100, noise: 0.0 };
//! let data = Arc::new(shape.draw_fresh(1)?);
//! let problem = Problem { model: DiagonalLinear::new(40), data, loss: Loss::HalfMeanSquare };
//! let start = [[0.1; 40], [0.0; 40]].concat();
//! let sgd = Sgd::new(Sampler::own(1, 20));
//! let mut run = Run::new(problem, sgd, Schedule::constant(0.1), &start, 5_000);
//! let before = run.problem().train_loss(run.theta());
//! assert_eq!(run.advance(5_000), Status::Finished);
//! assert!(run.problem().train_loss(run.theta()) < 1e-2 * before);
//! # Ok::<(), stepwell::data::DataError>(())
//! ```

pub mod container;
pub mod data;
pub mod dynamics;
pub mod landscape;
pub mod linalg;
pub mod lookahead;
pub mod loss;
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
