//! What can be wrong with a data set, as one message.

use std::fmt::Display;

/// What kind of thing is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A file or folder is not there or cannot be opened.
    Missing,
    /// A file is damaged: truncated, or its content contradicts its own format or checksum.
    Damaged,
    /// A file is readable, but not what belongs there.
    Wrong,
}

/// Something is wrong with a data set: the file, the place in it, what was found and what was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}")]
pub struct DataError {
    /// What kind of thing is wrong.
    pub fault: Fault,
    /// The file (within its archive).
    pub place: String,
    /// What was found, what was expected, what to do.
    pub what: String,
}

impl DataError {
    /// Something is not there.
    pub fn missing(place: impl Display, what: impl Display) -> Self {
        Self { fault: Fault::Missing, place: place.to_string(), what: what.to_string() }
    }

    /// Something is damaged; the advice to get it again is added.
    pub fn damaged(place: impl Display, what: impl Display) -> Self {
        Self { fault: Fault::Damaged, place: place.to_string(), what: format!("{what}; get this file again") }
    }

    /// Something is not what belongs there.
    pub fn wrong(place: impl Display, what: impl Display) -> Self {
        Self { fault: Fault::Wrong, place: place.to_string(), what: what.to_string() }
    }

    /// A file that could not be opened or read.
    pub(crate) fn io(place: impl Display, error: &std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::NotFound => Self::missing(place, "is not there"),
            _ => Self::missing(place, format!("cannot be read ({error})")),
        }
    }
}
