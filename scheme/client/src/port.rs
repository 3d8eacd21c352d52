//! Receive rights: to make a port, take messages from it, and answer them.

use std::sync::Arc;

use agent::{Errno, Status};
use libredox::{
    Fd,
    flag::{O_CLOEXEC, O_CREAT, O_EXCL, O_RDWR},
};
use syscall::CallFlags;

use crate::{
    record::{Flags, MAX_DATA, RECORD, Record, Records, Verb},
    right::SendRight,
};

/// Bytes that are read at once: the largest message, at least.
const BUFFER: usize = RECORD + MAX_DATA;

/// A port, and the right to receive from it: one thread's at a time.
///
/// Dropping it closes the port, unless there is [another](Port::another): what waits is answered
/// `ENODEV`, and what was taken and not answered `ECONNRESET`.
pub struct Port {
    fd: Arc<Fd>,
    buffer: Vec<u8>,
    /// What was read and not looked at yet.
    rest: std::ops::Range<usize>,
}

/// What comes to a port.
pub enum Event {
    /// Somebody asks for something.
    Message(Message),
    /// The sender of the message of this number no longer wants it. It is still to be answered,
    /// as soon as can be.
    Aborted(u32),
    /// Somebody opens the port, which was made for direct connections.
    Connect(Connect),
}

/// Whose message it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sender {
    /// User of who opened the right that it was sent by.
    pub uid: u32,
    /// Likewise.
    pub gid: u32,
    /// The process that sent it.
    pub pid: u32,
}

impl Port {
    /// Makes a port of this name, which others may use as the mode says: to write is to send, to
    /// read is to see it listed. With the bit `0o1000` its openers are [connected
    /// directly](Event::Connect). `EACCES` for a name that is not one's own to make, `EEXIST`
    /// for one that is taken, `EBUSY` for one that was another user's and that handles remain of.
    pub fn create(path: &str, mode: u16) -> Result<Port, Errno> {
        let fd = Fd::open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode)?;
        // Any use claims the port: one whose maker died within the open has none, and goes.
        fd.stat()?;
        Ok(Port::new(fd))
    }

    /// The receive right that a descriptor is.
    pub fn new(fd: Fd) -> Port {
        Port { fd: Arc::new(fd), buffer: vec![0; BUFFER], rest: 0..0 }
    }

    /// A further receive right, for another thread or process: each message goes to one of them.
    pub fn another(&self) -> Result<Port, Errno> {
        Ok(Port::new(Fd::new(self.fd.dup(b"receive")?)))
    }

    /// A right to send to the port.
    pub fn send_right(&self) -> Result<SendRight, Errno> {
        Ok(SendRight::new(Fd::new(self.fd.dup(b"send")?)))
    }

    /// The descriptor, for event queues. It stays the port's.
    pub fn fd(&self) -> &Fd {
        &self.fd
    }

    /// Has [`receive`](Port::receive) give `EAGAIN` in place of a wait, or not.
    pub fn set_nonblocking(&self, nonblocking: bool) -> Result<(), Errno> {
        crate::set_nonblocking(&self.fd, nonblocking)
    }

    /// Waits for what comes next; what has priority comes first. `EINTR` where a signal came.
    pub fn receive(&mut self) -> Result<Event, Errno> {
        loop {
            if self.rest.is_empty() {
                let bytes = self.fd.read(&mut self.buffer)?;
                self.rest = 0..bytes.min(self.buffer.len());
            }
            if let Some(event) = self.next_read()? {
                return Ok(event);
            }
        }
    }

    /// What was read already; `None` for nothing.
    fn next_read(&mut self) -> Result<Option<Event>, Errno> {
        let Some(next) = Records::new(&self.buffer[self.rest.clone()]).next() else {
            return Ok(None);
        };
        let Ok((record, data)) = next else {
            self.rest = 0..0;
            return Err(Errno::EPROTO);
        };
        self.rest.start += RECORD + data.len();
        let number = u32::try_from(record.id).map_err(|_| Errno::EPROTO)?;
        let kept = Kept { fd: Arc::clone(&self.fd), number, answered: false };
        Ok(Some(match record.verb {
            Verb::Abort => {
                kept.forget();
                Event::Aborted(number)
            }
            Verb::Send => Event::Message(Message { kept, record, data: data.to_vec() }),
            Verb::Connect => Event::Connect(Connect { kept, record, path: data.to_vec() }),
            _ => {
                kept.forget();
                return Err(Errno::EPROTO);
            }
        }))
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        // What was read and not looked at is let go of.
        while let Ok(Some(_)) = self.next_read() {}
    }
}

/// What is still to be answered.
struct Kept {
    fd: Arc<Fd>,
    number: u32,
    answered: bool,
}

impl Kept {
    /// Answers, by whatever `record` says.
    fn answer(mut self, record: Record, data: &[u8]) -> Result<(), Errno> {
        self.write(record, data)?;
        self.answered = true;
        Ok(())
    }

    fn write(&self, record: Record, data: &[u8]) -> Result<(), Errno> {
        let record = Record { len: data.len() as u32, id: self.number.into(), ..record };
        let mut bytes = record.to_bytes().to_vec();
        bytes.extend_from_slice(data);
        self.fd.write(&bytes)?;
        Ok(())
    }

    /// There is nothing to be answered.
    fn forget(mut self) {
        self.answered = true;
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if !self.answered {
            // Nobody is there to tell of an error.
            let status = Errno::ECANCELED.into();
            let _ = self.write(Record { status, ..Record::new(Verb::Reply, 0) }, &[]);
        }
    }
}

/// A message that was taken. It is answered or passed on once; letting go of it answers
/// `ECANCELED`.
pub struct Message {
    kept: Kept,
    record: Record,
    data: Vec<u8>,
}

impl Message {
    /// Names the message until it is answered.
    pub fn number(&self) -> u32 {
        self.kept.number
    }

    /// Whose it is.
    pub fn sender(&self) -> Sender {
        Sender { uid: self.record.uid, gid: self.record.gid, pid: self.record.pid }
    }

    /// What is asked. Of a call: the operation, its argument, and 0.
    pub fn words(&self) -> [u64; 3] {
        self.record.words
    }

    /// What came with it.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// The most data that the reply may bring.
    pub fn room(&self) -> usize {
        self.record.room as usize
    }

    /// Priority, whether it may be dropped, whether the sender waits.
    pub fn flags(&self) -> Flags {
        self.record.flags
    }

    /// Answers: how it went, what there is to say, and data, as much as there is
    /// [room](Message::room) for: else `EMSGSIZE`, and the sender is answered `ECANCELED`.
    pub fn reply(
        self,
        status: Result<usize, Errno>,
        words: [u64; 3],
        data: &[u8],
    ) -> Result<(), Errno> {
        let record = Record { status: Status::from(status), words, ..Record::new(Verb::Reply, 0) };
        self.kept.answer(record, data)
    }

    /// Passes the message on, as it is, to the port that `right` is for. Its sender's reply port
    /// stays what it was.
    pub fn forward(self, right: &SendRight) -> Result<(), Errno> {
        let words = [right.token()?, 0, 0];
        self.kept.answer(Record { words, ..Record::new(Verb::Forward, 0) }, &[])
    }

    /// Gives the message back as if it had never been sent. `EPERM` where it is not droppable;
    /// then it is answered `ECANCELED`.
    pub fn drop_message(self) -> Result<(), Errno> {
        self.kept.answer(Record::new(Verb::Drop, 0), &[])
    }

    /// Asks another port while this message is served, as [`SendRight::call`]; `EDEADLK` at once
    /// where that port can only be served by who waits for this very call. Each receive right
    /// counts as one thread's. An abort of this message goes after the call, too; once that has
    /// been asked for, the answer is `ECANCELED`.
    pub fn call(
        &self,
        right: &SendRight,
        op: u16,
        argument: u64,
        data: &mut [u8],
    ) -> Result<usize, Errno> {
        right.call_from(self.kept.number, op, argument, data)
    }
}

/// Somebody who opens the port, and waits. Letting go of it answers `ECANCELED`.
pub struct Connect {
    kept: Kept,
    record: Record,
    path: Vec<u8>,
}

impl Connect {
    /// Names the opener until it is answered.
    pub fn number(&self) -> u32 {
        self.kept.number
    }

    /// Who opens.
    pub fn sender(&self) -> Sender {
        Sender { uid: self.record.uid, gid: self.record.gid, pid: self.record.pid }
    }

    /// What is asked for: bit 0 to read, bit 1 to write.
    pub fn access(&self) -> u64 {
        self.record.words[0]
    }

    /// The flags of the open, in Redox's numbers.
    pub fn flags(&self) -> u64 {
        self.record.words[1]
    }

    /// What follows the port's name in the path that is opened.
    pub fn path(&self) -> &[u8] {
        &self.path
    }

    /// Answers with a descriptor, which becomes the opener's. `ETIMEDOUT` where that waits no
    /// more; the descriptor is closed then.
    pub fn accept(self, handle: Fd) -> Result<(), Errno> {
        let number = handle.raw().to_ne_bytes();
        let words = [u64::from(self.kept.number)];
        let passed = self.kept.fd.call_wo(&number, CallFlags::FD, &words);
        if passed.is_ok() {
            // It is the opener's now.
            let _ = handle.into_raw();
        }
        self.kept.forget();
        Ok(passed.map(drop)?)
    }

    /// Answers with an errno.
    pub fn refuse(self, errno: Errno) -> Result<(), Errno> {
        let status = errno.into();
        self.kept.answer(Record { status, ..Record::new(Verb::Reply, 0) }, &[])
    }
}
