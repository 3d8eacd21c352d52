//! Byte-range locks, as a service of their own: apart from the messages that carry data, and from
//! mapping. It takes messages with a body of its own, [`LockBody`].
//!
//! - An owner's locks never conflict with one another: a lock replaces what the owner had there.
//! - Order is fair: who waits is not overtaken by who comes later and conflicts, but for an owner
//!   that holds a lock on some of the range already, and for one that would else wait for ever.
//! - A wait that would close a circle of owners that wait for each other is answered `EDEADLK`.
//! - An abort ends a wait; the death of an owner ends its waits and gives its locks back.
//!
//! An owner has so many locks and no more, and so many messages wait: past that, `ENOLCK`.
//!
//! A grant has a token, which can ride along with a reference to data: whoever gets both asks with
//! [`LockOp::Check`] whether the lock still stands.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod body;
mod queue;
mod table;
mod wire;

use alloc::vec::Vec;

use agent::{Errno, Exchange, Kept, MessageId, Outcome, Port, Request, Status};

pub use body::{Conflict, LockBody, LockOp, LockReply, Mode, Owner, Token};

use queue::{Claim, Locks, Verdict};

/// The lock service.
#[derive(Default)]
pub struct RangeLocks {
    locks: spin::Mutex<Locks<Kept<LockBody>>>,
}

/// Messages that have come to an end, to be answered once no lock is held.
type Ended = Vec<(Kept<LockBody>, Verdict)>;

impl RangeLocks {
    /// A service without locks.
    pub fn new() -> RangeLocks {
        RangeLocks::default()
    }

    /// An owner is gone: its waits end with `ECANCELED`, and its locks are others' to have.
    pub fn release(&self, owner: Owner) {
        self.settle(|locks| locks.release(owner));
    }

    /// Locks that are held, and messages that wait.
    pub fn counts(&self) -> (usize, usize) {
        self.locks.lock().counts()
    }

    /// How much of what one owner may have is used up: ranges, or grants, whichever are more.
    pub fn held(&self, owner: Owner) -> usize {
        self.locks.lock().held(owner)
    }

    /// Changes something, and answers who need wait no longer.
    fn settle<T>(&self, change: impl FnOnce(&mut Locks<Kept<LockBody>>) -> T) -> T {
        let (result, ended) = {
            let mut locks = self.locks.lock();
            let result = change(&mut locks);
            (result, locks.settle())
        };
        answer(ended);
        result
    }

    fn lock<'s>(&'s self, mut request: Request<'s, LockBody>) -> Outcome<'s, LockBody> {
        let Some((claim, wait)) = Claim::of(request.body()) else {
            return request.done(Errno::EINVAL);
        };
        let verdict = self.settle(|locks| locks.ask(&claim));
        match verdict {
            Verdict::Waits if wait => request.keep(self),
            Verdict::Waits => request.done(Errno::EAGAIN),
            Verdict::Deadlock if !wait => request.done(Errno::EAGAIN),
            ended => {
                let status = ended.tell(request.body_mut());
                request.done(status)
            }
        }
    }
}

fn answer(ended: Ended) {
    for (mut kept, verdict) in ended {
        let status = verdict.tell(kept.body_mut());
        kept.done(status);
    }
}

impl Verdict {
    /// Puts what a lock came to into its message.
    fn tell(self, body: &mut LockBody) -> Status {
        match self {
            Verdict::Granted(token) => {
                body.reply = LockReply::Granted(token);
                Status::OK
            }
            Verdict::Deadlock => Errno::EDEADLK.into(),
            Verdict::NoRoom => Errno::ENOLCK.into(),
            Verdict::Gone | Verdict::Waits => Errno::ECANCELED.into(),
        }
    }
}

impl Port<LockBody> for RangeLocks {
    fn begin<'s>(&'s self, mut request: Request<'s, LockBody>) -> Outcome<'s, LockBody> {
        let owner = request.body().owner;
        let result = match request.body().op {
            LockOp::Lock { .. } => return self.lock(request),
            LockOp::Unlock { object, start, end } if start < end => {
                self.settle(|locks| locks.unlock(owner, object, start..end)).map(|()| 0)
            }
            LockOp::Unlock { .. } => Err(Errno::EINVAL),
            LockOp::Test { .. } => match Claim::of(request.body()) {
                Some((claim, _)) => {
                    let conflict = self.locks.lock().conflict(&claim);
                    request.body_mut().reply = conflict.map_or(LockReply::Free, LockReply::Held);
                    Ok(0)
                }
                None => Err(Errno::EINVAL),
            },
            LockOp::Check { token, object, start, end, mode } => {
                self.locks.lock().check(token, object, start..end, mode).map(|()| 0)
            }
            LockOp::Release => {
                self.release(owner);
                Ok(0)
            }
        };
        request.done(result)
    }

    /// A lock that has to wait. What has changed since it was begun is seen now.
    fn take(&self, kept: Kept<LockBody>) {
        let Some((claim, _)) = Claim::of(kept.body()) else { return kept.done(Errno::EINVAL) };
        self.settle(|locks| locks.wait(claim, kept));
    }

    fn abort(&self, id: MessageId) {
        let found = self.settle(|locks| locks.cancel(|kept| kept.id() == id));
        drop(found);
    }

    fn fail(&self) {
        let waiting = self.locks.lock().cancel_all();
        drop(waiting);
    }
}
