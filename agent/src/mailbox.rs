//! Ports whose owners take messages off themselves.

use alloc::sync::Arc;
use core::{cell::UnsafeCell, ptr::NonNull};

use crate::{
    ending, engine,
    funnel::{Funnel, MOST, Refused},
    kept::Kept,
    late::Through,
    port::{MessageId, Port},
    queue::Queue,
    record::{Flags, Record},
    request::{Outcome, Request},
    status::Errno,
    sync::{AtomicUsize, Ordering, pause},
    wait::{Deadline, Moment, Wait},
};

/// A thread's port: many put messages in, and the one owner, who has the [`Receiver`], takes
/// them out.
///
/// Answers of its own: `EAGAIN` to a message that is sent, where the queue is full (a `call`
/// waits); `ENODEV` once the receiver is gone.
pub struct Mailbox<B: 'static> {
    funnel: Funnel<B>,
    owned: Owned,
}

/// What senders read; on cache lines of its own.
#[repr(align(128))]
struct Owned {
    /// Taken out of the funnel, and not got yet: as much at least, for it is written seldom.
    ahead: AtomicUsize,
    limit: usize,
    /// How seldom, a power of two: each time makes senders fetch it.
    step: usize,
    exact: Exact,
}

/// The same to the message, on a cache line that senders leave alone until the queue looks full.
#[repr(align(128))]
struct Exact(AtomicUsize);

/// In place of a number, while messages change sides.
const CHANGING: usize = usize::MAX;

impl Owned {
    fn new(limit: usize) -> Owned {
        let step = (limit / 32).next_power_of_two();
        Owned { ahead: AtomicUsize::new(0), limit, step, exact: Exact(AtomicUsize::new(0)) }
    }

    fn room(&self, ahead: &AtomicUsize) -> usize {
        self.limit.saturating_sub(ahead.load(Ordering::Relaxed))
    }

    /// Notes that `ahead` messages are taken out and not got, and perhaps more than before.
    #[inline]
    fn note(&self, ahead: usize, more: bool) {
        self.exact.0.store(ahead, Ordering::Relaxed);
        if more || (ahead & (self.step - 1) == 0 && ahead != self.ahead.load(Ordering::Relaxed)) {
            self.ahead.store(ahead, Ordering::Relaxed);
        }
    }
}

impl<B: Send + 'static> Mailbox<B> {
    /// A mailbox for up to `limit` messages of senders that do not wait, 65,535 at most, and
    /// its receive right.
    pub fn new(limit: usize) -> (Arc<Mailbox<B>>, Receiver<B>) {
        let owned = Owned::new(limit.min(MOST));
        let mailbox = Arc::new(Mailbox { funnel: Funnel::new(), owned });
        let receiver =
            Receiver { mailbox: Arc::clone(&mailbox), got: UnsafeCell::new(Queue::new()) };
        (mailbox, receiver)
    }
}

impl<B: Send + 'static> Port<B> for Mailbox<B> {
    #[inline]
    fn begin<'s>(&'s self, request: Request<'s, B>) -> Outcome<'s, B> {
        request.keep_through(self, Through::Marks)
    }

    #[inline]
    fn take(&self, kept: Kept<B>) {
        let record = kept.into_record();
        // SAFETY: held.
        let flags = unsafe { record.as_ref() }.flags;
        let sent = flags.contains(Flags::SENT);
        // SAFETY: held; given away where the answer is `Ok`. Nobody need keep the mailbox alive
        // for a message: its receiver does.
        unsafe {
            if flags.contains(Flags::RECEIPT) {
                return self.take_noted(record, sent);
            }
            if let Err(refused) = self.put(record, sent) {
                refuse(record, refused);
            }
        }
    }
}

impl<B: Send + 'static> Mailbox<B> {
    /// # Safety
    /// The caller holds the record, and gives it away where the answer is `Ok`.
    #[inline]
    unsafe fn put(&self, record: NonNull<Record<B>>, sent: bool) -> Result<(), Refused> {
        let room = if sent { self.owned.room(&self.owned.ahead) } else { usize::MAX };
        // SAFETY: as the caller's.
        unsafe {
            match self.funnel.put(record, room) {
                Err(Refused::Full) => self.put_exactly(record),
                other => other,
            }
        }
    }

    /// The same where the queue looks full, or is.
    ///
    /// # Safety
    /// As [`put`](Mailbox::put).
    #[cold]
    unsafe fn put_exactly(&self, record: NonNull<Record<B>>) -> Result<(), Refused> {
        let Exact(exact) = &self.owned.exact;
        loop {
            let ahead = exact.load(Ordering::Relaxed);
            if ahead == CHANGING {
                pause();
                continue;
            }
            // SAFETY: as the caller's.
            let put = unsafe { self.funnel.put(record, self.owned.limit.saturating_sub(ahead)) };
            // Full only where nothing was got meanwhile.
            if put != Err(Refused::Full) || exact.load(Ordering::Relaxed) == ahead {
                return put;
            }
        }
    }

    /// # Safety
    /// The caller holds the record and gives it away.
    #[cold]
    unsafe fn take_noted(&self, record: NonNull<Record<B>>, sent: bool) {
        // SAFETY: held; given away where the answer is `Ok`.
        unsafe {
            let receipt = ending::receipt(record);
            match self.put(record, sent) {
                Ok(()) => receipt.into_iter().for_each(|receipt| receipt.wake()),
                Err(refused) => refuse(record, refused),
            }
        }
    }
}

/// # Safety
/// The caller holds the record and gives it away.
#[cold]
unsafe fn refuse<B>(record: NonNull<Record<B>>, refused: Refused) {
    let errno = match refused {
        Refused::Full => Errno::EAGAIN,
        Refused::Closed => Errno::ENODEV,
    };
    // SAFETY: as the caller's.
    unsafe { engine::complete(record, errno.into()) }
}

/// The receive right of a [`Mailbox`]: one thread's at a time. Dropping it closes the mailbox,
/// and what waits is answered `ENODEV`.
///
/// Threads can't share it:
///
/// ```compile_fail,E0277
/// fn share<T: Sync>(_: T) {}
/// share(agent::Mailbox::<u32>::new(8).1);
/// ```
pub struct Receiver<B: Send + 'static> {
    mailbox: Arc<Mailbox<B>>,
    /// Borrowed for a step at a time, none of which leads back here. Not for several threads.
    got: UnsafeCell<Queue<B>>,
}

// SAFETY: what is queued is held by the queue, and may change threads as `Kept` may.
unsafe impl<B: Send> Send for Receiver<B> {}

impl<B: Send + 'static> Receiver<B> {
    /// The next message, those with priority first; `None` where none waits. One that its
    /// sender no longer wants is answered `ECANCELED` here.
    #[inline]
    pub fn get(&self) -> Option<Kept<B>> {
        loop {
            let record = self.next()?;
            // SAFETY: taken off the queue, so held.
            let kept = unsafe { Kept::new(record) };
            if !kept.aborted() || crate::sync::left_out("mailbox-aborted") {
                return Some(kept);
            }
            kept.done(Errno::ECANCELED);
        }
    }

    #[inline]
    fn next(&self) -> Option<NonNull<Record<B>>> {
        // SAFETY: the receiver is one thread's, and nothing here comes back to it.
        let got = unsafe { &mut *self.got.get() };
        // There may be something with priority.
        let more = self.fetch(got);
        let record = got.pop();
        self.mailbox.owned.note(got.len(), more);
        record
    }

    /// Takes over what has been put in; true where that may be several messages.
    #[inline]
    fn fetch(&self, got: &mut Queue<B>) -> bool {
        let Mailbox { funnel, owned } = &*self.mailbox;
        if !funnel.is_next(got) {
            return false;
        }
        // Until it is known how many.
        owned.exact.0.store(CHANGING, Ordering::Relaxed);
        funnel.take(got) > 1
    }

    /// Waits for the next message.
    pub fn wait(&self, wait: &dyn Wait) -> Kept<B> {
        loop {
            // Without a deadline there is a message in the end.
            if let Some(kept) = self.wait_for(wait, Deadline(None)) {
                return kept;
            }
        }
    }

    /// The same until a moment at the latest; then `None`.
    pub fn wait_until(&self, wait: &dyn Wait, moment: Moment) -> Option<Kept<B>> {
        self.wait_for(wait, Deadline(Some(moment)))
    }

    fn wait_for(&self, wait: &dyn Wait, deadline: Deadline) -> Option<Kept<B>> {
        self.mailbox.funnel.look(wait, deadline, || self.get())
    }

    /// Takes a message that may be dropped out of the queue, as if it had never been sent.
    /// `ENOENT` where it does not wait here.
    pub fn drop_message(&self, id: MessageId) -> Result<(), Errno> {
        // SAFETY: as in `next`.
        let got = unsafe { &mut *self.got.get() };
        self.mailbox.owned.exact.0.store(CHANGING, Ordering::Relaxed);
        self.mailbox.funnel.take(got);
        let droppable = |record: NonNull<Record<B>>| {
            // SAFETY: held by the queue.
            unsafe { record.as_ref() }.flags.contains(Flags::DROPPABLE)
        };
        let record = got.remove(id, droppable);
        self.mailbox.owned.note(got.len(), true);
        // SAFETY: taken off the queue, so held.
        unsafe { ending::never_sent(record.ok_or(Errno::ENOENT)?) };
        Ok(())
    }

    /// How many messages wait.
    pub fn len(&self) -> usize {
        // SAFETY: as in `next`.
        unsafe { &*self.got.get() }.len() + self.mailbox.funnel.len()
    }

    /// True where none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<B: Send + 'static> Drop for Receiver<B> {
    fn drop(&mut self) {
        let mut got = core::mem::replace(self.got.get_mut(), Queue::new());
        self.mailbox.funnel.close(&mut got);
        while let Some(record) = got.pop() {
            // SAFETY: taken off the queue, so held.
            unsafe { engine::complete(record, Errno::ENODEV.into()) }
        }
    }
}
