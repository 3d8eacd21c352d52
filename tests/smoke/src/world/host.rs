//! Processes of the host's kernel: threads with a table of descriptors.

use std::any::Any;
use std::cell::RefCell;
use std::thread::JoinHandle;

use agent::Errno;
use libredox::Fd;
use service::{Beside, Job};

use super::End;
use crate::Outcome;

/// A namespace, and the test's own process in it.
pub(super) struct Place {
    test: host::Process,
}

/// A process. It goes on where this value is dropped.
pub struct Process {
    process: host::Process,
    thread: JoinHandle<End>,
}

impl Place {
    pub(super) fn new() -> Place {
        Place { test: host::Process::isolated("test", 0, 0) }
    }

    pub(super) fn here<T>(&self, work: impl FnOnce() -> T) -> T {
        self.test.enter(work)
    }

    pub(super) fn spawn(
        &self,
        id: u32,
        fd: Option<Fd>,
        work: impl FnOnce(Option<Fd>) -> Outcome + Send + 'static,
    ) -> Process {
        let process = self.test.child("smoke", id, id);
        let given = fd.as_ref().map(|fd| process.inherit(&self.test, fd.raw()));
        let given = given.map(|fd| fd.expect("the descriptor is open"));
        self.test.enter(|| drop(fd));
        let inner = process.clone();
        let thread = process.spawn(move || {
            HERE.set(Some(inner.clone()));
            let outcome = work(given.map(Fd::new));
            // A killed process's thread goes on here, where on Redox it is gone.
            let killed = inner.is_dead();
            inner.exit();
            if killed { End::Killed } else { End::Gave(outcome) }
        });
        Process { process, thread }
    }

    pub(super) fn pipe(&self) -> (Fd, Fd) {
        let (reader, writer) = self.test.pipe().expect("the system has pipes");
        (Fd::new(reader), Fd::new(writer))
    }
}

impl Process {
    /// Its id.
    pub fn pid(&self) -> u32 {
        self.process.pid() as u32
    }

    /// Interrupts it where it sleeps in the kernel, until it ends.
    pub fn signal_until_it_ends(&mut self) {
        self.signal();
    }

    /// Waits until it sleeps in the kernel, and interrupts it as a signal does.
    pub fn signal(&self) {
        self.process.wait_blocked(1);
        self.process.interrupt();
    }

    /// Ends it as SIGKILL does.
    pub fn kill(&self) {
        self.process.kill();
    }

    /// Has it ended?
    pub fn has_ended(&mut self) -> bool {
        self.thread.is_finished()
    }

    /// Waits until all that it had open is closed.
    pub fn wait_until_it_has_nothing(self) {
        self.wait();
    }

    /// Waits for its end.
    pub fn wait(self) -> End {
        match self.thread.join() {
            Ok(end) => end,
            Err(panic) => End::Panicked(message(&*panic)),
        }
    }
}

thread_local! {
    /// The process that the thread is the first one of.
    static HERE: RefCell<Option<host::Process>> = const { RefCell::new(None) };
}

/// A process beside another one; `fork` would copy the kernel.
struct Child(host::Process);

impl Beside for Child {
    fn start(&self, share: &[usize], job: Job) -> Result<(), Errno> {
        let child = self.0.child("beside", 0, 0);
        let inherit = |fd: &usize| child.inherit(&self.0, *fd).map(Fd::new);
        let fds: syscall::Result<Vec<Fd>> = share.iter().map(inherit).collect();
        let fds = fds.map_err(|error| Errno(error.errno as u16))?;
        let inner = child.clone();
        child.spawn(move || {
            job(fds);
            inner.exit();
        });
        Ok(())
    }
}

/// Starts processes beside the calling one, which a world has made.
///
/// # Panics
/// If none has.
pub fn beside() -> Box<dyn Beside> {
    let here = HERE.with_borrow(Clone::clone);
    Box::new(Child(here.expect("a process of a world")))
}

/// Takes a name whose owner has died out of the namespace.
pub(super) fn free(name: &str) {
    // Most names are nobody's.
    let _ = host::sys::namespace()
        .and_then(|namespace| host::sys::unlinkat(namespace, &format!("/scheme/{name}"), 0));
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
}

/// Lets signals interrupt calls, and do nothing else. On the host they always do.
pub fn catch_signals() {}
