//! Processes of the host's kernel: threads with a table of descriptors.

use std::any::Any;
use std::thread::JoinHandle;

use libredox::Fd;

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

    /// Waits for its end.
    pub fn wait(self) -> End {
        match self.thread.join() {
            Ok(end) => end,
            Err(panic) => End::Panicked(message(&*panic)),
        }
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
}

/// Lets signals interrupt calls, and do nothing else. On the host they always do.
pub fn catch_signals() {}
