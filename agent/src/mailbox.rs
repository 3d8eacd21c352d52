//! Ports whose owners take messages off themselves.

use alloc::sync::Arc;
use core::{cell::Cell as Plain, cell::RefCell, marker::PhantomData};

use crate::{
    ending, engine,
    funnel::{Funnel, MOST, Refused},
    kept::Kept,
    late::Through,
    port::{MessageId, Port},
    queue::List,
    queue::Queue,
    record::{Flags, Record},
    request::{Outcome, Request},
    status::Errno,
    sync::{AtomicUsize, Ordering},
    wait::{Deadline, Moment, Wait},
};
use core::ptr::NonNull;

/// A thread's port: many put messages in, and the one owner, who has the [`Receiver`], takes
/// them out.
///
/// Answers of its own: `EAGAIN` to a message that is sent, where the queue is full (a `call`
/// waits); `ENODEV` once the receiver is gone.
pub struct Mailbox<B: 'static> {
    funnel: Funnel<B>,
    /// Taken out of the funnel, and not got yet: written by the owner.
    ahead: AtomicUsize,
    limit: usize,
}

impl<B: Send + 'static> Mailbox<B> {
    /// A mailbox for up to `limit` messages of senders that do not wait, 65,535 at most, and
    /// its receive right.
    pub fn new(limit: usize) -> (Arc<Mailbox<B>>, Receiver<B>) {
        let limit = limit.min(MOST);
        let mailbox =
            Arc::new(Mailbox { funnel: Funnel::new(), ahead: AtomicUsize::new(0), limit });
        let receiver = Receiver {
            mailbox: Arc::clone(&mailbox),
            got: RefCell::new(Queue::new()),
            owner: PhantomData,
        };
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
        if !kept.is_with(self) {
            return kept.done(Errno::EINVAL);
        }
        let record = kept.into_record();
        // SAFETY: held; given away where the answer is `Ok`.
        unsafe {
            let receipt = ending::receipt(record);
            let sent = record.as_ref().flags.contains(Flags::SENT);
            let ahead = self.ahead.load(Ordering::Relaxed);
            let room = if sent { self.limit.saturating_sub(ahead) } else { usize::MAX };
            match self.funnel.put(record, room) {
                Ok(()) => receipt.into_iter().for_each(|receipt| receipt.wake()),
                Err(Refused::Full) => engine::complete(record, Errno::EAGAIN.into()),
                Err(Refused::Closed) => engine::complete(record, Errno::ENODEV.into()),
            }
        }
    }
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
    got: RefCell<Queue<B>>,
    owner: PhantomData<Plain<()>>,
}

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
        let mut got = self.got.borrow_mut();
        self.fetch(&mut got);
        let record = got.pop();
        self.mailbox.ahead.store(got.len(), Ordering::Relaxed);
        record
    }

    /// Takes over what has been put in: there may be something with priority.
    #[inline]
    fn fetch(&self, got: &mut Queue<B>) {
        let mut list = List::new();
        if self.mailbox.funnel.take(&mut list) > 0 {
            while let Some(record) = list.pop() {
                // SAFETY: taken off the list, so held.
                unsafe { got.push(record) };
            }
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
        let mut looked = 0;
        loop {
            if let Some(kept) = self.get() {
                return Some(kept);
            }
            if deadline.has_come(wait) {
                return None;
            }
            if wait.look_again(looked) {
                looked = looked.saturating_add(1);
            } else {
                self.mailbox.funnel.sleep(wait, deadline);
            }
        }
    }

    /// Takes a message that may be dropped out of the queue, as if it had never been sent.
    /// `ENOENT` where it does not wait here.
    pub fn drop_message(&self, id: MessageId) -> Result<(), Errno> {
        let mut got = self.got.borrow_mut();
        self.fetch(&mut got);
        let droppable = |record: NonNull<Record<B>>| {
            // SAFETY: held by the queue.
            unsafe { record.as_ref() }.flags.contains(Flags::DROPPABLE)
        };
        let record = got.remove(id, droppable);
        self.mailbox.ahead.store(got.len(), Ordering::Relaxed);
        drop(got);
        // SAFETY: taken off the queue, so held.
        unsafe { ending::never_sent(record.ok_or(Errno::ENOENT)?) };
        Ok(())
    }

    /// How many messages wait.
    pub fn len(&self) -> usize {
        self.got.borrow().len() + self.mailbox.funnel.len()
    }

    /// True where none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<B: Send + 'static> Drop for Receiver<B> {
    fn drop(&mut self) {
        let mut list = List::new();
        self.mailbox.funnel.close(&mut list);
        let next = |got: &mut Queue<B>, list: &mut List<B>| got.pop().or_else(|| list.pop());
        while let Some(record) = next(self.got.get_mut(), &mut list) {
            // SAFETY: taken off a queue, so held.
            unsafe { engine::complete(record, Errno::ENODEV.into()) }
        }
    }
}
