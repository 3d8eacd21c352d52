//! What went wrong: what was tried, on what, why, and what to do.

use std::{fmt, io};

/// What went wrong.
#[derive(Debug)]
pub enum Error {
    /// An operation on a path.
    Path {
        /// What was tried.
        tried: &'static str,
        /// On what.
        path: String,
        /// Why it failed.
        why: io::Error,
        /// What to do; may be empty.
        hint: &'static str,
    },
    /// Output can't be written.
    Output(io::Error),
    /// A description.
    Description(portd::Error),
    /// The command line; or help that was asked for.
    Usage(clap::Error),
}

impl Error {
    /// An operation on a path that failed for a reason that speaks for itself.
    pub fn path(tried: &'static str, path: &str, why: impl Into<io::Error>) -> Error {
        Error::Path { tried, path: path.into(), why: why.into(), hint: "" }
    }

    /// 1; 2 for a wrong command line or description; 0 where help was asked for.
    pub fn exit_status(&self) -> u8 {
        match self {
            Error::Usage(usage) => u8::try_from(usage.exit_code()).unwrap_or(2),
            Error::Description(_) => 2,
            Error::Path { .. } | Error::Output(_) => 1,
        }
    }

    /// The same with what to do.
    pub fn hint(self, new: &'static str) -> Error {
        match self {
            Error::Path { tried, path, why, .. } => Error::Path { tried, path, why, hint: new },
            other => other,
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Error {
        Error::Output(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Path { tried, path, why, hint: "" } => write!(f, "can't {tried} {path}: {why}"),
            Error::Path { tried, path, why, hint } => {
                write!(f, "can't {tried} {path}: {why}; {hint}")
            }
            Error::Output(why) => write!(f, "can't write the output: {why}"),
            Error::Description(error) => error.fmt(f),
            Error::Usage(usage) => usage.fmt(f),
        }
    }
}

impl std::error::Error for Error {}
