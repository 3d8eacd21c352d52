//! Processes as others see them: credentials, signals.

use std::sync::Arc;

use syscall::error::{EINVAL, EPERM, ESRCH, Error, Result};

use crate::kernel::memory::Buffer;
use crate::kernel::process::{Cx, Task};
use crate::kernel::{self, INIT, files};

/// ESRCH unless there is a living process with this id.
fn living(pid: usize) -> Result<Arc<Task>> {
    let task = u32::try_from(pid).ok().and_then(kernel::task);
    task.filter(|task| !task.is_dead()).ok_or(Error::new(ESRCH))
}

/// The credentials of any process, for root. The descriptor has to be open; which one is not
/// looked at. EPERM, EINVAL for a short buffer, ESRCH.
pub(crate) fn credentials(cx: &Cx, cap: usize, pid: usize, to: &Buffer) -> Result<usize> {
    files::check(cx, cap)?;
    if cx.task.uid != 0 {
        return Err(Error::new(EPERM));
    }
    let record = record(&*living(pid)?);
    if to.len() < record.len() {
        return Err(Error::new(EINVAL));
    }
    Ok(to.write(&record))
}

/// Process, group and parent; real, effective and saved user and group; two old namespaces.
fn record(task: &Task) -> [u8; 44] {
    let Task { pid, uid, gid, .. } = *task;
    let words = [pid, pid, INIT, uid, uid, uid, gid, gid, gid, 0, 0];
    let mut record = [0; 44];
    for (to, word) in record.as_chunks_mut().0.iter_mut().zip(words) {
        *to = word.to_ne_bytes();
    }
    record
}

/// Sends a signal: Linux's own, to a process that is a program of its own. Of this program's, ends
/// one for signals 9 and 15, and interrupts its sleeping threads for others. ESRCH, EPERM.
pub(crate) fn kill(cx: &Cx, pid: usize, signal: i32) -> Result<usize> {
    let target = living(pid)?;
    if cx.task.uid != 0 && cx.task.uid != target.uid {
        return Err(Error::new(EPERM));
    }
    match (signal, target.program) {
        (0, _) => {}
        (_, Some(program)) => send(program, signal)?,
        // Who ends itself can't wait for it.
        (libc::SIGKILL | libc::SIGTERM, None) if Arc::ptr_eq(&target, &cx.task) => target.end(),
        (libc::SIGKILL | libc::SIGTERM, None) => target.kill(),
        _ => drop(target.interrupt()),
    }
    Ok(0)
}

/// EINVAL for a signal that Linux doesn't have, and what else it says.
fn send(program: u32, signal: i32) -> Result<()> {
    // SAFETY: the call touches no memory.
    match unsafe { libc::kill(program as i32, signal) } {
        0 => Ok(()),
        _ => Err(Error::new(std::io::Error::last_os_error().raw_os_error().unwrap_or(ESRCH))),
    }
}
