//! Schemes of daemons: a queue of requests, and the calls that wait for an answer.

mod answers;
mod calls;
mod requests;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, Weak};

use syscall::error::{EAGAIN, EBADFD, EINTR, EINVAL, ENOENT, ESRCH, Error, Result};
use syscall::flag::EventFlags;
use syscall::schemev2::{Opcode, Sqe, SqeFlags};

use self::calls::{Answer, Calls};
use super::context::{Waiters, Wakeup};
use super::description::Description;
use super::lend::Loan;
use super::memory::Buffer;
use super::process::{Cx, Life, Pid, Task};
use super::{events, scheme};
use crate::sync::lock;

const SQE_SIZE: usize = size_of::<Sqe>();

/// A daemon's scheme.
pub(crate) struct UserScheme {
    id: usize,
    creator: Arc<Task>,
    life: Weak<Life>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    queue: VecDeque<Sqe>,
    readers: Waiters,
    calls: Calls,
}

impl UserScheme {
    pub(crate) fn new(id: usize, cx: &Cx) -> Arc<Self> {
        Arc::new(Self {
            id,
            creator: Arc::clone(&cx.task),
            life: Weak::clone(&cx.life),
            inner: Mutex::default(),
        })
    }

    pub(crate) fn id(&self) -> usize {
        self.id
    }

    /// ESRCH unless the thread that created the socket still lives.
    fn check_alive(&self) -> Result<()> {
        let lives = !self.creator.is_dead() && self.life.strong_count() > 0;
        if lives { Ok(()) } else { Err(Error::new(ESRCH)) }
    }

    fn is_creator(&self, cx: &Cx) -> bool {
        Arc::ptr_eq(&cx.task, &self.creator)
    }

    /// Lends a caller's buffer. ESRCH if there is something to lend and nobody to lend it to.
    fn lend(&self, cx: &Cx, buffer: Buffer) -> Result<Loan> {
        if buffer.is_empty() {
            return Ok(Loan::nothing());
        }
        self.check_alive()?;
        if self.is_creator(cx) {
            return Ok(Loan::as_it_is(&buffer));
        }
        Ok(Loan::buffer(buffer, &self.creator.space)?.seen_by(&self.creator))
    }

    /// Lends a path, even an empty one. ESRCH as in [`Self::lend`].
    fn lend_path(&self, path: &str) -> Result<Loan> {
        self.check_alive()?;
        Ok(Loan::path(path, &self.creator.space)?.seen_by(&self.creator))
    }

    /// A request with the caller's ids in the last argument.
    fn request(&self, cx: &Cx, opcode: Opcode, args: &[u64]) -> Sqe {
        let mut sqe = request(cx.task.pid, opcode, args);
        sqe.args[5] = ids(cx.task.uid, cx.task.gid);
        sqe
    }

    /// Queues a request and waits for its answer. EINTR for a caller that is being killed.
    fn call(
        &self,
        cx: &Cx,
        sqe: Sqe,
        files: Vec<Arc<Description>>,
        loan: &mut Loan,
    ) -> Result<Answer> {
        cx.task.counters.add(loan.stats());
        let tag = {
            let mut inner = lock(&self.inner);
            let tag = inner.calls.begin(&cx.context, files);
            inner.push(Sqe { tag, ..sqe });
            tag
        };
        self.announce();
        loop {
            match cx.context.sleep(None) {
                Wakeup::Killed => {
                    lock(&self.inner).calls.orphan(tag, loan.abandon());
                    return Err(Error::new(EINTR));
                }
                Wakeup::Signal => self.cancel(tag),
                Wakeup::Ready | Wakeup::Timeout => {}
            }
            if let Some(answer) = lock(&self.inner).calls.collect(tag) {
                return Ok(answer);
            }
        }
    }

    /// Tells the daemon, once a call, that the caller would rather not wait.
    fn cancel(&self, tag: u32) {
        let mut inner = lock(&self.inner);
        if !inner.calls.cancel(tag) {
            return;
        }
        let sqe_flags = SqeFlags::ONEWAY;
        inner.push(Sqe { opcode: Opcode::Cancel as u8, sqe_flags, tag, ..Sqe::default() });
        drop(inner);
        self.announce();
    }

    /// Queues a message that has no answer.
    fn post(&self, sqe: Sqe) {
        lock(&self.inner).push(sqe);
        self.announce();
    }

    fn announce(&self) {
        events().trigger(scheme::SOCKET, self.id, EventFlags::EVENT_READ);
    }

    /// Requests for the daemon, as many as there are and fit. Waits for one, or EAGAIN; EINTR.
    pub(crate) fn read(&self, cx: &Cx, to: Buffer, nonblock: bool) -> Result<usize> {
        loop {
            let mut inner = lock(&self.inner);
            if !inner.queue.is_empty() {
                return Ok(inner.take(to));
            }
            if nonblock {
                return nothing_there(to);
            }
            inner.readers.add(&cx.context);
            drop(inner);
            match cx.context.sleep(None) {
                Wakeup::Ready | Wakeup::Timeout => {}
                Wakeup::Signal | Wakeup::Killed => {
                    lock(&self.inner).readers.remove(&cx.context);
                    return Err(Error::new(EINTR));
                }
            }
        }
    }

    /// What of `flags` the socket is ready for.
    pub(crate) fn ready(&self, flags: EventFlags) -> EventFlags {
        match lock(&self.inner).queue.is_empty() {
            true => EventFlags::empty(),
            false => EventFlags::EVENT_READ.intersection(flags),
        }
    }

    /// Takes the descriptors that came with a request, or that were given to it. EINVAL for a tag
    /// that is not in use, ENOENT for one that is answered.
    pub(crate) fn obtain(&self, tag: usize) -> Result<Vec<Arc<Description>>> {
        let mut inner = lock(&self.inner);
        let files = inner.calls.files(tag).ok_or(Error::new(EINVAL))?;
        files.map(std::mem::take).ok_or(Error::new(ENOENT))
    }

    /// Gives descriptors to a request, for its answer. EINVAL and ENOENT as in [`Self::obtain`].
    pub(crate) fn give(&self, tag: usize, given: Vec<Arc<Description>>) -> Result<usize> {
        let mut inner = lock(&self.inner);
        let files = inner.calls.files(tag).ok_or(Error::new(EINVAL))?;
        let files = files.ok_or(Error::new(ENOENT))?;
        *files = given;
        Ok(files.len())
    }
}

impl Inner {
    fn push(&mut self, sqe: Sqe) {
        self.queue.push_back(sqe);
        self.readers.wake_all();
    }

    /// Copies requests out. A piece of one that doesn't fit is shown, and stays queued.
    fn take(&mut self, to: Buffer) -> usize {
        let mut done = 0;
        for sqe in &self.queue {
            let shown = to.skip(done).write(sqe);
            done += shown;
            if shown < SQE_SIZE {
                break;
            }
        }
        self.queue.drain(..done / SQE_SIZE);
        done
    }
}

fn nothing_there(to: Buffer) -> Result<usize> {
    match to.len() {
        0 => Ok(0),
        1..SQE_SIZE => Err(Error::new(EINVAL)),
        _ => Err(Error::new(EAGAIN)),
    }
}

/// A request without the caller's ids.
fn request(pid: Pid, opcode: Opcode, args: &[u64]) -> Sqe {
    let mut sqe = Sqe { opcode: opcode as u8, caller: pid.into(), ..Sqe::default() };
    sqe.args[..args.len()].copy_from_slice(args);
    sqe
}

/// How a request carries the caller's user and group.
fn ids(uid: u32, gid: u32) -> u64 {
    u64::from(uid) | u64::from(gid) << 32
}

/// EBADFD: the tag is not in use.
fn unknown_tag() -> Error {
    Error::new(EBADFD)
}
