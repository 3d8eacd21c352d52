//! What the messages of an inbox come back to, whether that is there still or not.

use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::{cell::RefCell, ptr::NonNull};

use crate::{
    intake::Intake,
    port::Port,
    record::Record,
    reply::ReplyPort,
    send::Message,
    sync::{AtomicUsize, Ordering, left_out, order},
};

type Rec<B> = NonNull<Record<B>>;

/// Counts that an inbox takes out at once, to give one to each message that is kept.
pub(crate) const BATCH: usize = 1 << 16;

/// Replies that come in without a lock; more than that wait beside them.
const SLOTS: usize = 1024;

/// What the messages of an inbox come back to. It lives until the last of them is back: each
/// carries a count, and brings it along.
pub(crate) struct Shared<B: 'static> {
    pub(crate) intake: Intake<B>,
    counts: AtomicUsize,
    /// Ports of rights, kept alive for their messages: the inbox's, then the last one's.
    ports: RefCell<Vec<Arc<dyn Port<B>>>>,
}

impl<B: Send + 'static> Shared<B> {
    /// With an inbox's own count, and a first batch of them.
    pub(crate) fn for_inbox(limit: usize) -> NonNull<Shared<B>> {
        let shared = Shared {
            intake: Intake::new(limit, limit.min(SLOTS)),
            counts: AtomicUsize::new(BATCH + 1),
            ports: RefCell::new(Vec::new()),
        };
        NonNull::from(Box::leak(Box::new(shared)))
    }

    /// A reply port for whatever others send.
    ///
    /// # Safety
    /// The caller has a count of `this`.
    pub(crate) unsafe fn slot(this: NonNull<Shared<B>>) -> Arc<dyn ReplyPort<B>> {
        // SAFETY: alive by the caller's count.
        unsafe { this.as_ref() }.count_up(1);
        Arc::new(Slot(this))
    }

    /// For the inbox's thread: keeps a port alive for as long as messages may come back.
    pub(crate) fn keep(&self, port: &Arc<dyn Port<B>>) {
        let mut ports = self.ports.borrow_mut();
        if !ports.iter().any(|held| Arc::ptr_eq(held, port)) {
            ports.push(Arc::clone(port));
        }
    }
}

impl<B> Shared<B> {
    /// More counts, for messages that are sent.
    pub(crate) fn count_up(&self, counts: usize) {
        self.counts.fetch_add(counts, Ordering::Relaxed);
    }

    /// A message is back, and brings its count.
    ///
    /// # Safety
    /// The record is one of `send`'s and given away; it carries a count of `this`.
    #[inline]
    pub(crate) unsafe fn reply(this: NonNull<Shared<B>>, record: Rec<B>) {
        // SAFETY: the count keeps it alive until the message is in.
        if unsafe { this.as_ref().intake.put(record, false) }.is_err() {
            // SAFETY: closed, so still held here, with its count.
            unsafe { Shared::free(this, record) }
        }
    }

    /// # Safety
    /// As [`reply`](Shared::reply).
    #[cold]
    unsafe fn free(this: NonNull<Shared<B>>, record: Rec<B>) {
        // SAFETY: as the caller's.
        unsafe {
            drop(Message::from_record(record));
            Shared::count_down(this, 1);
        }
    }

    /// # Safety
    /// The caller has `counts` counts of `this` and gives them away.
    pub(crate) unsafe fn count_down(this: NonNull<Shared<B>>, counts: usize) {
        // SAFETY: the counts keep it alive.
        let all = unsafe { &this.as_ref().counts };
        let before = all.fetch_sub(counts, order("inbox-count", Ordering::Release));
        if before == counts {
            if !left_out("inbox-last") {
                // As good as a fence here, and what race detectors understand.
                all.load(Ordering::Acquire);
            }
            // SAFETY: no count is left, and so no other user.
            drop(unsafe { Box::from_raw(this.as_ptr()) });
        }
    }
}

/// An inbox as others see it; one of its counts.
struct Slot<B: 'static>(NonNull<Shared<B>>);

// SAFETY: of what is shared, only the intake and the count are used: both are for all threads.
unsafe impl<B: Send> Send for Slot<B> {}
// SAFETY: as above.
unsafe impl<B: Send> Sync for Slot<B> {}

impl<B: Send + 'static> ReplyPort<B> for Slot<B> {
    fn reply(&self, message: Message<B>) {
        // SAFETY: the slot's count keeps it alive; a message brings one of its own.
        unsafe {
            self.0.as_ref().counts.fetch_add(1, Ordering::Relaxed);
            Shared::reply(self.0, message.into_record());
        }
    }
}

impl<B> Drop for Slot<B> {
    fn drop(&mut self) {
        // SAFETY: the slot's count.
        unsafe { Shared::count_down(self.0, 1) }
    }
}
