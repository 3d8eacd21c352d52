//! Processes, as tests make them.

use std::fmt;
use std::sync::Arc;
use std::thread::JoinHandle;

use syscall::error::Result;

use crate::Stats;
use crate::kernel::memory::Buffer;
use crate::kernel::process::{Life, Task};
use crate::kernel::{self, INIT, files, namespaces};
use crate::{sys, thread};

/// A process: a table of descriptors with credentials and a namespace. Threads belong to one.
///
/// Clones are the same process. A process lives until [`Process::exit`] or [`Process::kill`],
/// even if nobody holds it.
#[derive(Clone)]
pub struct Process {
    task: Arc<Task>,
}

impl Process {
    /// A process in `init`'s namespace, with all rights to it.
    ///
    /// # Panics
    /// If `init` was ended.
    pub fn new(name: &str, uid: u32, gid: u32) -> Self {
        Self::init().child(name, uid, gid)
    }

    /// A process in a namespace of its own, in which there are only the kernel's schemes. Tests
    /// that run side by side don't meet each other's names that way.
    pub fn isolated(name: &str, uid: u32, gid: u32) -> Self {
        let task = kernel::spawn(name, uid, gid);
        namespaces().found(&task);
        Self { task }
    }

    /// Process 1, which runs as root and is there from the start.
    ///
    /// # Panics
    /// Never: the process is there even after its end.
    pub fn init() -> Self {
        let task = kernel::task(INIT).expect("init is there from the start");
        Self { task }
    }

    /// A process that shares this one's namespace and rights to it, the null namespace included,
    /// and nothing else.
    ///
    /// # Panics
    /// If this process is dead.
    pub fn child(&self, name: &str, uid: u32, gid: u32) -> Self {
        let child = Self { task: kernel::spawn(name, uid, gid) };
        if let Some(namespace) = self.task.namespace() {
            let fd = child.inherit(self, namespace).expect("the namespace is open");
            child.task.set_namespace(fd);
        }
        child
    }

    /// The process id.
    pub fn pid(&self) -> usize {
        self.task.pid as usize
    }

    /// The name it was given.
    pub fn name(&self) -> &str {
        &self.task.name
    }

    /// Runs a closure with the calling thread belonging to this process; afterwards, and after a
    /// panic, the thread belongs to where it did before. May be nested.
    pub fn enter<T>(&self, work: impl FnOnce() -> T) -> T {
        let _restore = thread::attach(Arc::clone(&self.task));
        work()
    }

    /// Runs a closure in a new thread of this process.
    pub fn spawn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        let process = self.clone();
        std::thread::spawn(move || process.enter(work))
    }

    /// Ends the process from within: all its descriptors close. Threads that wait in the kernel
    /// come back with EINTR; whatever they try then gives EBADF. Returns when all is closed.
    pub fn exit(&self) {
        self.task.kill();
    }

    /// Ends the process from outside, as SIGKILL does: daemons it waits for are not told, except
    /// by the close of its last handles. Returns when all is closed.
    pub fn kill(&self) {
        self.task.kill();
    }

    /// Has the process ended?
    pub fn is_dead(&self) -> bool {
        self.task.is_dead()
    }

    /// A descriptor in this process for what another process has open: they share the
    /// description, as after a fork. EBADF, EMFILE.
    pub fn inherit(&self, from: &Process, fd: usize) -> Result<usize> {
        self.task.install(from.task.file(fd)?)
    }

    /// How many descriptors are open, the namespace's included.
    pub fn open_descriptors(&self) -> usize {
        self.task.table(|table| table.open_count())
    }

    /// Waits until at least `n` of the process's threads sleep in the kernel.
    pub fn wait_blocked(&self, n: usize) {
        self.task.sleepers.wait_for(n);
    }

    /// Interrupts the threads that sleep in the kernel, as a signal does; says how many.
    pub fn interrupt(&self) -> usize {
        self.task.interrupt()
    }

    /// What this process's requests cost. `lost_closes` is counted for all processes together,
    /// in [`crate::stats`].
    pub fn stats(&self) -> Stats {
        self.task.counters.read()
    }

    /// A new pipe of this process: the reading and the writing descriptor. EBADF if the process
    /// is dead, ENODEV if its namespace has no pipes.
    pub fn pipe(&self) -> Result<(usize, usize)> {
        self.enter(|| {
            let reader = sys::open("/scheme/pipe", 0, 0)?;
            let writer =
                thread::with_fd(reader, |cx| files::dup(cx, reader, Buffer::from_slice(b"write")))?;
            Ok((reader, writer))
        })
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Process({} {:?})", self.task.pid, self.task.name)
    }
}

/// Interrupts the threads of a process that sleep in the kernel, as a signal does; says how many.
pub fn interrupt(pid: usize) -> usize {
    let task = u32::try_from(pid).ok().and_then(kernel::task);
    task.map_or(0, |task| task.interrupt())
}

const _: () = {
    const fn assert_send_sync<T: Send + Sync>() {}
    assert_send_sync::<Process>();
    assert_send_sync::<Life>();
};
