//! Byte-range locks, as a daemon's driver of the kind `rangelock` gives them.

use std::{ops::Range, time::Instant};

use agent::{Cross, Errno, Status};
use driver_rangelock::{Conflict, LockBody, LockOp, LockReply, Mode, Owner, Token};

use crate::right::SendRight;

/// An owner of locks: a send right to a port where locks are asked for. Its own never conflict
/// with one another. They are given back when it is dropped, and when its process dies; where a
/// child was given the descriptor, when that has ended too.
///
/// What is locked is a number, which those who share it agree upon: an inode's, say.
///
/// ```no_run
/// use client::{Locks, Mode};
///
/// let locks = Locks::open("/scheme/port/locks")?;
/// locks.lock(7, 0..4096, Mode::Exclusive)?;
/// locks.unlock(7, 0..4096)?;
/// # Ok::<(), agent::Errno>(())
/// ```
pub struct Locks {
    right: SendRight,
}

impl Locks {
    /// A new owner, at the port at `path`. The errors are the open's.
    pub fn open(path: &str) -> Result<Locks, Errno> {
        SendRight::open(path).map(Locks::new)
    }

    /// The owner that a send right is.
    pub fn new(right: SendRight) -> Locks {
        Locks { right }
    }

    /// The right, to send what [`Locks::asks`] says, or to be passed on.
    pub fn right(&self) -> &SendRight {
        &self.right
    }

    /// Locks a range, in place of what this owner had there, and waits for it; `u64::MAX` is the
    /// end of everything. `EINVAL` for an empty range; `EDEADLK` where those who are in the way
    /// wait for this owner; `ENOLCK` where it, or its user, has too many; `EINTR` where a signal
    /// came, and `ECANCELED` where another thread aborted it.
    pub fn lock(&self, object: u64, range: Range<u64>, mode: Mode) -> Result<Token, Errno> {
        token(self.ask(lock(object, range, mode, true))?)
    }

    /// The same without waiting: `EAGAIN`.
    pub fn try_lock(&self, object: u64, range: Range<u64>, mode: Mode) -> Result<Token, Errno> {
        token(self.ask(lock(object, range, mode, false))?)
    }

    /// The same until a moment: `ETIMEDOUT`.
    pub fn lock_until(
        &self,
        deadline: Instant,
        object: u64,
        range: Range<u64>,
        mode: Mode,
    ) -> Result<Token, Errno> {
        let op = lock(object, range, mode, true);
        token(run(op, |code, parcel| self.right.call_until(deadline, code, 0, parcel))?)
    }

    /// Gives a range back, whatever of it is locked.
    pub fn unlock(&self, object: u64, range: Range<u64>) -> Result<(), Errno> {
        let Range { start, end } = range;
        self.ask(LockOp::Unlock { object, start, end }).map(drop)
    }

    /// Who is in the way, if anybody is.
    pub fn test(
        &self,
        object: u64,
        range: Range<u64>,
        mode: Mode,
    ) -> Result<Option<Conflict>, Errno> {
        let Range { start, end } = range;
        match self.ask(LockOp::Test { object, start, end, mode })? {
            LockReply::Free => Ok(None),
            LockReply::Held(conflict) => Ok(Some(conflict)),
            _ => Err(Errno::EPROTO),
        }
    }

    /// Whether a grant, whosoever it is, still covers a range: `ESTALE` where it does not.
    pub fn check(
        &self,
        token: Token,
        object: u64,
        range: Range<u64>,
        mode: Mode,
    ) -> Result<(), Errno> {
        let Range { start, end } = range;
        self.ask(LockOp::Check { token, object, start, end, mode }).map(drop)
    }

    /// Gives all locks back, and ends this owner's waits.
    pub fn release(&self) -> Result<(), Errno> {
        self.ask(LockOp::Release).map(drop)
    }

    /// Asks anything.
    pub fn ask(&self, op: LockOp) -> Result<LockReply, Errno> {
        run(op, |code, parcel| self.right.call(code, 0, parcel))
    }

    /// What is sent to ask `op` without waiting: the first word, and the data. The reply has as
    /// much data, for which there has to be room; [`Locks::answered`] says what is in it.
    pub fn asks(op: LockOp) -> Result<(u16, Vec<u8>), Errno> {
        let body = LockBody::new(op, Owner::default());
        let mut parcel = Vec::new();
        body.pack([None; 2], &mut parcel)?;
        Ok((body.words()?.0.op, parcel))
    }

    /// What a reply's data says.
    pub fn answered(data: &[u8]) -> Result<LockReply, Errno> {
        let mut body = LockBody::new(LockOp::Release, Owner::default());
        body.unpack_reply(Status::OK, data)?;
        Ok(body.reply)
    }
}

fn lock(object: u64, Range { start, end }: Range<u64>, mode: Mode, wait: bool) -> LockOp {
    LockOp::Lock { object, start, end, mode, wait }
}

fn token(reply: LockReply) -> Result<Token, Errno> {
    match reply {
        LockReply::Granted(token) => Ok(token),
        _ => Err(Errno::EPROTO),
    }
}

fn run(
    op: LockOp,
    call: impl FnOnce(u16, &mut [u8]) -> Result<usize, Errno>,
) -> Result<LockReply, Errno> {
    let (code, mut parcel) = Locks::asks(op)?;
    call(code, &mut parcel)?;
    Locks::answered(&parcel)
}
