//! File descriptions: what descriptors of one or several processes share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use syscall::error::{EINVAL, Error, Result};
use syscall::schemev2::NewFdFlags;

use super::process::Pid;
use super::stats;
use super::{events, scheme};
use crate::sync::lock;

/// The part of a description that changes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DescriptionState {
    /// Where the next read or write happens, if the description has positions.
    pub(crate) offset: u64,
    /// The flags of open or of `F_SETFL`, in Redox's numbers.
    pub(crate) flags: u32,
    /// Read and write pass and advance the offset.
    pub(crate) positioned: bool,
    /// The scheme wants to hear of every descriptor that goes.
    pub(crate) notify_on_detach: bool,
}

/// An open object of a scheme.
pub(crate) struct Description {
    /// The scheme's id.
    pub(crate) scheme: usize,
    /// The number that the scheme knows the object by.
    pub(crate) number: usize,
    state: Mutex<DescriptionState>,
    closed: AtomicBool,
}

/// What a scheme made of an open or a dup.
pub(crate) enum Opened {
    /// An object of its own.
    Local { number: usize, positioned: bool },
    /// A description that existed before.
    Other(Arc<Description>),
}

impl Opened {
    /// Makes the description; an object of the scheme's own gets `flags`.
    pub(crate) fn into_description(self, scheme: usize, flags: u32) -> Arc<Description> {
        match self {
            Opened::Local { number, positioned } => {
                Description::new(scheme, number, 0, flags, positioned)
            }
            Opened::Other(description) => description,
        }
    }
}

/// Reads the first extra byte of an answer: is the new description positioned?
///
/// EINVAL for bits that mean nothing.
pub(crate) fn positioned(extra: u8) -> Result<bool> {
    let flags = NewFdFlags::from_bits(extra).ok_or(Error::new(EINVAL))?;
    Ok(flags.contains(NewFdFlags::POSITIONED))
}

impl Description {
    pub(crate) fn new(
        scheme: usize,
        number: usize,
        offset: u64,
        flags: u32,
        positioned: bool,
    ) -> Arc<Self> {
        let state = DescriptionState { offset, flags, positioned, notify_on_detach: false };
        Arc::new(Self { scheme, number, state: Mutex::new(state), closed: AtomicBool::new(false) })
    }

    pub(crate) fn state(&self) -> DescriptionState {
        *lock(&self.state)
    }

    pub(crate) fn update(&self, change: impl FnOnce(&mut DescriptionState)) {
        change(&mut lock(&self.state));
    }

    /// Lets go of one descriptor. The scheme hears of it when it was the last and nobody is in
    /// the middle of a call on it.
    ///
    /// ENODEV if the scheme is gone.
    pub(crate) fn detach(self: Arc<Self>, pid: Pid) -> Result<()> {
        if self.state().notify_on_detach {
            scheme::get(self.scheme)?.detach(pid, self.number)?;
        }
        self.close()
    }

    /// Like [`Self::detach`] for a reference that was no descriptor.
    pub(crate) fn close(self: Arc<Self>) -> Result<()> {
        let Some(last) = Arc::into_inner(self) else { return Ok(()) };
        last.closed.store(true, Ordering::Relaxed);
        events().forget(last.scheme, last.number);
        scheme::get(last.scheme)?.close(last.number)
    }
}

impl Drop for Description {
    fn drop(&mut self) {
        if self.scheme >= scheme::FIRST_USER && !self.closed.load(Ordering::Relaxed) {
            stats::lost_close();
        }
    }
}
