//! The process's namespace, and registering schemes in one.

use syscall::error::{ENOENT, Error, Result};
use syscall::flag::CallFlags;

use super::fds;
use crate::kernel::files;
use crate::kernel::memory::Buffer;
use crate::kernel::process::Cx;

const FORK: usize = 0;
const REGISTER: usize = 2;

/// The namespace's descriptor. ENOENT without one.
pub(crate) fn current(cx: &Cx) -> Result<usize> {
    cx.task.namespace().ok_or(Error::new(ENOENT))
}

/// Moves to another namespace; gives the old one's descriptor. EBADF for a number that is not
/// open, where the real library would end the process.
pub(crate) fn enter(cx: &Cx, fd: usize) -> Result<Option<usize>> {
    let moved = files::dup(cx, fd, Buffer::from_slice(&[]))?;
    files::close(cx, fd)?;
    Ok(cx.task.set_namespace(moved))
}

/// Names, each behind its length.
pub(crate) fn pack(names: &[&[u8]]) -> Vec<u8> {
    names.iter().flat_map(|name| [&name.len().to_ne_bytes()[..], name].concat()).collect()
}

/// Makes a namespace that has some of the current one's names, packed by [`pack`]. EINVAL, EMFILE.
pub(crate) fn fork(cx: &Cx, names: &[u8]) -> Result<usize> {
    let verb = [&FORK.to_ne_bytes(), names].concat();
    files::dup(cx, current(cx)?, Buffer::from_slice(&verb))
}

/// Leaves all names but `memory` and `pipe` behind.
pub(crate) fn enter_null(cx: &Cx) -> Result<()> {
    let fd = fork(cx, &pack(&[b"memory", b"pipe"]))?;
    if let Some(old) = enter(cx, fd)? {
        files::close(cx, old)?;
    }
    Ok(())
}

/// Registers a scheme's root under a name; the root's descriptor is moved. EEXIST for a name that
/// is taken, EINVAL for one that no path could hold, EACCES.
pub(crate) fn register(cx: &Cx, namespace: usize, name: &str, root: usize) -> Result<()> {
    let mut verb = REGISTER.to_ne_bytes().to_vec();
    verb.extend_from_slice(name.as_bytes());
    let right = files::dup(cx, namespace, Buffer::from_slice(&verb))?;
    let payload = root.to_ne_bytes();
    let payload = Buffer::from_slice(&payload);
    let sent = fds::send(cx, right, payload, CallFlags::FD.bits(), &[]);
    files::close(cx, right)?;
    sent.map(drop)
}
