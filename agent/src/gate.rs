//! The gate of a driver that is never re-entered: who is inside, and what waits.
//!
//! Requests, completions and aborts are entries alike. Where someone is inside already, on the
//! same stack or on another processor, an entry waits here, and the one inside works it off
//! before leaving. A thread's gate is held by its thread for good.

use core::{ptr::NonNull, task::Waker};

use crate::{
    access,
    guard::Guard,
    late::{Pinned, Resume},
    port::MessageId,
    queue::Queue,
    record::{Flags, Record},
    sync::{AtomicUsize, Mutex, Ordering, left_out, order, pause},
};

type Rec<B> = NonNull<Record<B>>;

/// Someone is inside.
const BUSY: usize = 1;
/// There may be entries: leaving is not just a step out.
const QUEUED: usize = 2;
/// A thread has closed its gate and left it: coming in is not just a step in.
const CLOSED: usize = 4;

/// How often a sender that waits looks whether the one inside has left.
const LOOKS: usize = 400;

/// What a gate has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortStats {
    /// Entries that were let in at once.
    pub inline: u64,
    /// Entries that had to wait.
    pub queued: u64,
    /// Messages that found the queue full.
    pub refused: u64,
    /// Messages taken out of the queue because their senders asked.
    pub cancelled: u64,
    /// The most entries that waited at a time.
    pub longest: usize,
}

pub(crate) struct Gate<B: 'static> {
    state: AtomicUsize,
    /// Written by whoever is inside; apart from the lock, which those outside take.
    inline: crate::sync::AtomicU64,
    waiting: Mutex<Waiting<B>>,
}

struct Waiting<B: 'static> {
    entries: Queue<B>,
    /// Linked through `next_abort`.
    aborts: Option<Pinned<B>>,
    limit: usize,
    open: bool,
    bell: Option<Waker>,
    stats: PortStats,
}

// SAFETY: queued records are held exclusively by the queue, and may change threads as `Kept` may;
// those whose abort waits are pinned, and only their shared part is touched.
unsafe impl<B: Send> Send for Waiting<B> {}

/// What came of an entry.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Entered {
    /// Let in; the caller leaves afterwards.
    Inside,
    /// No longer the caller's.
    Queued,
    /// Not let in, and there is no room to wait.
    Full,
    /// Closed to messages that have not begun.
    Closed,
}

/// What the one inside finds to do before it leaves.
pub(crate) enum Next<B: 'static> {
    /// A message, held by the caller from here on.
    Message(Rec<B>),
    /// A message whose keeper is to be asked to abort, with its pin.
    Abort(Pinned<B>),
    /// Nothing; the gate is left.
    Left,
    /// A sender that waits drains from here on; it is to be woken.
    Handed(Option<Waker>),
}

impl<B> Gate<B> {
    /// A gate that nobody holds, or that its thread holds for good.
    pub(crate) fn new(held: bool, limit: usize) -> Gate<B> {
        let waiting = Waiting {
            entries: Queue::new(),
            aborts: None,
            limit,
            open: true,
            bell: None,
            stats: PortStats::default(),
        };
        Gate {
            state: AtomicUsize::new(if held { BUSY } else { 0 }),
            inline: crate::sync::AtomicU64::new(0),
            waiting: Mutex::new(waiting),
        }
    }

    pub(crate) fn set_limit(&self, limit: usize) {
        self.waiting.lock().limit = limit;
    }

    pub(crate) fn stats(&self) -> PortStats {
        let stats = self.waiting.lock().stats;
        PortStats { inline: self.inline.load(Ordering::Relaxed), ..stats }
    }

    /// Steps in where nobody is inside.
    #[inline]
    pub(crate) fn try_enter(&self) -> bool {
        let inside = order("gate-enter", Ordering::Acquire);
        if self.state.compare_exchange(0, BUSY, inside, Ordering::Relaxed).is_err() {
            return false;
        }
        self.count_inline();
        true
    }

    /// No locked step: only the one inside writes.
    #[inline]
    fn count_inline(&self) {
        let inline = self.inline.load(Ordering::Relaxed);
        self.inline.store(inline + 1, Ordering::Relaxed);
    }

    /// Steps in, where the one inside leaves soon and nothing waits: to look a few times costs
    /// less than to wait in line.
    #[cold]
    pub(crate) fn enter_soon(&self) -> bool {
        if cfg!(loom) {
            // The models are of those that wait in line.
            return false;
        }
        for _ in 0..LOOKS {
            match self.state.load(Ordering::Relaxed) {
                0 if self.try_enter() => return true,
                0 | BUSY => pause(),
                _ => break,
            }
        }
        false
    }

    /// Steps out where nothing waits.
    #[inline]
    pub(crate) fn try_leave(&self) -> bool {
        let outside = order("gate-leave", Ordering::Release);
        self.state.compare_exchange(BUSY, 0, outside, Ordering::Relaxed).is_ok()
    }

    /// Marks the gate as one where something waits; true where nobody was inside, and the
    /// caller is now.
    fn mark(&self) -> bool {
        let mark = if left_out("gate-mark") { BUSY } else { BUSY | QUEUED };
        let before = self.state.fetch_or(mark, order("gate-mark-enter", Ordering::Acquire));
        let inside = before & BUSY == 0;
        if inside {
            self.count_inline();
        }
        inside
    }

    /// Lets a message in, or queues it. Completions (`Resume::Up`), and messages that a driver
    /// here has kept, find room in any case; so do the messages of senders that wait.
    ///
    /// # Safety
    /// The caller holds the record, whose `resume` is set; it gives it away where the answer is
    /// `Queued`.
    pub(crate) unsafe fn enter(&self, record: Rec<B>) -> Entered {
        if self.try_enter() {
            return Entered::Inside;
        }
        // SAFETY: held by the caller.
        let begins = unsafe { access::own(record) }.resume == Resume::Begin;
        // SAFETY: as above.
        let flags = unsafe { record.as_ref() }.flags;
        // SAFETY: as above.
        let receipt = begins.then(|| unsafe { crate::ending::receipt(record) }).flatten();
        let mut waiting = self.waiting.lock();
        if begins && !waiting.open {
            return Entered::Closed;
        }
        if begins && flags.contains(Flags::SENT) && waiting.entries.len() >= waiting.limit {
            waiting.stats.refused += 1;
            return Entered::Full;
        }
        if self.mark() {
            return Entered::Inside;
        }
        // SAFETY: given away to the queue.
        unsafe { waiting.entries.push(record) };
        let bell = waiting.count_queued();
        drop(waiting);
        for waker in [receipt, bell].into_iter().flatten() {
            waker.wake();
        }
        Entered::Queued
    }

    /// Lets an abort in, or queues it; `None` where the message has been replied meanwhile.
    ///
    /// # Safety
    /// The caller has pinned the record, and gives the pin away where the answer is `Queued`.
    pub(crate) unsafe fn enter_abort(&self, record: Pinned<B>) -> Option<Entered> {
        // SAFETY: pinned.
        let (state, rest) = unsafe { (access::state(record.record), access::rest_in(record.late)) };
        let mut waiting = self.waiting.lock();
        // Whoever replies takes a queued abort out again: it must not come in after that.
        if state.see().is_replied() && !left_out("abort-after-reply") {
            return None;
        }
        if self.mark() {
            return Some(Entered::Inside);
        }
        // SAFETY: protected by the lock.
        unsafe { *rest.next_abort.get() = waiting.aborts.replace(record) };
        let bell = waiting.count_queued();
        drop(waiting);
        if let Some(bell) = bell {
            bell.wake();
        }
        Some(Entered::Queued)
    }

    /// Takes a queued abort out; true where it was there. Its pin is the caller's then.
    pub(crate) fn withdraw(&self, record: Rec<B>) -> bool {
        let mut waiting = self.waiting.lock();
        let (mut found, mut rest) = (false, waiting.aborts.take());
        while let Some(abort) = rest {
            // SAFETY: pinned while it is queued, and the link is protected by the lock.
            rest = unsafe { (*access::rest_in(abort.late).next_abort.get()).take() };
            if abort.record == record {
                found = true;
            } else {
                // SAFETY: as above.
                unsafe {
                    *access::rest_in(abort.late).next_abort.get() = waiting.aborts.replace(abort)
                };
            }
        }
        found
    }

    /// The next entry for the one inside, or its way out. Where `capped`, a sender that waits
    /// takes over, if there is one.
    pub(crate) fn next(&self, capped: Option<&Guard<B>>) -> Next<B> {
        let mut waiting = self.waiting.lock();
        if let Some(guard) = capped
            && let Some(waker) = waiting.hand_to_a_sender(guard)
        {
            return Next::Handed(waker);
        }
        if let Some(abort) = waiting.aborts {
            // SAFETY: pinned while it is queued, and the link is protected by the lock.
            waiting.aborts = unsafe { (*access::rest_in(abort.late).next_abort.get()).take() };
            return Next::Abort(abort);
        }
        match waiting.entries.pop() {
            Some(record) => Next::Message(record),
            None => {
                let outside = order("gate-left", Ordering::Release);
                let open = waiting.open || left_out("gate-closed");
                self.state.store(if open { 0 } else { CLOSED }, outside);
                Next::Left
            }
        }
    }

    /// The next entry for the gate's own thread, which stays inside; `None` where none waits,
    /// and then `bell` rings for the next.
    pub(crate) fn next_of_thread(&self, bell: impl FnOnce() -> Waker) -> Option<Next<B>> {
        let mut waiting = self.waiting.lock();
        if let Some(abort) = waiting.aborts {
            // SAFETY: pinned while it is queued, and the link is protected by the lock.
            waiting.aborts = unsafe { (*access::rest_in(abort.late).next_abort.get()).take() };
            return Some(Next::Abort(abort));
        }
        let next = waiting.entries.pop();
        if next.is_none() {
            self.state.store(BUSY, Ordering::Relaxed);
            if waiting.open {
                waiting.bell = Some(bell());
            }
        }
        next.map(Next::Message)
    }

    /// Takes a message out that has not begun, to be completed by the caller.
    pub(crate) fn cancel(&self, id: MessageId) -> Option<Rec<B>> {
        // SAFETY: held by the queue.
        let begins = |record| unsafe { access::own(record) }.resume == Resume::Begin;
        let mut waiting = self.waiting.lock();
        let found = waiting.entries.remove(id, begins)?;
        waiting.stats.cancelled += 1;
        Some(found)
    }

    /// Takes a droppable message out that has not begun.
    pub(crate) fn drop_message(&self, id: MessageId) -> Option<Rec<B>> {
        let droppable = |record: Rec<B>| {
            // SAFETY: held by the queue.
            let begins = unsafe { access::own(record) }.resume == Resume::Begin;
            // SAFETY: as above.
            begins && unsafe { record.as_ref() }.flags.contains(Flags::DROPPABLE)
        };
        self.waiting.lock().entries.remove(id, droppable)
    }

    /// True where something may wait.
    #[inline]
    pub(crate) fn has_entries(&self) -> bool {
        self.state.load(Ordering::Relaxed) & QUEUED != 0
    }

    pub(crate) fn is_open(&self) -> bool {
        self.waiting.lock().open
    }

    /// Closes a thread's gate: messages that have not begun are not let in any more.
    pub(crate) fn close(&self) {
        let bell = {
            let mut waiting = self.waiting.lock();
            waiting.open = false;
            waiting.bell.take().filter(|_| !left_out("gate-close-bell"))
        };
        if let Some(bell) = bell {
            bell.wake();
        }
    }
}

impl<B> Waiting<B> {
    fn count_queued(&mut self) -> Option<Waker> {
        self.stats.queued += 1;
        self.stats.longest = self.stats.longest.max(self.entries.len());
        self.bell.take().filter(|_| !left_out("gate-bell"))
    }

    /// Asks the first sender that waits for a message of its own here to drain. `None` where
    /// there is none; else its waker, if it sleeps.
    fn hand_to_a_sender(&mut self, guard: &Guard<B>) -> Option<Option<Waker>> {
        let waits = |record: Rec<B>| {
            // SAFETY: held by the queue.
            let begins = unsafe { access::own(record) }.resume == Resume::Begin;
            // SAFETY: as above; a record in a queue is not back yet.
            begins && unsafe { access::state(record) }.see().is_call()
        };
        let record = self.entries.find(waits)?;
        // SAFETY: held by the queue, and nobody else is asked to drain: the caller is inside.
        let (state, rest) = unsafe { (access::state(record), access::rest(record)) };
        // SAFETY: as above.
        unsafe { *rest.drain.get() = Some(NonNull::from(guard)) };
        let asleep = state.ask_to_drain().is_awaited();
        // SAFETY: left by the sender before it said that it sleeps; taken only by whoever
        // delivers the message, and that is queued here, behind the lock.
        asleep.then(|| unsafe { (*rest.waker.get()).clone() }).map_or(Some(None), Some)
    }
}

impl<B> Drop for Gate<B> {
    fn drop(&mut self) {
        // A message that waits keeps its gate alive, so the queue is empty here.
        debug_assert_eq!(self.waiting.lock().entries.len(), 0);
    }
}
