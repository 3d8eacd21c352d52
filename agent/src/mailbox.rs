//! Ports whose owners take messages off themselves.

use alloc::sync::Arc;
use core::{cell::Cell, marker::PhantomData, ptr::NonNull};

use crate::{
    ending, engine,
    intake::Intake,
    keeper::Through,
    kept::Kept,
    port::{MessageId, Port},
    queue::Queue,
    record::{Flags, Record},
    request::{Outcome, Request},
    ring::Refused,
    status::Errno,
    wait::{Deadline, Moment, Wait},
};

/// A thread's port: many put messages in, and the one owner, who has the [`Receiver`], takes
/// them out.
///
/// Answers of its own: `EAGAIN` to a message that is sent, where the queue is full (a `call`
/// waits); `ENODEV` once the receiver is gone.
pub struct Mailbox<B: 'static> {
    intake: Intake<B>,
}

/// The largest limit.
const MOST: usize = 0xffff;

impl<B: Send + 'static> Mailbox<B> {
    /// A mailbox for up to `limit` messages of senders that do not wait, 65,535 at most, and
    /// its receive right. It takes 8 to 16 bytes of memory for each of them.
    pub fn new(limit: usize) -> (Arc<Mailbox<B>>, Receiver<B>) {
        let limit = limit.min(MOST);
        let mailbox = Arc::new(Mailbox { intake: Intake::new(limit, limit) });
        let receiver = Receiver { mailbox: Arc::clone(&mailbox), of_one: PhantomData };
        (mailbox, receiver)
    }
}

impl<B: Send + 'static> Port<B> for Mailbox<B> {
    #[inline]
    fn begin<'s>(&'s self, request: Request<'s, B>) -> Outcome<'s, B> {
        request.keep_through(self, Through::MARKS)
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
            if let Err(refused) = self.intake.put(record, sent) {
                refuse(record, refused);
            }
        }
    }
}

impl<B: Send + 'static> Mailbox<B> {
    /// # Safety
    /// The caller holds the record and gives it away.
    #[cold]
    unsafe fn take_noted(&self, record: NonNull<Record<B>>, sent: bool) {
        // SAFETY: held; given away where the answer is `Ok`.
        unsafe {
            let receipt = ending::receipt(record);
            match self.intake.put(record, sent) {
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
        Refused::Closed => Errno::ENODEV,
        Refused::Full | Refused::Asleep(_) => Errno::EAGAIN,
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
    /// Not for several threads at a time.
    of_one: PhantomData<Cell<()>>,
}

impl<B: Send + 'static> Receiver<B> {
    /// The next message, those with priority first; `None` where none waits. One that its
    /// sender no longer wants is answered `ECANCELED` here.
    #[inline]
    pub fn get(&self) -> Option<Kept<B>> {
        loop {
            let record = self.mailbox.intake.take()?;
            // SAFETY: taken off the queue, so held.
            let kept = unsafe { Kept::new(record) };
            if !kept.aborted() || crate::sync::left_out("mailbox-aborted") {
                return Some(kept);
            }
            kept.done(Errno::ECANCELED);
        }
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
        self.mailbox.intake.look(wait, deadline, || self.get())
    }

    /// Takes a message that may be dropped out of the queue, as if it had never been sent.
    /// `ENOENT` where it does not wait here.
    pub fn drop_message(&self, id: MessageId) -> Result<(), Errno> {
        let droppable = |record: NonNull<Record<B>>| {
            // SAFETY: held by the queue.
            unsafe { record.as_ref() }.flags.contains(Flags::DROPPABLE)
        };
        let record = self.mailbox.intake.remove(id, droppable);
        // SAFETY: taken off the queue, so held.
        unsafe { ending::never_sent(record.ok_or(Errno::ENOENT)?) };
        Ok(())
    }

    /// How many messages wait.
    pub fn len(&self) -> usize {
        self.mailbox.intake.len()
    }

    /// True where none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<B: Send + 'static> Drop for Receiver<B> {
    fn drop(&mut self) {
        let mut waiting = Queue::new();
        self.mailbox.intake.close(&mut waiting);
        while let Some(record) = waiting.pop() {
            // SAFETY: taken off the queue, so held.
            unsafe { engine::complete(record, Errno::ENODEV.into()) }
        }
    }
}
