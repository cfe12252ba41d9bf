//! What can go wrong, as one message and a documented exit code.

use std::process::ExitCode;

use stepwell::spec::SpecError;
use stepwell_lab::error::LabError;
use stepwell_plot::PlotError;
use stepwell_store::error::{Kind, StoreError};

use crate::{code, interrupt};

/// A message for the user and the exit code that goes with it.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    /// A wrong command line.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { code: code::USAGE, message: message.into() }
    }

    /// A bad spec or bad data.
    pub fn input(message: impl Into<String>) -> Self {
        Self { code: code::INPUT, message: message.into() }
    }

    /// A file of results is damaged.
    pub fn corrupt(message: impl Into<String>) -> Self {
        Self { code: code::CORRUPT, message: message.into() }
    }

    /// Stopped on request.
    pub fn stopped(message: impl Into<String>) -> Self {
        Self { code: code::STOPPED, message: message.into() }
    }

    /// Anything else.
    pub fn other(message: impl Into<String>) -> Self {
        Self { code: code::FAILURE, message: message.into() }
    }

    /// The end of a program that was stopped: 130 after Ctrl-C, 75 (resume me) after TERM.
    pub fn halted(message: impl Into<String>) -> Self {
        let code = if interrupt::was_terminated() { code::STOPPED } else { code::INTERRUPTED };
        Self { code, message: message.into() }
    }

    /// The failure of a laboratory's error that is not about a spec.
    pub fn of(error: LabError) -> Self {
        match error {
            LabError::Spec(error @ SpecError::Set { .. }) => Self::usage(error.to_string()),
            LabError::Spec(error) => Self::input(error.to_string()),
            LabError::Usage(message) => Self::usage(message),
            LabError::Failed(message) => Self::other(message),
            LabError::Stopped => Self::halted("stopped on request"),
            LabError::Outside(error) => match error.downcast::<StoreError>() {
                Ok(error) => (*error).into(),
                Err(error) => Self::other(error.to_string()),
            },
        }
    }

    /// Prints the message and gives the exit code.
    pub fn report(&self) -> ExitCode {
        if !self.message.is_empty() {
            eprintln!("{} {}", console::style("error:").for_stderr().red().bold(), self.message);
        }
        ExitCode::from(self.code)
    }
}

impl From<StoreError> for Failure {
    fn from(StoreError { kind, message }: StoreError) -> Self {
        let code = match kind {
            Kind::Usage => code::USAGE,
            Kind::Input => code::INPUT,
            Kind::Locked => code::LOCKED,
            Kind::Corrupt => code::CORRUPT,
            Kind::Failed => code::FAILURE,
        };
        Self { code, message }
    }
}

impl From<PlotError> for Failure {
    fn from(error: PlotError) -> Self {
        Self::other(error.to_string())
    }
}
