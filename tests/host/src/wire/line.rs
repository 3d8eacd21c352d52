//! How the kernel's half of a thread sleeps: it is rung by the kernel, and hears its program.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

use super::Ask;
use super::frame::receive;
use crate::kernel::context::{Flags, Rest, Rested};
use crate::sync::lock;

/// A thread's connection, and the bell of the kernel's half.
pub(crate) struct Line {
    pub(crate) stream: UnixStream,
    bell: OwnedFd,
}

impl Line {
    pub(crate) fn new(stream: UnixStream) -> io::Result<Arc<Self>> {
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Arc::new(Self { stream, bell }))
    }

    /// Waits for the bell or for the program.
    fn wait(&self, left: Option<Duration>) -> Rested {
        let left = left.and_then(|left| Timespec::try_from(left).ok());
        let mut fds =
            [PollFd::new(&self.stream, PollFlags::IN), PollFd::new(&self.bell, PollFlags::IN)];
        if poll(&mut fds, left.as_ref()).is_err() {
            return Rested::Look;
        }
        let [program, bell] = fds.map(|fd| !fd.revents().is_empty());
        if bell {
            // Whether it had rung or not, it has not now.
            let _ = rustix::io::read(&self.bell, &mut [0; 8]);
        }
        if program { self.hear() } else { Rested::Look }
    }

    /// A program that waits says nothing but that it got a signal.
    fn hear(&self) -> Rested {
        match receive::<Ask>(&self.stream) {
            Ok(Some(frame)) if matches!(frame.head, Ask::Interrupt) => Rested::Signal,
            _ => Rested::Gone,
        }
    }
}

impl Rest for Arc<Line> {
    fn rest<'a>(
        &self,
        flags: &'a Mutex<Flags>,
        held: MutexGuard<'a, Flags>,
        left: Option<Duration>,
    ) -> (MutexGuard<'a, Flags>, Rested) {
        drop(held);
        let rested = self.wait(left);
        (lock(flags), rested)
    }

    fn ring(&self) {
        // A bell that can't ring any more has rung often enough.
        let _ = rustix::io::write(&self.bell, &1_u64.to_ne_bytes());
    }
}
