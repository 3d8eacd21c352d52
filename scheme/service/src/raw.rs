//! What only a raw system call does. On a host that would be one of the host's own, so this is
//! the one module that makes any, and on Redox alone.

use agent::Errno;

/// Takes a name out of a namespace, by the namespace's descriptor. `EACCES`, `ENODEV`.
#[cfg(target_os = "redox")]
#[allow(clippy::disallowed_methods, reason = "no library function does it")]
pub(crate) fn forget(namespace: usize, name: &str) -> Result<(), Errno> {
    syscall::unlinkat(namespace, format!("/scheme/{name}"), 0)
        .map(drop)
        .map_err(|error| Errno(u16::try_from(error.errno).unwrap_or(Errno::EIO.0)))
}

/// A name stays with the dead.
#[cfg(not(target_os = "redox"))]
pub(crate) fn forget(_: usize, _: &str) -> Result<(), Errno> {
    Err(Errno::EEXIST)
}
