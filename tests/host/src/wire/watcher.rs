//! The kernel as somebody sees it who is no process of it.

use std::io;
use std::path::{Path, PathBuf};

use super::Watch;
use super::client::wait;

/// A kernel in another program, for tests that watch programs of it.
pub struct Kernel(PathBuf);

impl Kernel {
    /// The kernel that serves a socket.
    pub fn at(socket: &Path) -> Self {
        Self(socket.to_owned())
    }

    /// Waits until the process with this id has begun, and at least `n` of its threads sleep in
    /// the kernel, or it has ended again.
    pub fn wait_blocked(&self, pid: u32, n: usize) -> io::Result<()> {
        wait(&self.0, Watch::WaitBlocked(pid, n))
    }

    /// Returns once the process with this id has ended and all it had open is closed; at once if
    /// there is none. A process that was killed may be there for a moment.
    pub fn wait_end(&self, pid: u32) -> io::Result<()> {
        wait(&self.0, Watch::WaitEnd(pid))
    }
}
