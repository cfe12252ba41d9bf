//! What can go wrong with files.

use stepwell_lab::error::LabError;

/// What kind of trouble it is; the command line has an exit code for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What is asked for cannot be done there: a folder that is not ours, say.
    Usage,
    /// A file of the user's is missing, unreadable or not what was expected.
    Input,
    /// Another process works there.
    Locked,
    /// A file of ours is damaged.
    Corrupt,
    /// The disk refused.
    Failed,
}

/// A message for people, and its kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct StoreError {
    /// What kind of trouble it is.
    pub kind: Kind,
    /// What is wrong, where, and what to do.
    pub message: String,
}

impl StoreError {
    /// What is asked for cannot be done there.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { kind: Kind::Usage, message: message.into() }
    }

    /// A file of the user's is at fault.
    pub fn input(message: impl Into<String>) -> Self {
        Self { kind: Kind::Input, message: message.into() }
    }

    /// Another process works there.
    pub fn locked(message: impl Into<String>) -> Self {
        Self { kind: Kind::Locked, message: message.into() }
    }

    /// A file of ours is damaged.
    pub fn corrupt(message: impl Into<String>) -> Self {
        Self { kind: Kind::Corrupt, message: message.into() }
    }

    /// The disk refused.
    pub fn failed(message: impl Into<String>) -> Self {
        Self { kind: Kind::Failed, message: message.into() }
    }
}

impl From<StoreError> for LabError {
    fn from(error: StoreError) -> Self {
        Self::Outside(Box::new(error))
    }
}
