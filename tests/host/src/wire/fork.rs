//! What a copy of a process does: it is a process of its own from the start, with what its parent
//! had open when it was made.
//!
//! `fork` returns in the parent only when the copy is known to the kernel, or is gone.

use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd};
use std::sync::atomic::{AtomicI32, Ordering};

use rustix::pipe::{PipeFlags, pipe_with};

use super::Origin;
use super::client::disown_lines;
use super::party::{Remote, become_program, known_program};
use crate::thread::forget_current;

/// The pipe whose writing end the copy closes: the reading end, the writing end.
static PIPE: [AtomicI32; 2] = [const { AtomicI32::new(-1) }; 2];

/// Has every `fork` from now on tell the kernel.
pub(super) fn watch() {
    // SAFETY: the functions are there for good.
    unsafe { libc::pthread_atfork(Some(before), Some(in_parent), Some(in_child)) };
}

fn take(end: usize) -> Option<OwnedFd> {
    let fd = PIPE[end].swap(-1, Ordering::Relaxed);
    // SAFETY: the descriptor was put there to be taken once.
    (fd >= 0).then(|| unsafe { OwnedFd::from_raw_fd(fd) })
}

unsafe extern "C" fn before() {
    let Ok((reader, writer)) = pipe_with(PipeFlags::CLOEXEC) else { return };
    for (place, end) in PIPE.iter().zip([reader, writer]) {
        place.store(end.into_raw_fd(), Ordering::Relaxed);
    }
}

unsafe extern "C" fn in_parent() {
    let reader = take(0);
    drop(take(1));
    if let Some(reader) = reader {
        // The end of the stream is all that ever comes.
        let _ = rustix::io::retry_on_intr(|| rustix::io::read(&reader, &mut [0; 1]));
    }
}

unsafe extern "C" fn in_child() {
    drop(take(0));
    disown_lines();
    forget_current();
    if let Some(parent) = known_program() {
        parent.disown();
        // Without a kernel each call of the copy says so.
        if let Ok(remote) = Remote::new(Origin::Fork(parent.pid()), "") {
            become_program(remote);
        }
    }
    drop(take(1));
}
