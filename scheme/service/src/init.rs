//! Life under init: making a scheme known, and giving the namespace up.

use std::fmt;

use agent::Errno;
use libredox::Fd;
use syscall::CallFlags;

use crate::raw;

/// What a service failed to do: what was tried, on what, why, and what to do.
#[derive(Clone, Debug)]
pub struct Failure {
    what: String,
    errno: Errno,
    hint: &'static str,
}

impl Failure {
    pub(crate) fn new(what: &str, on: &str, errno: Errno) -> Failure {
        let hint = match errno {
            Errno::EACCES | Errno::EPERM => "; it takes root",
            Errno::EEXIST => "; another service has the name",
            Errno::ENODEV => "; the namespace does not offer it",
            _ => "",
        };
        Failure { what: format!("can't {what} \"{on}\""), errno, hint }
    }

    pub(crate) fn io(what: &str, on: &str, error: &std::io::Error) -> Failure {
        let errno = error.raw_os_error().and_then(|code| u16::try_from(code).ok());
        Failure::new(what, on, errno.map_or(Errno::EIO, Errno))
    }

    /// Why.
    pub fn errno(&self) -> Errno {
        self.errno
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}{}", self.what, self.errno, self.hint)
    }
}

impl std::error::Error for Failure {}

/// The pipe on which init waits to hear that a service is ready, if it does.
pub(crate) fn pipe() -> Option<Fd> {
    std::env::var("INIT_NOTIFY").ok()?.parse().ok().map(Fd::new)
}

/// Sends a scheme's root to init, which registers the name and knows then that the service is
/// ready.
pub(crate) fn notify(name: &str, root: Fd, pipe: &Fd) -> Result<(), Failure> {
    let descriptor = root.into_raw().to_ne_bytes();
    libredox::call::call_wo(pipe.raw(), &descriptor, CallFlags::FD, &[])
        .map(drop)
        .map_err(|error| Failure::new("tell init of the scheme", name, Errno::from(error)))
}

/// Registers a scheme's root in the namespace. The name of a dead service is taken over.
pub(crate) fn register(name: &str, root: Fd) -> Result<(), Failure> {
    let failed = |error| Failure::new("publish the scheme", name, Errno::from(error));
    let namespace = libredox::call::getns().map_err(failed)?;
    // Before the attempt, which takes the root away even if it fails.
    raw::take_over(namespace, name);
    libredox::call::register_scheme_to_ns(namespace, name, root.raw()).map_err(failed)?;
    // The namespace has it now.
    let _ = root.into_raw();
    Ok(())
}

/// Gives the namespace up, for good: nothing can be opened by path any more. To be called once
/// everything that is needed is open.
pub fn enter_null_namespace() -> Result<(), Failure> {
    libredox::call::setrens(0, 0)
        .map(drop)
        .map_err(|error| Failure::new("enter", "the null namespace", Errno::from(error)))
}
