//! A clean stop: what was taken is answered, drivers are flushed, then the service ends.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use libredox::{call, flag::O_NONBLOCK};

/// The command of `fcntl` that sets a description's flags.
const F_SETFL: usize = 4;

/// Asks a service to end. Usable wherever a signal interrupts: it stores to an atomic and makes
/// one system call.
pub struct Stop {
    asked: AtomicBool,
    socket: AtomicUsize,
}

impl Stop {
    /// For a service that is yet to be named.
    pub const fn new() -> Stop {
        Stop { asked: AtomicBool::new(false), socket: AtomicUsize::new(usize::MAX) }
    }

    /// Names the socket that is read.
    pub(crate) fn watch(&self, socket: usize) {
        self.socket.store(socket, Relaxed);
    }

    /// Asks. A read of the socket that a signal interrupts ends the service, and so does one
    /// that begins after this: it does not wait any more.
    pub fn ask(&self) {
        self.asked.store(true, Relaxed);
        // Where nothing is watched there is nothing to wake.
        let _ = call::fcntl(self.socket.load(Relaxed), F_SETFL, O_NONBLOCK as usize);
    }

    pub(crate) fn asked(&self) -> bool {
        self.asked.load(Relaxed)
    }
}

impl Default for Stop {
    fn default() -> Stop {
        Stop::new()
    }
}
