//! The scheme agent: stands at a protection boundary and translates a message when it is sent.
//!
//! To its sender it is a port like any other. A message without data crosses in the words of one
//! `SYS_CALL`, with no memory mapped; data crosses as the call's payload, in place; names and
//! values cross in a parcel. The agent waits for the answer, so it wants a thread port in front
//! where its caller must not.

use alloc::{vec, vec::Vec};
use core::{
    marker::PhantomData,
    sync::atomic::{AtomicU32, Ordering},
};

use libredox::{
    Fd,
    call::Call as _,
    flag::{O_CLOEXEC, O_DIRECTORY, O_RDONLY, O_RDWR},
};
use syscall::CallFlags;

use crate::{
    count::Counts,
    data::Access,
    exchange::{Exchange, sealed::Holder},
    port::Port,
    request::{Outcome, Request},
    status::{Errno, Status},
    wire::{Carries, Cross, Words},
};

/// The most data that crosses in one message, in bytes. More is cut: the count says so.
pub const MAX_DATA: usize = 8 << 20;

/// Bytes of a page.
const PAGE: usize = 4096;

/// An agent for one handle on a port of another process.
///
/// It takes only bodies that say how they cross:
///
/// ```compile_fail,E0277
/// # use agent::*;
/// # use std::sync::Arc;
/// struct Local(std::rc::Rc<u32>);
/// fn lower(agent: SchemeAgent<Local>) -> Arc<dyn Port<Local>> {
///     Arc::new(agent)
/// }
/// ```
///
/// and so there is no way to send others there:
///
/// ```compile_fail,E0277
/// # use agent::*;
/// fn ask(agent: &SchemeAgent<u32>) {
///     Call::new(1, Data::NONE).run(agent, &Spin);
/// }
/// ```
pub struct SchemeAgent<B> {
    handle: Fd,
    ids: AtomicU32,
    body: PhantomData<fn(B)>,
}

impl From<libredox::error::Error> for Errno {
    fn from(error: libredox::error::Error) -> Errno {
        Errno(error.errno().try_into().unwrap_or(Errno::EIO.0))
    }
}

/// A handle on the port at `path`, to read and write where that is allowed. The errors are those
/// of the open.
pub fn open_port(path: &str) -> Result<Fd, Errno> {
    let open = |flags| Fd::open(path, flags | O_CLOEXEC, 0).map_err(Errno::from);
    match open(O_RDWR) {
        Err(Errno::EISDIR) => open(O_RDONLY | O_DIRECTORY),
        Err(Errno::EROFS | Errno::EACCES) => open(O_RDONLY),
        other => other,
    }
}

impl<B: Cross> SchemeAgent<B> {
    /// Opens the port at `path`, to read and write where that is allowed. The errors are those
    /// of the open.
    pub fn connect(path: &str) -> Result<SchemeAgent<B>, Errno> {
        open_port(path).map(SchemeAgent::new)
    }

    /// An agent for an open handle, which it closes in the end.
    pub fn new(handle: Fd) -> SchemeAgent<B> {
        SchemeAgent { handle, ids: AtomicU32::new(1), body: PhantomData }
    }

    /// Sends bare words with a private payload, which holds what came back afterwards. For
    /// questions that are no message to the driver.
    pub fn ask(&self, words: Words, payload: &mut [u8]) -> Result<usize, Errno> {
        let flags = CallFlags::READ | CallFlags::WRITE;
        // SAFETY: the payload is borrowed exclusively until the call returns.
        unsafe { self.call(words, payload.as_mut_ptr(), payload.len(), flags) }
    }

    /// # Safety
    /// `base` and `len` name memory that the kernel may lend to the other side until the call
    /// returns, to change where `flags` say READ.
    unsafe fn call(
        &self,
        words: Words,
        base: *mut u8,
        len: usize,
        flags: CallFlags,
    ) -> Result<usize, Errno> {
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        let words = Words { id, len: len as u32, ..words }.encode();
        // SAFETY: as the caller's.
        unsafe { self.handle.raw().raw_call(base, len, flags, &words) }.map_err(Errno::from)
    }

    /// Sends a request across and takes its answer, without ending it: it is as it was, but for
    /// what an answer brought, and may be sent again.
    pub fn cross(&self, request: &mut Request<'_, B>) -> Result<usize, Errno> {
        let (words, carries) = request.body().words()?;
        request.count(Counts { crossings: 1, translations: 1, ..Counts::default() });
        match carries {
            Carries::Nothing => self.ask(words, &mut []),
            // More bytes than there is room for are a lie.
            Carries::Data => match self.cross_data(words, request)? {
                count if count > request.len() => Err(Errno::EPROTO),
                count => Ok(count),
            },
            Carries::Parcel => self.cross_parcel(words, request),
        }
    }

    fn cross_data(&self, words: Words, request: &mut Request<'_, B>) -> Result<usize, Errno> {
        let len = request.len().min(MAX_DATA);
        if len == 0 {
            return self.ask(words, &mut []);
        }
        let base = request.record().data.address();
        let flags = match request.access() {
            // The ragged ends of a payload are written back even if nothing changed in them.
            // Read-only memory does not allow that, and says so only once the other side has
            // acted: it would act twice if the message were sent again.
            Access::FETCH if (base as usize | len).is_multiple_of(PAGE) => CallFlags::WRITE,
            Access::FILL => CallFlags::READ,
            _ => return self.cross_copy(words, request),
        };
        request.count(Counts { maps: 1, ..Counts::default() });
        // SAFETY: private memory of the sender, which the record holds until the reply: to be
        // filled where the flags say so. The kernel lends it until the call returns.
        match unsafe { self.call(words, base, len, flags) } {
            // Whole pages of read-only memory may be refused, before anything is sent.
            Err(Errno::EFAULT) => self.cross_copy(words, request),
            result => result,
        }
    }

    /// Memory that is lent to this side already, or may be read-only: it goes as a copy.
    fn cross_copy(&self, words: Words, request: &mut Request<'_, B>) -> Result<usize, Errno> {
        let len = request.len().min(MAX_DATA);
        let mut copy = vec![0; len];
        request.count(Counts { copies: 1, maps: 1, ..Counts::default() });
        if request.access().contains(Access::FETCH) {
            request.fetch(0, &mut copy)?;
        }
        let count = self.ask(words, &mut copy)?;
        if request.access().contains(Access::FILL) {
            request.fill(0, copy.get(..count).ok_or(Errno::EPROTO)?)?;
        }
        Ok(count)
    }

    fn cross_parcel(&self, words: Words, request: &mut Request<'_, B>) -> Result<usize, Errno> {
        let mut parcel = Vec::new();
        request.count(Counts { maps: 1, ..Counts::default() });
        request.body().pack([request.name(0), request.name(1)], &mut parcel)?;
        let count = self.ask(words, &mut parcel)?;
        request.body_mut().unpack_reply(Status::ok(count), &parcel)?;
        Ok(count)
    }
}

impl<B: Cross> Port<B> for SchemeAgent<B> {
    fn begin<'s>(&'s self, mut request: Request<'s, B>) -> Outcome<'s, B> {
        let result = self.cross(&mut request);
        request.done(result)
    }
}
