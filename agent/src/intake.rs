//! What comes in to a thread: a ring for what has room there, and beside it a queue under a lock
//! for what has priority and for what may not be refused. The taker sleeps here.

use core::task::Waker;

use crate::{
    port::MessageId,
    queue::{Queue, Rec},
    record::Flags,
    ring::{Asleep, Refused, Ring},
    sync::{AtomicUsize, Mutex, Ordering, left_out},
    wait::{Deadline, Wait},
};

/// Put into by many, taken from by one.
pub(crate) struct Intake<B: 'static> {
    ring: Ring<B>,
    limit: usize,
    waiting: Waiting,
    beside: Mutex<Beside<B>>,
}

/// How many wait beside the ring. All look here, and seldom does it change.
#[repr(align(128))]
struct Waiting(AtomicUsize);

struct Beside<B: 'static> {
    queue: Queue<B>,
    /// The first one without priority has its turn when so many were taken from the ring: what
    /// its sender had put in there before comes first.
    turn: Option<usize>,
    open: bool,
    /// The taker's, who sleeps.
    waker: Option<Waker>,
    sleeps: usize,
}

// SAFETY: what is in the intake belongs to it, and may change threads as `Kept` may.
unsafe impl<B: Send> Send for Intake<B> {}
// SAFETY: as above; the ring's words are atomic, the rest is locked.
unsafe impl<B: Send> Sync for Intake<B> {}

impl<B> Intake<B> {
    /// For up to `limit` messages that may be refused, with slots for up to `slots` in the ring.
    pub(crate) fn new(limit: usize, slots: usize) -> Intake<B> {
        let (queue, turn, waker) = (Queue::new(), None, None);
        Intake {
            ring: Ring::new(slots),
            limit,
            waiting: Waiting(AtomicUsize::new(0)),
            beside: Mutex::new(Beside { queue, turn, open: true, waker, sleeps: 0 }),
        }
    }

    /// Puts a message in. One that is `limited` is refused where the limit is reached. Nothing
    /// here is touched any more once the message is in.
    ///
    /// # Safety
    /// The caller holds the record, and gives it away where the answer is `Ok`.
    #[inline]
    pub(crate) unsafe fn put(&self, put: Rec<B>, limited: bool) -> Result<(), Refused> {
        let room = if limited { self.room() } else { self.ring.limit() };
        // SAFETY: as the caller's.
        unsafe {
            if !put.as_ref().flags.contains(Flags::PRIORITY) {
                match self.ring.put(put, room) {
                    Err(Refused::Full) if !limited => {}
                    Err(Refused::Asleep(asleep)) => return self.put_waking(put, limited, asleep),
                    put => return put,
                }
            }
            self.put_beside(put, limited)
        }
    }

    #[inline]
    fn room(&self) -> usize {
        self.limit.saturating_sub(self.waiting.0.load(Ordering::Relaxed))
    }

    /// Puts a message in and wakes the taker.
    ///
    /// # Safety
    /// As [`put`](Intake::put).
    #[cold]
    unsafe fn put_waking(
        &self,
        put: Rec<B>,
        limited: bool,
        mut asleep: Asleep,
    ) -> Result<(), Refused> {
        let mut waker = None;
        let put = loop {
            if !left_out("intake-wake") {
                // Whoever takes the waker wakes it, in any case: at worst a sleeper looks once
                // too often.
                let found = self.beside.lock().waker.take();
                waker = found.or(waker);
            }
            let room = if limited { self.room() } else { self.ring.limit() };
            // SAFETY: as the caller's.
            match unsafe { self.ring.put_knowing(put, room, asleep) } {
                Err(Refused::Asleep(other)) => asleep = other,
                // SAFETY: as the caller's.
                Err(Refused::Full) if !limited => break unsafe { self.put_beside(put, limited) },
                put => break put,
            }
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        put
    }

    /// # Safety
    /// As [`put`](Intake::put).
    #[cold]
    unsafe fn put_beside(&self, put: Rec<B>, limited: bool) -> Result<(), Refused> {
        let waker = {
            let mut beside = self.beside.lock();
            if !beside.open && !left_out("intake-closed") {
                return Err(Refused::Closed);
            }
            if limited && self.ring.len() + beside.queue.len() >= self.limit {
                return Err(Refused::Full);
            }
            // SAFETY: as the caller's.
            unsafe { beside.queue.push(put) };
            self.waiting.0.store(beside.queue.len(), Ordering::Relaxed);
            beside.waker.take().filter(|_| !left_out("intake-wake-beside"))
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }

    /// How many are there.
    pub(crate) fn len(&self) -> usize {
        self.ring.len() + self.waiting.0.load(Ordering::Relaxed)
    }

    /// True where a taker has to look here before it goes on with what it has.
    #[inline]
    pub(crate) fn is_urgent(&self) -> bool {
        self.beside() > 0
    }

    /// How many are beside the ring.
    #[inline]
    pub(crate) fn beside(&self) -> usize {
        self.waiting.0.load(Ordering::Relaxed)
    }

    /// The next message, those with priority first. For one taker at a time, as all that follow.
    #[inline]
    pub(crate) fn take(&self) -> Option<Rec<B>> {
        if self.is_urgent() {
            return self.take_beside();
        }
        self.ring.take()
    }

    #[cold]
    fn take_beside(&self) -> Option<Rec<B>> {
        let mut beside = self.beside.lock();
        let record = beside.queue.pop_urgent().or_else(|| {
            let turn = self.ring.taken() + self.ring.limit();
            beside.pop_other(|since| self.ring.is_empty() || self.ring.taken() >= since, turn)
        });
        self.waiting.0.store(beside.queue.len(), Ordering::Relaxed);
        record.or_else(|| self.ring.take())
    }

    /// Takes all that is there into a queue; how many.
    pub(crate) fn take_all(&self, into: &mut Queue<B>) -> usize {
        let before = into.len();
        while let Some(record) = self.ring.take() {
            // SAFETY: taken, so held here.
            unsafe { into.push(record) };
        }
        if self.is_urgent() {
            self.beside.lock().empty(into, &self.waiting.0);
        }
        into.len() - before
    }

    /// The same, and nothing can be put in any more.
    pub(crate) fn close(&self, into: &mut Queue<B>) -> usize {
        let before = into.len();
        {
            let mut beside = self.beside.lock();
            beside.open = false;
            beside.empty(into, &self.waiting.0);
        }
        // SAFETY: taken, so held here.
        self.ring.close(|record| unsafe { into.push(record) });
        into.len() - before
    }

    /// Takes out the message of this id, if it is here and `wanted` says yes to it.
    pub(crate) fn remove(&self, id: MessageId, wanted: impl Fn(Rec<B>) -> bool) -> Option<Rec<B>> {
        let this = |record: Rec<B>| record.as_ptr() as usize == id.0 && wanted(record);
        self.ring.remove(this).or_else(|| {
            let mut beside = self.beside.lock();
            let found = beside.queue.remove(id, &wanted);
            beside.turn = None;
            self.waiting.0.store(beside.queue.len(), Ordering::Relaxed);
            found
        })
    }

    /// Looks until there is what `look` takes; `None` where the deadline comes first.
    pub(crate) fn look<T>(
        &self,
        wait: &dyn Wait,
        deadline: Deadline,
        look: impl Fn() -> Option<T>,
    ) -> Option<T> {
        let mut looked = 0;
        loop {
            if let Some(taken) = look() {
                return Some(taken);
            }
            if deadline.has_come(wait) {
                return None;
            }
            if wait.look_again(looked) {
                looked = looked.saturating_add(1);
            } else {
                self.sleep(wait, deadline);
            }
        }
    }

    /// Sleeps until something is put in, or the deadline has come, or without cause.
    fn sleep(&self, wait: &dyn Wait, deadline: Deadline) {
        let waker = wait.waker();
        let asleep = {
            let mut beside = self.beside.lock();
            if beside.queue.len() > 0 && !left_out("intake-look") {
                return;
            }
            beside.waker = Some(waker);
            beside.sleeps += usize::from(!left_out("intake-sleeps") || beside.sleeps == 0);
            Asleep(beside.sleeps)
        };
        // Whoever sees the mark finds the waker: it is behind the lock.
        if self.ring.sleep(asleep) {
            deadline.park(wait);
        }
    }
}

impl<B> Beside<B> {
    /// One without priority, where it is its turn; its turn comes at `turn` if none was set.
    fn pop_other(&mut self, has_come: impl Fn(usize) -> bool, turn: usize) -> Option<Rec<B>> {
        if !self.queue.has_others() || !has_come(*self.turn.get_or_insert(turn)) {
            return None;
        }
        self.turn = None;
        self.queue.pop()
    }

    fn empty(&mut self, into: &mut Queue<B>, waiting: &AtomicUsize) {
        while let Some(record) = self.queue.pop() {
            // SAFETY: taken off the queue, so held here.
            unsafe { into.push(record) };
        }
        self.turn = None;
        waiting.store(0, Ordering::Relaxed);
    }
}
