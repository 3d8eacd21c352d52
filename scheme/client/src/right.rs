//! Send rights: to call, to send many messages at a time, to get their replies.

use std::{
    sync::{
        atomic::{AtomicU32, Ordering},
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
    thread,
    time::{Duration, Instant},
};

use agent::{Errno, Words};
use libredox::{
    Fd,
    flag::{O_CLOEXEC, O_RDWR},
};
use syscall::CallFlags;

use crate::record::{ABORT, Flags, Record, Records, Verb};

bitflags::bitflags! {
    /// What the holder of a send right may do with it.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct May: u32 {
        /// Send and call.
        const SEND = 1;
        /// Have messages go before others.
        const PRIORITY = 2;
        /// Make more rights of it.
        const DUP = 4;
    }
}

/// A right to send to a port, with a reply port of its own. Threads may share it; then each gets
/// whatever replies come next.
///
/// Dropping it aborts what is outstanding and gives the right back.
pub struct SendRight {
    fd: Fd,
    ids: AtomicU32,
}

impl SendRight {
    /// The right to send to the port at `path`: `ENOENT`, `EACCES`. Where the port's service has
    /// a scheme of its own, what is opened is a handle of that.
    pub fn open(path: &str) -> Result<SendRight, Errno> {
        Ok(SendRight::new(Fd::open(path, O_RDWR | O_CLOEXEC, 0)?))
    }

    /// The right that a descriptor is.
    pub fn new(fd: Fd) -> SendRight {
        SendRight { fd, ids: AtomicU32::new(1) }
    }

    /// The descriptor, for event queues. It stays the right's.
    pub fn fd(&self) -> &Fd {
        &self.fd
    }

    /// The descriptor, which is the right.
    pub fn into_fd(self) -> Fd {
        self.fd
    }

    /// Asks and waits: an operation, one argument, and data that the reply's overwrites, as much
    /// of it as there is. The status' count, or the errno that the receiver answered; `EAGAIN`
    /// where too much is outstanding, `ENODEV` where nobody receives, `ECONNRESET` where the
    /// receiver is gone with the message, `EINTR` where a signal came and the message was
    /// aborted.
    ///
    /// A receiver that calls while it serves a message does it with
    /// [`Message::call`](crate::Message::call).
    pub fn call(&self, op: u16, argument: u64, data: &mut [u8]) -> Result<usize, Errno> {
        self.call_from(0, op, argument, data)
    }

    pub(crate) fn call_from(
        &self,
        origin: u32,
        op: u16,
        argument: u64,
        data: &mut [u8],
    ) -> Result<usize, Errno> {
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        self.call_as(id, Words { op, offset: argument, object: origin, ..Words::default() }, data)
    }

    /// The same under an id of the caller's choice, by which another thread may abort it.
    pub fn call_with_id(
        &self,
        id: u32,
        op: u16,
        argument: u64,
        data: &mut [u8],
    ) -> Result<usize, Errno> {
        self.call_as(id, Words { op, offset: argument, ..Words::default() }, data)
    }

    fn call_as(&self, id: u32, words: Words, data: &mut [u8]) -> Result<usize, Errno> {
        let len = u32::try_from(data.len()).map_err(|_| Errno::EMSGSIZE)?;
        let words = Words { id, len, ..words }.encode();
        Ok(self.fd.call_rw(data, CallFlags::READ | CallFlags::WRITE, &words)?)
    }

    /// The same until `deadline`: then the message is aborted. What waited is taken back, and what
    /// a receiver has taken ends as that says, late perhaps; `ETIMEDOUT` where it ends cancelled.
    /// `EAGAIN` where there is no thread to be had that watches the time.
    pub fn call_until(
        &self,
        deadline: Instant,
        op: u16,
        argument: u64,
        data: &mut [u8],
    ) -> Result<usize, Errno> {
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        let (over, watched) = channel();
        thread::scope(|scope| {
            let watch = thread::Builder::new()
                .spawn_scoped(scope, move || self.abort_at(deadline, id, &watched))
                .map_err(|_| Errno::EAGAIN)?;
            let result = self.call_with_id(id, op, argument, data);
            drop(over);
            match (result, watch.join()) {
                (Err(Errno::ECANCELED), Ok(true)) => Err(Errno::ETIMEDOUT),
                (result, _) => result,
            }
        })
    }

    /// Aborts a call at a moment, unless it is over before; true where it was aborted. One that
    /// has not come to the port by then is aborted when it has.
    fn abort_at(&self, deadline: Instant, id: u32, over: &Receiver<()>) -> bool {
        let mut wait = deadline.saturating_duration_since(Instant::now());
        while over.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
            if self.abort(id).is_ok() {
                return true;
            }
            wait = Duration::from_millis(1);
        }
        false
    }

    /// Asks for the abort of what was sent or is called under this id: how many messages that
    /// is; `ENOENT` for none. They still come back.
    pub fn abort(&self, id: u32) -> Result<usize, Errno> {
        self.call_as(id, Words { op: ABORT, ..Words::default() }, &mut [])
    }

    /// Sends the messages of a batch, in one crossing, and takes those that were accepted out of
    /// it: how many. What a message's mistake is comes as its reply. `EAGAIN` where none was
    /// accepted because too much is outstanding: replies are to be read first; `ENOMEM` where
    /// that is so of all of one's user's messages; `EACCES` for a right that may not send.
    pub fn send(&self, batch: &mut Batch) -> Result<usize, Errno> {
        if batch.bytes.is_empty() {
            return Ok(0);
        }
        let bytes = self.fd.write(&batch.bytes)?;
        let accepted = Records::new(&batch.bytes[..bytes]).count();
        batch.bytes.drain(..bytes);
        Ok(accepted)
    }

    /// Sends one message, as [`send`](SendRight::send).
    pub fn send_one(&self, message: Outgoing<'_>) -> Result<(), Errno> {
        let mut batch = Batch::new();
        batch.push(message);
        self.send(&mut batch).map(drop)
    }

    /// Waits for replies, and gives as many as are there and fit into `buffer`; those with
    /// priority come first. `EMSGSIZE` where the next one does not fit: it stays.
    pub fn replies<'b>(&self, buffer: &'b mut [u8]) -> Result<Replies<'b>, Errno> {
        let bytes = self.fd.read(buffer)?;
        Ok(Replies(Records::new(buffer.get(..bytes).ok_or(Errno::EPROTO)?)))
    }

    /// Has [`replies`](SendRight::replies) give `EAGAIN` in place of a wait, or not.
    pub fn set_nonblocking(&self, nonblocking: bool) -> Result<(), Errno> {
        crate::set_nonblocking(&self.fd, nonblocking)
    }

    /// A fresh right to the same port, with a reply port of its own. `EPERM` where this one may
    /// not be multiplied.
    pub fn another(&self) -> Result<SendRight, Errno> {
        Ok(SendRight::new(Fd::new(self.fd.dup(b"send")?)))
    }

    /// The same with no other rights than `may`, of those that there are.
    pub fn narrow(&self, may: May) -> Result<SendRight, Errno> {
        let mut verb = b"narrow".to_vec();
        verb.extend_from_slice(&may.bits().to_le_bytes());
        Ok(SendRight::new(Fd::new(self.fd.dup(&verb)?)))
    }

    /// Passes a fresh right, which may send and nothing else, through `channel`, which takes
    /// descriptors. Whoever gets it sends in the name of who opened this one, and can neither
    /// see nor abort what this one sends.
    pub fn pass(&self, channel: &Fd) -> Result<(), Errno> {
        self.narrow(May::SEND)?.give(channel)
    }

    /// Passes this very right.
    pub fn give(self, channel: &Fd) -> Result<(), Errno> {
        let number = self.fd.raw().to_ne_bytes();
        channel.call_wo(&number, CallFlags::FD, &[])?;
        // It is the other's now.
        let _ = self.fd.into_raw();
        Ok(())
    }

    /// The word by which a receiver that holds this right names it. Known to holders only.
    pub(crate) fn token(&self) -> Result<u64, Errno> {
        Ok(self.fd.stat()?.st_ino)
    }
}

/// A message to be sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outgoing<'a> {
    /// Names it among the right's, until its reply has come.
    pub id: u64,
    /// What is asked.
    pub words: [u64; 3],
    /// What goes with it; copied when it is accepted.
    pub data: &'a [u8],
    /// The most data that the reply may bring, in bytes.
    pub room: u32,
    /// [`Flags::PRIORITY`], [`Flags::DROPPABLE`].
    pub flags: Flags,
}

/// Messages to be sent in one crossing.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
}

impl Batch {
    /// None yet.
    pub fn new() -> Batch {
        Batch::default()
    }

    /// Adds a message.
    pub fn push(&mut self, message: Outgoing<'_>) {
        let Outgoing { id, words, data, room, flags } = message;
        let len = data.len() as u32;
        let record = Record { flags, len, words, room, ..Record::new(Verb::Send, id) };
        self.bytes.extend_from_slice(&record.to_bytes());
        self.bytes.extend_from_slice(data);
    }

    /// Adds the wish to have a message aborted. One that is back already comes to no harm.
    pub fn abort(&mut self, id: u64) {
        self.bytes.extend_from_slice(&Record::new(Verb::Abort, id).to_bytes());
    }

    /// True where all was accepted.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

/// A reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply<'b> {
    /// Which message's.
    pub id: u64,
    /// How it ended.
    pub status: Result<usize, Errno>,
    /// What the receiver says.
    pub words: [u64; 3],
    /// What came with it.
    pub data: &'b [u8],
    /// There was no message: what was written was wrong, and the status says why.
    pub refused: bool,
    /// The receiver dropped the message, as if it had never been sent.
    pub dropped: bool,
}

/// Replies that were read at once.
#[derive(Clone, Debug)]
pub struct Replies<'b>(Records<'b>);

impl<'b> Iterator for Replies<'b> {
    /// `EPROTO` for what is no reply.
    type Item = Result<Reply<'b>, Errno>;

    fn next(&mut self) -> Option<Self::Item> {
        let (record, data) = match self.0.next()? {
            Ok(record) => record,
            Err(errno) => return Some(Err(errno)),
        };
        if record.verb != Verb::Reply {
            return Some(Err(Errno::EPROTO));
        }
        let refused = record.flags.contains(Flags::REFUSED);
        let dropped = record.flags.contains(Flags::DROPPED);
        let (id, status, words) = (record.id, record.status.result(), record.words);
        Some(Ok(Reply { id, status, words, data, refused, dropped }))
    }
}
