//! What can go wrong in the laboratory.

use std::error::Error;

use stepwell::session::ShapeError;
use stepwell::spec::SpecError;

/// Why there is no result. A diverged run is one, and a stopped run is an outcome that says so.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// The spec was refused, or does not work out for a seed.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// What is asked for cannot be meant.
    #[error("{0}")]
    Usage(String),
    /// It cannot be computed.
    #[error("{0}")]
    Failed(String),
    /// Whoever watches wanted it to stop before there was a result.
    #[error("stopped on request")]
    Stopped,
    /// Whoever watches failed: a file that cannot be written, say.
    #[error(transparent)]
    Outside(Box<dyn Error + Send + Sync>),
}

impl From<ShapeError> for LabError {
    fn from(error: ShapeError) -> Self {
        Self::Usage(error.to_string())
    }
}
