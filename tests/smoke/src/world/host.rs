//! Processes of the host's kernel: threads with a table of descriptors.

use std::any::Any;
use std::thread::JoinHandle;

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

    pub(super) fn spawn(&self, work: impl FnOnce() -> Outcome + Send + 'static) -> Process {
        let process = self.test.child("smoke", 0, 0);
        let inner = process.clone();
        let thread = process.spawn(move || {
            let outcome = work();
            // A killed process's thread goes on here, where on Redox it is gone.
            let killed = inner.is_dead();
            inner.exit();
            if killed { End::Killed } else { End::Gave(outcome) }
        });
        Process { process, thread }
    }
}

impl Process {
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
