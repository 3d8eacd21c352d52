//! Signals while an answer is awaited.
//!
//! They are held back while a call is made, and let in only while its thread waits: a signal
//! either arrives before the call begins, or interrupts the wait. None falls in between.

use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

/// Holds signals back for the thread until it goes.
pub(super) struct Held {
    before: libc::sigset_t,
}

/// Why a wait ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Waited {
    /// There is something to read.
    Ready,
    /// A handler ran.
    Signal,
}

/// Holds the thread's signals back.
pub(super) fn hold() -> Held {
    // SAFETY: both sets are this function's own, and all zeros is a valid one.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        let mut before: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut before);
        Held { before }
    }
}

impl Held {
    /// Waits for something to read, with the signals that were let in before.
    pub(super) fn wait(&self, stream: &UnixStream) -> Waited {
        let mut fd = libc::pollfd { fd: stream.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one descriptor is given, and both records are this function's own.
        let got = unsafe { libc::ppoll(&mut fd, 1, std::ptr::null(), &self.before) };
        let error = std::io::Error::last_os_error();
        match got < 0 && error.kind() == std::io::ErrorKind::Interrupted {
            true => Waited::Signal,
            // Any other trouble is met again by who reads.
            false => Waited::Ready,
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // SAFETY: the set is the one that was there before.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.before, std::ptr::null_mut()) };
    }
}
