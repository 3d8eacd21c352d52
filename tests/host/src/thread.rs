//! Which process a thread of the host belongs to.

use std::cell::RefCell;
use std::sync::Arc;

use syscall::error::{EBADF, Error, Result};

use crate::kernel::process::{Cx, Life, Task};
use crate::kernel::table::owner;
use crate::kernel::{INIT, task};

thread_local! {
    static CURRENT: RefCell<Option<Arc<Task>>> = const { RefCell::new(None) };
    static LIFE: Arc<Life> = Arc::new(Life);
}

/// Puts the thread back where it was.
pub(crate) struct Restore(Option<Arc<Task>>);

/// Makes the thread belong to a process until the guard goes.
pub(crate) fn attach(task: Arc<Task>) -> Restore {
    Restore(CURRENT.replace(Some(task)))
}

impl Drop for Restore {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

/// The process that the thread is attached to. A thread whose storage is being destroyed is
/// attached to none.
fn attached() -> Option<Arc<Task>> {
    CURRENT.try_with(|current| current.borrow().clone()).ok().flatten()
}

/// The process of a thread, `init` for one that belongs to none.
pub(crate) fn current() -> Result<Arc<Task>> {
    attached().or_else(|| task(INIT)).ok_or(Error::new(EBADF))
}

/// The process of a thread that uses a descriptor: a thread that belongs to none is adopted by
/// the descriptor's process. EBADF if there is no such process.
fn current_for(fd: usize) -> Result<Arc<Task>> {
    if let Some(current) = attached() {
        return Ok(current);
    }
    let task = task(owner(fd)).ok_or(Error::new(EBADF))?;
    // A thread that is ending anyway need not be adopted.
    let _ = CURRENT.try_with(|current| current.replace(Some(Arc::clone(&task))));
    Ok(task)
}

fn enter(task: &Arc<Task>) -> Result<Cx> {
    // While the thread's storage is being destroyed, a life that ends at once will do.
    let life = LIFE.try_with(Arc::clone).unwrap_or_else(|_| Arc::new(Life));
    task.enter(&life)
}

/// Enters the kernel for something that needs no descriptor.
pub(crate) fn in_kernel<T>(work: impl FnOnce(&Cx) -> Result<T>) -> Result<T> {
    work(&enter(&current()?)?)
}

/// Enters the kernel for something with a descriptor.
pub(crate) fn with_fd<T>(fd: usize, work: impl FnOnce(&Cx) -> Result<T>) -> Result<T> {
    work(&enter(&current_for(fd)?)?)
}
