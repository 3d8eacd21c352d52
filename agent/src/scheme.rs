//! The scheme agent: stands at a protection boundary and translates a message when it is sent.
//!
//! To its sender it is a port like any other. A message without data crosses in the words of one
//! `SYS_CALL`, with no memory mapped; so does data that lies in a window of the handle, as a
//! reference; other data crosses as the call's payload, in place; names and values cross in a
//! parcel, which goes through a window where there is one. The agent waits for the answer, so it
//! wants a thread port in front where its caller must not.

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
    data::{Access, Lent},
    exchange::{Exchange, sealed::Holder},
    port::{MessageId, Port},
    request::{Outcome, Request},
    status::{Errno, Status},
    sync::Mutex,
    window::Windows,
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
    windows: Windows,
    ids: AtomicU32,
    /// Messages on the other side, and their ids there.
    across: Mutex<Vec<(MessageId, u32)>>,
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
        SchemeAgent {
            handle,
            windows: Windows::default(),
            ids: AtomicU32::new(1),
            across: Mutex::new(Vec::new()),
            body: PhantomData,
        }
    }

    /// A piece of memory that both sides share: data in it crosses by reference. Where one has
    /// been given out, names and values cross through the same window. The piece is given out
    /// again once it is dropped, with what is in it then.
    ///
    /// ```no_run
    /// # use agent::*;
    /// # fn read<B: Cross>(agent: &SchemeAgent<B>, body: B) -> Result<[u8; 8], Errno> {
    /// let page = agent.buffer(4096)?;
    /// Call::new(body, Data::lent(&page)).run(agent, &Spin).result()?;
    /// let mut first = [0; 8];
    /// page.copy_out(0, &mut first)?;
    /// # Ok(first)
    /// # }
    /// ```
    ///
    /// `EFBIG` for more than a window can have, `EMFILE` where the handle has all the windows
    /// that it can; as the other side answers, which is `EOPNOTSUPP` where it has no windows and
    /// `ENOMEM` where it gives no more.
    pub fn buffer(&self, len: usize) -> Result<Lent, Errno> {
        self.windows.take(&self.handle, len)
    }

    /// Sends bare words with a private payload, which holds what came back afterwards. For
    /// questions that are no message to the driver.
    pub fn ask(&self, words: Words, payload: &mut [u8]) -> Result<usize, Errno> {
        let words = Words { id: self.next_id(), len: payload.len() as u32, ..words };
        self.ask_as(words, payload)
    }

    /// Asks for the abort of what is on the other side by this id. `ENOENT` where nothing is: not
    /// yet, or not any more.
    pub fn abort_id(&self, id: u32) -> Result<(), Errno> {
        let words = Words { op: Words::ABORT, id, ..Words::default() };
        self.ask_as(words, &mut []).map(drop)
    }

    /// Gives a message that is about to be begun the id that it will have on the other side, by
    /// which it can be aborted from here on. [`begin_announced`] or [`withdraw`] follows.
    ///
    /// [`begin_announced`]: SchemeAgent::begin_announced
    /// [`withdraw`]: SchemeAgent::withdraw
    pub fn announce(&self, message: MessageId) -> u32 {
        let id = self.next_id();
        self.across.lock().push((message, id));
        id
    }

    /// Takes an announcement back.
    pub fn withdraw(&self, id: u32) {
        self.across.lock().retain(|(_, known)| *known != id);
    }

    /// Begins a message that has been announced.
    pub fn begin_announced<'s>(&'s self, id: u32, mut request: Request<'s, B>) -> Outcome<'s, B> {
        let result = self.cross_announced(id, &mut request);
        request.done(result)
    }

    /// Sends a request that has been announced, and takes its answer without ending it: it is as
    /// it was, but for what an answer brought, and may be announced and sent again.
    pub fn cross_announced(&self, id: u32, request: &mut Request<'_, B>) -> Result<usize, Errno> {
        // Whoever aborts from here on finds the message; who did before has left a mark.
        let result = match request.is_aborted() {
            true => Err(Errno::ECANCELED),
            false => self.cross(id, request),
        };
        self.withdraw(id);
        result
    }

    fn next_id(&self) -> u32 {
        self.ids.fetch_add(1, Ordering::Relaxed)
    }

    /// The id that a message has on the other side, while it is there.
    pub fn id_across(&self, message: MessageId) -> Option<u32> {
        let across = self.across.lock();
        across.iter().find(|(known, _)| *known == message).map(|(_, id)| *id)
    }

    /// True while a message is on the other side by this id, or about to be.
    pub fn is_across(&self, id: u32) -> bool {
        self.across.lock().iter().any(|(_, known)| *known == id)
    }

    fn ask_as(&self, words: Words, payload: &mut [u8]) -> Result<usize, Errno> {
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
        // SAFETY: as the caller's.
        unsafe { self.handle.raw().raw_call(base, len, flags, &words.encode()) }
            .map_err(Errno::from)
    }

    fn cross(&self, id: u32, request: &mut Request<'_, B>) -> Result<usize, Errno> {
        let (words, carries) = request.body().words()?;
        let words = Words { id, ..words };
        request.count(Counts { crossings: 1, translations: 1, ..Counts::default() });
        match carries {
            Carries::Nothing => self.ask_as(words, &mut []),
            // More bytes than there is room for are a lie.
            Carries::Data(access) => match self.cross_data(words, access, request)? {
                count if count > request.len() => Err(Errno::EPROTO),
                count => Ok(count),
            },
            Carries::Parcel => self.cross_parcel(words, request),
        }
    }

    /// `EFAULT` where the data is none that the other side could get at as it has to.
    fn cross_data(
        &self,
        words: Words,
        access: Access,
        request: &mut Request<'_, B>,
    ) -> Result<usize, Errno> {
        if !request.is_empty() && !request.access().contains(access) {
            return Err(Errno::EFAULT);
        }
        if let Some((window, at)) = self.window_of(words, request) {
            return self.refer(words, window, at, request.len());
        }
        let len = request.len().min(MAX_DATA);
        let words = Words { len: len as u32, ..words };
        if len == 0 {
            return self.ask_as(words, &mut []);
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

    /// Where the data lies in a window of the handle's, if it does. Only the handle's own object
    /// has windows.
    fn window_of(&self, words: Words, request: &Request<'_, B>) -> Option<(u16, u32)> {
        if words.object != 0 || !request.access().contains(Access::SHARED) {
            return None;
        }
        self.windows.find(request.address(), request.len())
    }

    /// Sends words that refer to a part of a window.
    fn refer(&self, words: Words, window: u16, at: u32, len: usize) -> Result<usize, Errno> {
        let words = Words { window, object: at, len: len as u32, ..words };
        // SAFETY: nothing is lent.
        unsafe { self.call(words, core::ptr::null_mut(), 0, CallFlags::READ | CallFlags::WRITE) }
    }

    /// Memory that is lent to this side already, or may be read-only: it goes as a copy.
    fn cross_copy(&self, words: Words, request: &mut Request<'_, B>) -> Result<usize, Errno> {
        let len = words.len as usize;
        let mut copy = vec![0; len];
        request.count(Counts { copies: 1, maps: 1, ..Counts::default() });
        if request.access().contains(Access::FETCH) {
            request.fetch(0, &mut copy)?;
        }
        let count = self.ask_as(words, &mut copy)?;
        if request.access().contains(Access::FILL) {
            request.fill(0, copy.get(..count).ok_or(Errno::EPROTO)?)?;
        }
        Ok(count)
    }

    fn cross_parcel(&self, words: Words, request: &mut Request<'_, B>) -> Result<usize, Errno> {
        let mut parcel = Vec::new();
        request.body().pack([request.name(0), request.name(1)], &mut parcel)?;
        let count = match self.parcel_room(parcel.len()) {
            Some((room, window, at)) => {
                room.copy_in(0, &parcel)?;
                let count = self.refer(words, window, at, parcel.len())?;
                room.copy_out(0, &mut parcel)?;
                count
            }
            None => {
                request.count(Counts { maps: 1, ..Counts::default() });
                let words = Words { len: parcel.len() as u32, ..words };
                self.ask_as(words, &mut parcel)?
            }
        };
        request.body_mut().unpack_reply(Status::ok(count), &parcel)?;
        Ok(count)
    }

    /// Room for a parcel in a window, where there is one.
    fn parcel_room(&self, len: usize) -> Option<(Lent, u16, u32)> {
        let room = self.windows.room(len)?;
        let (window, at) = self.windows.find(room.address(), len)?;
        Some((room, window, at))
    }
}

impl<B: Cross> Port<B> for SchemeAgent<B> {
    fn begin<'s>(&'s self, request: Request<'s, B>) -> Outcome<'s, B> {
        self.begin_announced(self.announce(request.id()), request)
    }

    /// Asks the other side for the abort, and waits for it to have heard. The message may be on
    /// its way there still, or back: then the other side does not know it.
    fn interrupt(&self, message: MessageId) {
        let Some(id) = self.id_across(message) else { return };
        while self.is_across(id) && self.abort_id(id) == Err(Errno::ENOENT) {
            crate::sync::pause();
        }
    }
}
