//! Why a daemon did not start.

use std::{fmt, io, path::PathBuf};

use driver::Errno;
use service::Failure;
use stack::Fault;

/// Why a daemon did not start.
#[derive(Debug)]
pub enum Error {
    /// The description can't be read.
    Read(PathBuf, io::Error),
    /// Something is wrong with the description, or a driver of it can't be made.
    Description(Fault),
    /// The scheme can't be served.
    Scheme(Failure),
    /// There is nobody to open what its drivers stand on once it has no namespace.
    Opener(Errno),
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Error {
        Error::Description(fault)
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Error {
        Error::Scheme(failure)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Read(path, error) => {
                write!(f, "can't read the description {}: {error}", path.display())
            }
            Error::Description(fault) => write!(f, "description: {fault}"),
            Error::Scheme(failure) => failure.fmt(f),
            Error::Opener(errno) => {
                write!(f, "can't start a process to open ports of other processes: {errno}")
            }
        }
    }
}

impl std::error::Error for Error {}
