//! Which process a thread of the host belongs to, and the way into the kernel.

use std::cell::RefCell;
use std::sync::Arc;

use syscall::data::Map;
use syscall::error::{EBADF, Error, Result};

use crate::kernel::memory::Buffer;
use crate::kernel::process::{Cx, Life, Task};
use crate::kernel::table::owner;
use crate::kernel::{INIT, mmap, task};
use crate::trap::Trap;
use crate::wire::client;
use crate::wire::party::{self, Remote};

/// A process that threads of this program can belong to.
#[derive(Clone)]
pub(crate) enum Party {
    /// One of the kernel in this program.
    Here(Arc<Task>),
    /// One of a kernel in another.
    Away(Arc<Remote>),
}

/// Who a process is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity {
    pub(crate) pid: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

thread_local! {
    static CURRENT: RefCell<Option<Party>> = const { RefCell::new(None) };
    static LIFE: Arc<Life> = Arc::new(Life);
}

/// Puts the thread back where it was.
pub(crate) struct Restore(Option<Party>);

/// Makes the thread belong to a process until the guard goes.
pub(crate) fn attach(party: Party) -> Restore {
    Restore(CURRENT.replace(Some(party)))
}

impl Drop for Restore {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

impl Party {
    /// Who it is.
    pub(crate) fn identity(&self) -> Result<Identity> {
        Ok(match self {
            Party::Here(task) => Identity { pid: task.pid, uid: task.uid, gid: task.gid },
            Party::Away(remote) => remote.identity(),
        })
    }
}

/// The process that the thread is attached to. A thread whose storage is being destroyed is
/// attached to none.
fn attached() -> Option<Party> {
    CURRENT.try_with(|current| current.borrow().clone()).ok().flatten()
}

/// The process of whoever belongs to none: `init`, or the one that this program is. EBADF if there
/// is none, ENODEV if the kernel can't be reached.
pub(crate) fn unattached() -> Result<Party> {
    match party::kernel() {
        None => task(INIT).map(Party::Here).ok_or(Error::new(EBADF)),
        Some(_) => party::program().map(Party::Away),
    }
}

/// The process with an id, if it adopts threads of this program.
fn adopting(pid: u32) -> Option<Party> {
    match party::kernel() {
        None => task(pid).map(Party::Here),
        Some(_) => party::hosted(pid).map(Party::Away),
    }
}

/// The calling thread belongs to nobody: its program is a copy.
pub(crate) fn forget_current() {
    let _ = CURRENT.try_with(|current| current.take());
}

/// The process of a thread.
pub(crate) fn current() -> Result<Party> {
    attached().map_or_else(unattached, Ok)
}

/// The process of a thread that uses a descriptor: a thread that belongs to none is adopted by
/// the descriptor's process. EBADF if there is no such process.
fn current_for(fd: usize) -> Result<Party> {
    if let Some(current) = attached() {
        return Ok(current);
    }
    let Some(party) = adopting(owner(fd)) else {
        return if party::kernel().is_some() { unattached() } else { Err(Error::new(EBADF)) };
    };
    // A thread that is ending anyway need not be adopted.
    let _ = CURRENT.try_with(|current| current.replace(Some(party.clone())));
    Ok(party)
}

/// A thread's stay in the kernel of this program.
fn stay(task: &Arc<Task>) -> Result<Cx> {
    // While the thread's storage is being destroyed, a life that ends at once will do.
    let life = LIFE.try_with(Arc::clone).unwrap_or_else(|_| Arc::new(Life));
    task.enter(&life)
}

/// Makes a system call for the thread's process, or for that of the descriptor it is about.
pub(crate) fn enter(fd: Option<usize>, trap: Trap, memory: Buffer) -> Result<usize> {
    match fd.map_or_else(current, current_for)? {
        Party::Here(task) => trap.run(&stay(&task)?, memory),
        Party::Away(remote) => client::call(&remote, trap, &memory),
    }
}

/// Maps a handle's window, or fresh memory for a descriptor of all ones.
pub(crate) fn map(fd: usize, map: &Map) -> Result<usize> {
    match if fd == usize::MAX { current() } else { current_for(fd) }? {
        Party::Here(task) => mmap::mmap(&stay(&task)?, fd, map, |window, private| {
            mmap::place_here(window, private, map.size)
        }),
        Party::Away(remote) => client::map(&remote, fd, map),
    }
}

/// Unmaps.
pub(crate) fn unmap(addr: usize, len: usize) -> Result<usize> {
    match current()? {
        Party::Here(task) => mmap::munmap(&stay(&task)?, addr, len).map(|_| 0),
        Party::Away(remote) => client::unmap(&remote, addr, len),
    }
}
