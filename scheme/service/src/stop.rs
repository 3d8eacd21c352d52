//! A clean stop: what was taken is answered, drivers are flushed, then the service ends.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use libredox::{call, flag::O_NONBLOCK};

use crate::socket::Socket;

/// The command of `fcntl` that sets a description's flags.
const F_SETFL: usize = 4;

/// No descriptor, and no handle.
const NONE: usize = usize::MAX;

/// Asks a service to end. Usable wherever a signal interrupts: it stores to atomics and makes two
/// system calls.
pub struct Stop {
    asked: AtomicBool,
    socket: AtomicUsize,
    /// A descriptor of the service's own scheme, whose close another thread reads.
    bell: AtomicUsize,
}

impl Stop {
    /// For a service that is yet to be named.
    pub const fn new() -> Stop {
        let [socket, bell] = [const { AtomicUsize::new(NONE) }; 2];
        Stop { asked: AtomicBool::new(false), socket, bell }
    }

    /// Names the socket that is read.
    pub(crate) fn watch(&self, socket: usize) {
        self.socket.store(socket, SeqCst);
    }

    /// Another thread reads from here on, which no signal interrupts: to ask ends its read.
    #[cold]
    pub(crate) fn hang_bell(&self, socket: &Socket) {
        if self.bell.load(SeqCst) == NONE
            && let Ok(bell) = socket.descriptor(NONE, 0)
        {
            self.bell.store(bell.into_raw(), SeqCst);
        }
        if self.asked() {
            self.ring();
        }
    }

    /// Asks. A read of the socket that a signal interrupts ends the service, and so does one
    /// that begins after this: it does not wait any more.
    pub fn ask(&self) {
        self.asked.store(true, SeqCst);
        // Where nothing is watched there is nothing to wake.
        let _ = call::fcntl(self.socket.load(SeqCst), F_SETFL, O_NONBLOCK as usize);
        self.ring();
    }

    fn ring(&self) {
        let bell = self.bell.swap(NONE, SeqCst);
        if bell != NONE {
            let _ = call::close(bell);
        }
    }

    pub(crate) fn asked(&self) -> bool {
        self.asked.load(SeqCst)
    }
}

impl Default for Stop {
    fn default() -> Stop {
        Stop::new()
    }
}
