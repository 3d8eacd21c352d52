//! A queue that many put messages into and one takes them out of, without a lock.
//!
//! The whole queue is one word: the record put in last, linked to the one before it, and how
//! many there are. The taker takes all of them at once. A record found there belongs to the
//! queue; what waits to be woken is found there too, so that putting costs one locked step.

use core::{ptr::NonNull, task::Waker};

use crate::{
    access,
    queue::List,
    record::Record,
    sync::{AtomicU64, Mutex, Ordering, left_out, order},
    wait::{Deadline, Wait},
};

type Rec<B> = NonNull<Record<B>>;

/// Nothing there, and the taker sleeps.
const WAITING: u64 = 1;
/// Nothing there, and nothing is taken any more.
const CLOSED: u64 = 2;
/// The largest limit.
pub(crate) const MOST: usize = 0xffff;
/// Above the address: how many.
const COUNT: u64 = 1 << 48;
const ADDRESS: u64 = COUNT - 1;

pub(crate) struct Funnel<B: 'static> {
    word: AtomicU64,
    /// Only for sleep and wake-up.
    waker: Mutex<Option<Waker>>,
    records: core::marker::PhantomData<Rec<B>>,
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

fn address(word: u64) -> u64 {
    word & ADDRESS
}

fn count(word: u64) -> usize {
    (word >> 48) as usize
}

/// The record of a word that is no mark.
fn record<B>(word: u64) -> Option<Rec<B>> {
    // Bit 47 says whether the rest above it is ones or zeros.
    let address = ((address(word) << 16) as i64 >> 16) as usize;
    NonNull::new(core::ptr::with_exposed_provenance_mut(address)).filter(|_| address > 2)
}

impl<B> Funnel<B> {
    pub(crate) fn new() -> Funnel<B> {
        Funnel {
            word: AtomicU64::new(0),
            waker: Mutex::new(None),
            records: core::marker::PhantomData,
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
        // SAFETY: held by the caller.
        let own = unsafe { access::own(put) };
        let this = put.as_ptr().expose_provenance() as u64 & ADDRESS;
        let mut now = self.word.load(Ordering::Relaxed);
        let mut sleeper = None;
        let put = loop {
            if now == CLOSED && !left_out("funnel-closed") {
                break Err(Refused::Closed);
            }
            if count(now) >= room {
                break Err(Refused::Full);
            }
            if now == WAITING && !left_out("funnel-wake") {
                // Whoever takes the waker wakes it, in any case: at worst a sleeper looks once
                // too often.
                self.find_sleeper(&mut sleeper);
            }
            own.next = record(now);
            // Past what can be counted nobody counts: it is no funnel with a limit.
            let next = this | ((count(now) as u64 + 1).min(MOST as u64) * COUNT);
            let done = order("funnel-put", Ordering::AcqRel);
            match self.word.compare_exchange_weak(now, next, done, Ordering::Relaxed) {
                Ok(_) => break Ok(()),
                Err(other) => now = other,
            }
        };
        if let Some(sleeper) = sleeper {
            sleeper.wake();
        }
        put
    }

    #[cold]
    fn find_sleeper(&self, sleeper: &mut Option<Waker>) {
        let found = self.waker.lock().take();
        if found.is_some() {
            *sleeper = found;
        }
    }

    /// Takes what is there, oldest first, into an empty list. For one taker at a time.
    #[inline]
    pub(crate) fn take(&self, into: &mut List<B>) -> usize {
        if address(self.word.load(Ordering::Relaxed)) <= CLOSED {
            return 0;
        }
        self.take_all(0, into)
    }

    /// The same, and nothing can be put in any more.
    pub(crate) fn close(&self, into: &mut List<B>) -> usize {
        self.take_all(CLOSED, into)
    }

    fn take_all(&self, leave: u64, into: &mut List<B>) -> usize {
        let word = self.word.swap(leave, order("funnel-take", Ordering::AcqRel));
        let mut next = record(word);
        while let Some(taken) = next {
            // SAFETY: taken off the word, so held here.
            next = unsafe { access::own(taken) }.next;
            // SAFETY: as above.
            unsafe { into.push_front(taken) };
        }
        count(word)
    }

    /// Sleeps until something is put in, or the deadline has come: then `true`. For the one
    /// taker; it may wake without cause.
    pub(crate) fn sleep(&self, wait: &dyn Wait, deadline: Deadline) -> bool {
        if deadline.has_come(wait) {
            return true;
        }
        *self.waker.lock() = Some(wait.waker());
        let empty = |now: u64| (now == 0).then_some(WAITING);
        let asleep = order("funnel-sleep", Ordering::AcqRel);
        let before = self.word.fetch_update(asleep, Ordering::Relaxed, empty);
        match before {
            Ok(_) | Err(WAITING) => {
                deadline.park(wait);
                deadline.has_come(wait)
            }
            Err(_) => false,
        }
    }
}
