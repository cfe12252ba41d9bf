//! What is wrong with a spec, and the checks of single numbers.

use crate::data::DataError;

/// Why a spec was refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SpecError {
    /// A key has a value out of range, or one that does not go with the others.
    #[error("{key}: {found}, expected {expected}")]
    Value {
        /// The key's path.
        key: String,
        /// What stands there.
        found: String,
        /// What would be right.
        expected: String,
    },
    /// The data were refused.
    #[error("{place}: {source}")]
    Data {
        /// The key or file.
        place: String,
        /// Why.
        source: DataError,
    },
    /// A file could not be read.
    #[error("{0}")]
    File(String),
}

pub(super) fn refuse(key: &str, found: impl ToString, expected: impl Into<String>) -> SpecError {
    SpecError::Value { key: key.into(), found: found.to_string(), expected: expected.into() }
}

pub(super) fn require(good: bool, key: &str, found: impl ToString, expected: &str) -> Result<(), SpecError> {
    if good { Ok(()) } else { Err(refuse(key, found, expected)) }
}

pub(super) fn fraction(value: f64, key: &str) -> Result<f64, SpecError> {
    require((0.0..=1.0).contains(&value), key, value, "a fraction of the run between 0 and 1")?;
    Ok(value)
}

pub(super) fn finite(value: f64, key: &str) -> Result<f64, SpecError> {
    require(value.is_finite(), key, value, "a finite number")?;
    Ok(value)
}

pub(super) fn positive(value: f64, key: &str) -> Result<f64, SpecError> {
    require(value > 0.0 && value.is_finite(), key, value, "a positive number")?;
    Ok(value)
}
