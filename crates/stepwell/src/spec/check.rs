//! What is wrong with a spec, and the checks of single numbers.

use std::ops::Range;

use crate::data::DataError;

/// Why a spec was refused. It is displayed as one line; [`in_text`](Self::in_text) shows it at its place in the text.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SpecError {
    /// The text is not that of a spec: it is not TOML, or has a key, a name or a type that does not belong there.
    #[error("{}", keyed(key, &self.message()))]
    Text {
        /// The key's path, as in `schedule.step_size`; empty if the text is not TOML.
        key: String,
        /// What stands there.
        found: String,
        /// What would be right; empty if there is nothing to say.
        expected: String,
        /// The right word that is most like the wrong one.
        nearest: Option<String>,
        /// Where it stands in the text, in bytes.
        span: Option<Range<usize>>,
    },
    /// A key has a value out of range, or one that does not go with the others.
    #[error("{}", keyed(key, &self.message()))]
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
    /// A change by `key=value` is to blame, not the text.
    #[error("--set {set}: {}", error.message())]
    Set {
        /// The change or its key; several changes if it is not known which of them.
        set: String,
        /// What is wrong.
        error: Box<SpecError>,
    },
}

impl SpecError {
    /// The path of the key that is wrong, empty if it is none: `schedule.step_size`, `data.sparse_regression.n`.
    pub fn key(&self) -> String {
        match self {
            Self::Text { key, .. } | Self::Value { key, .. } => key.clone(),
            Self::Data { place, source: DataError::OutOfRange { name, .. } } => format!("{place}.{name}"),
            Self::Data { .. } | Self::File(_) => String::new(),
            Self::Set { error, .. } => error.key(),
        }
    }

    /// What is wrong, without the key: for where its place is shown anyway.
    pub fn message(&self) -> String {
        match self {
            Self::Text { found, expected, nearest, .. } => {
                let hint = nearest.as_ref().map_or(String::new(), |word| format!("; did you mean `{word}`?"));
                match (found.as_str(), expected.as_str()) {
                    (found, "") => format!("{found}{hint}"),
                    ("", expected) => format!("expected {expected}{hint}"),
                    (found, expected) => format!("{found}, expected {expected}{hint}"),
                }
            }
            Self::Value { found, expected, .. } => format!("{found}, expected {expected}"),
            Self::Data { source, .. } => source.to_string(),
            Self::File(_) | Self::Set { .. } => self.to_string(),
        }
    }

    /// The same error, blamed on the changes by `key=value` if one of them is of its key.
    #[must_use]
    pub fn of_sets(self, sets: &[String]) -> Self {
        let key = self.key();
        let theirs = !key.is_empty() && sets.iter().any(|set| set.split('=').next().is_some_and(|k| k.trim() == key));
        match self {
            Self::Value { .. } if theirs => Self::Set { set: key, error: Box::new(self) },
            Self::Data { ref place, .. } if theirs => Self::Set { set: place.clone(), error: Box::new(self) },
            other => other,
        }
    }
}

fn keyed(key: &str, message: &str) -> String {
    if key.is_empty() { message.to_string() } else { format!("{key}: {message}") }
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
