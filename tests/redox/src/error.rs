//! What can be missing, or go wrong.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

/// Why there is no status of the program's own.
#[derive(Debug)]
pub(crate) enum Error {
    /// Neither a command nor an image was named.
    NoRedox,
    /// The named image can't be read.
    Image(PathBuf, io::Error),
    /// A command can't be started.
    Start(&'static str, PathBuf, io::Error),
    /// The pack command failed.
    Pack(PathBuf, ExitStatus),
    /// Something of the runner's own.
    Io(&'static str, io::Error),
    /// The machine stopped before the program's end.
    Ended(bool, Vec<String>),
    /// The time is over.
    Late(bool, Duration, Vec<String>),
}

impl Error {
    /// The runner's exit status, as `timeout` has them.
    pub(crate) fn status(&self) -> u8 {
        if matches!(self, Error::Late(..)) { 124 } else { 125 }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::NoRedox => f.write_str(
                "no Redox to run on: set REDOX_PACK to a command that makes an image with a \
                 program in it, or REDOX_IMAGE to an image (see tests/redox/README.md)",
            ),
            Error::Image(path, error) => {
                write!(f, "REDOX_IMAGE names {}: {error}", path.display())
            }
            Error::Start(variable, path, error) => {
                write!(f, "can't start {}: {error} ({variable} names it)", path.display())
            }
            Error::Pack(path, status) => {
                write!(f, "{} (REDOX_PACK) made no image: {status}", path.display())
            }
            Error::Io(what, error) => write!(f, "{what}: {error}"),
            Error::Ended(begun, last) => {
                let what = if *begun { "the program's end" } else { "the program was started" };
                write!(f, "the machine stopped before {what}{}", Last(last))
            }
            Error::Late(begun, limit, last) => {
                let who = if *begun { "the program runs" } else { "the boot is stuck" };
                let limit = limit.as_secs();
                write!(f, "{who} after {limit} s, REDOX_TIMEOUT, and was ended{}", Last(last))
            }
        }
    }
}

/// The last lines of the console.
struct Last<'a>(&'a [String]);

impl fmt::Display for Last<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("; the console is empty");
        }
        f.write_str("; last on the console:")?;
        self.0.iter().try_for_each(|line| write!(f, "\n    {line}"))
    }
}
