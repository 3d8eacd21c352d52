//! A queue that many put messages into and one takes them out of, without a lock.
//!
//! The whole queue is one word: the record put in last, linked to the one before it, and how
//! many there are. The taker takes all of them at once. A record found there belongs to the
//! queue; what waits to be woken is found there too, so that putting costs one locked step.

use core::{ptr::NonNull, task::Waker};

use crate::{
    access,
    queue::{List, Queue},
    record::{Flags, Record},
    sync::{AtomicPtr, AtomicUsize, Mutex, Ordering, left_out, order},
    wait::{Deadline, Wait},
};

type Rec<B> = NonNull<Record<B>>;

/// Nothing there, and the taker sleeps; above it, which of its sleeps that is: who has seen one
/// must not put a message into the next without waking from that.
const WAITING: u64 = 1;
/// Nothing there, and nothing is taken any more.
const CLOSED: u64 = 2;
/// Both. The address of a record has neither.
const MARKS: u64 = WAITING | CLOSED;
/// The largest limit.
pub(crate) const MOST: usize = 0xffff;
/// Above the address: how many.
const COUNT: u64 = 1 << 48;
const ADDRESS: u64 = COUNT - 1;

#[repr(align(128))] // its word is everybody's: nothing else shares the cache line
pub(crate) struct Funnel<B: 'static> {
    /// The address carries the bits; the pointer says that it is one.
    word: AtomicPtr<Record<B>>,
    /// Only for sleep and wake-up.
    sleeper: Mutex<Sleeper>,
    urgent: Urgent,
}

/// Messages with priority that are there, or will be right away. The taker, who looks at the word
/// only when it has nothing left, looks here each time; seldom written, so that costs nothing.
#[repr(align(128))]
struct Urgent(AtomicUsize);

struct Sleeper {
    waker: Option<Waker>,
    sleeps: u64,
}

// SAFETY: what is in the funnel belongs to it, and may change threads as `Kept` may.
unsafe impl<B: Send> Send for Funnel<B> {}
// SAFETY: as above; the word is atomic, the waker locked.
unsafe impl<B: Send> Sync for Funnel<B> {}

/// Why a message was not put in. It is still the caller's.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Full,
    Closed,
}

type Word<B> = *mut Record<B>;

// The count stands above the 48 bits that an address has.
const _: () = assert!(usize::BITS == 64);

#[inline]
fn bits<B>(word: Word<B>) -> u64 {
    word.addr() as u64
}

#[inline]
fn count<B>(word: Word<B>) -> usize {
    (bits(word) >> 48) as usize
}

fn mark<B>(bits: u64) -> Word<B> {
    core::ptr::without_provenance_mut(bits as usize)
}

/// The record of a word that is no mark.
#[inline]
fn record<B>(word: Word<B>) -> Option<Rec<B>> {
    // Bit 47 says whether the rest above it is ones or zeros.
    let record = word.map_addr(|bits| ((bits << 16) as isize >> 16) as usize);
    NonNull::new(record).filter(|_| bits(word) & MARKS == 0)
}

impl<B> Funnel<B> {
    pub(crate) fn new() -> Funnel<B> {
        Funnel {
            word: AtomicPtr::new(core::ptr::null_mut()),
            sleeper: Mutex::new(Sleeper { waker: None, sleeps: 0 }),
            urgent: Urgent(AtomicUsize::new(0)),
        }
    }

    /// How many are there.
    pub(crate) fn len(&self) -> usize {
        count(self.word.load(Ordering::Relaxed))
    }

    /// Puts a message in, where fewer than `room` are there. The funnel is not touched any more
    /// once the message is in.
    ///
    /// # Safety
    /// The caller holds the record, and gives it away where the answer is `Ok`.
    #[inline]
    pub(crate) unsafe fn put(&self, put: Rec<B>, room: usize) -> Result<(), Refused> {
        // SAFETY: as the caller's.
        unsafe {
            if put.as_ref().flags.contains(Flags::PRIORITY) {
                return self.put_urgent(put, room);
            }
            self.put_in_line(put, room)
        }
    }

    /// # Safety
    /// As [`put`](Funnel::put).
    #[cold]
    unsafe fn put_urgent(&self, put: Rec<B>, room: usize) -> Result<(), Refused> {
        // Said before, for afterwards the funnel may be gone.
        self.urgent.0.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as the caller's.
        let put = unsafe { self.put_in_line(put, room) };
        if put.is_err() {
            self.urgent.0.fetch_sub(1, Ordering::Relaxed);
        }
        put
    }

    /// # Safety
    /// As [`put`](Funnel::put).
    #[inline]
    unsafe fn put_in_line(&self, put: Rec<B>, room: usize) -> Result<(), Refused> {
        let mut now = self.word.load(Ordering::Relaxed);
        loop {
            if bits(now) & MARKS != 0 {
                // SAFETY: as the caller's.
                return unsafe { self.put_waking(put, room) };
            }
            if count(now) >= room {
                return Err(Refused::Full);
            }
            // SAFETY: as the caller's.
            match unsafe { self.link(put, now) } {
                Ok(()) => return Ok(()),
                Err(other) => now = other,
            }
        }
    }

    /// The same where somebody sleeps, or nothing is taken any more.
    ///
    /// # Safety
    /// As [`put`](Funnel::put).
    #[cold]
    unsafe fn put_waking(&self, put: Rec<B>, room: usize) -> Result<(), Refused> {
        let mut now = self.word.load(Ordering::Relaxed);
        let mut sleeper = None;
        let put = loop {
            if bits(now) == CLOSED && !left_out("funnel-closed") {
                break Err(Refused::Closed);
            }
            if count(now) >= room {
                break Err(Refused::Full);
            }
            if bits(now) & WAITING != 0 && !left_out("funnel-wake") {
                // Whoever takes the waker wakes it, in any case: at worst a sleeper looks once
                // too often.
                let found = self.sleeper.lock().waker.take();
                sleeper = found.or(sleeper);
            }
            // SAFETY: as the caller's.
            match unsafe { self.link(put, now) } {
                Ok(()) => break Ok(()),
                Err(other) => now = other,
            }
        };
        if let Some(sleeper) = sleeper {
            sleeper.wake();
        }
        put
    }

    /// Makes a record the last, after the word `now`; the word as it is where that is another.
    ///
    /// # Safety
    /// The caller holds the record, and gives it away where the answer is `Ok`.
    #[inline]
    unsafe fn link(&self, put: Rec<B>, now: Word<B>) -> Result<(), Word<B>> {
        // SAFETY: held by the caller.
        unsafe { access::own(put) }.next = record(now);
        // Past what can be counted nobody counts: it is no funnel with a limit.
        let count = (count(now) as u64 + 1).min(MOST as u64) * COUNT;
        let next = put.as_ptr().map_addr(|this| (this as u64 & ADDRESS | count) as usize);
        let done = order("funnel-put", Ordering::Release);
        self.word.compare_exchange_weak(now, next, done, Ordering::Relaxed).map(|_| ())
    }

    /// True where there is nothing to take.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        bits(self.word.load(Ordering::Relaxed)) < COUNT
    }

    /// True where a taker has to look at what is there before it goes on with what it has.
    #[inline]
    pub(crate) fn is_next(&self, has: &Queue<B>) -> bool {
        (has.len() == 0 || self.urgent.0.load(Ordering::Relaxed) > 0) && !self.is_empty()
    }

    /// Takes what is there into a queue, oldest first; how many. For one taker at a time.
    #[inline]
    pub(crate) fn take(&self, into: &mut Queue<B>) -> usize {
        if self.is_empty() {
            return 0;
        }
        let urgent = into.urgent();
        let count = self.take_all(0, into);
        let urgent = into.urgent().wrapping_sub(urgent);
        if urgent > 0 {
            self.urgent.0.fetch_sub(urgent, Ordering::Relaxed);
        }
        count
    }

    /// The same, and nothing can be put in any more.
    pub(crate) fn close(&self, into: &mut Queue<B>) -> usize {
        self.take_all(CLOSED, into)
    }

    #[inline]
    fn take_all(&self, leave: u64, into: &mut Queue<B>) -> usize {
        let word = self.word.swap(mark(leave), order("funnel-take", Ordering::Acquire));
        let Some(last) = record(word) else { return 0 };
        // SAFETY: taken off the word, so held here.
        if unsafe { access::own(last) }.next.is_none() {
            // SAFETY: as above.
            unsafe { into.push(last) };
            return 1;
        }
        // SAFETY: as above.
        unsafe { turn(last, into) }
    }

    /// Looks until there is what `look` takes; `None` where the deadline comes first. For the one
    /// taker.
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
        let asleep = self.leave_waker(wait.waker());
        let empty = |now| (bits(now) < COUNT || left_out("funnel-look")).then_some(mark(asleep));
        // Whoever sees the mark finds the waker: it is behind the lock.
        let before = self.word.fetch_update(Ordering::Relaxed, Ordering::Relaxed, empty);
        if before.is_ok() {
            deadline.park(wait);
        }
    }

    /// The word that says that the taker sleeps, its waker left.
    fn leave_waker(&self, waker: Waker) -> u64 {
        let mut sleeper = self.sleeper.lock();
        sleeper.waker = Some(waker);
        sleeper.sleeps += u64::from(!left_out("funnel-sleeps"));
        WAITING | (sleeper.sleeps << 2 & ADDRESS)
    }
}

/// Queues what is linked from the last to the first; how many there are.
///
/// # Safety
/// The caller holds the records and gives them away.
unsafe fn turn<B>(last: Rec<B>, into: &mut Queue<B>) -> usize {
    let (mut next, mut list, mut count) = (Some(last), List::new(), 0);
    while let Some(record) = next {
        // SAFETY: held by the caller.
        unsafe {
            next = access::own(record).next;
            list.push_front(record);
        }
    }
    while let Some(record) = list.pop() {
        // SAFETY: taken off the list.
        unsafe { into.push(record) };
        count += 1;
    }
    count
}
