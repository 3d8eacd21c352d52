//! A bounded queue that many put messages into and one takes them out of, without a lock.
//!
//! Positions count what was ever put in; a position has its slot, and a slot that is free says for
//! which position. So the one locked step that fills a slot fills no other position's, senders
//! never leave a gap, and nothing is touched once a message is in, for the queue may be gone by
//! then. Who takes needs no locked step.

use alloc::boxed::Box;
use core::ptr::NonNull;

use crate::{
    access,
    record::Record,
    sync::{AtomicPtr, AtomicUsize, Ordering, expect_write, left_out, order},
};

type Rec<B> = NonNull<Record<B>>;
type Word<B> = *mut Record<B>;

/// Slots that are freed at once: those of a cache line. It goes to the taker and back once for all
/// of them.
const LINE: usize = if cfg!(loom) { 1 } else { 64 / size_of::<usize>() };

/// What a word is, in the bits that a record's address has not.
const KIND: usize = 3;
/// Free for the position above.
const FREE: usize = 1;
/// Free for the next position, and the taker sleeps; above, which of its sleeps that is.
const WAITING: usize = 2;
/// Nothing is taken any more.
const CLOSED: usize = 3;

/// No sleep at all.
const NEVER: Asleep = Asleep(0);

/// A sleep of the taker's. Who has seen one must not put a message into the next without waking
/// from that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asleep(pub(crate) usize);

/// Why a message was not put in. It is still the caller's.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Full,
    Closed,
    /// Whoever puts the message in has to wake the taker; or this is another sleep than the
    /// caller knows of.
    Asleep(Asleep),
}

pub(crate) struct Ring<B: 'static> {
    lines: Box<[Slots<B>]>,
    senders: Senders,
    taken: Taken,
}

#[cfg_attr(not(loom), repr(align(64)))]
struct Slots<B: 'static>([AtomicPtr<Record<B>>; LINE]);

/// What senders tell each other; what it says may be old.
#[repr(align(128))]
struct Senders {
    /// Every slot before this position is filled.
    filled: AtomicUsize,
    taken: AtomicUsize,
}

/// The position to be taken next. Senders look only where what they know says "full".
#[repr(align(128))]
struct Taken(AtomicUsize);

#[inline]
fn bits<B>(word: Word<B>) -> usize {
    word.addr()
}

#[inline]
fn mark<B>(kind: usize, above: usize) -> Word<B> {
    core::ptr::without_provenance_mut(above << 2 | kind)
}

/// The word of a slot that is free for a position.
#[inline]
fn free<B>(at: usize) -> Word<B> {
    mark(FREE, at)
}

/// The record of a word that is one.
#[inline]
fn record<B>(word: Word<B>) -> Option<Rec<B>> {
    NonNull::new(word).filter(|_| bits(word) & KIND == 0)
}

/// True where a message was put in at a position, and is there or was taken.
#[inline]
fn was_filled<B>(slot: &AtomicPtr<Record<B>>, at: usize) -> bool {
    let now = slot.load(Ordering::Relaxed);
    bits(now) & (KIND ^ FREE) == 0 && now != free(at)
}

impl<B> Ring<B> {
    const LAID_OUT: () = {
        assert!(align_of::<Record<B>>() > KIND);
        assert!(size_of::<Slots<B>>() == size_of::<[AtomicPtr<Record<B>>; LINE]>());
    };

    /// A queue for up to `limit` messages.
    pub(crate) fn new(limit: usize) -> Ring<B> {
        let () = Self::LAID_OUT;
        // What is taken is freed a line later.
        let lines = (limit.max(1) + LINE).div_ceil(LINE).next_power_of_two();
        let line =
            |at: usize| Slots(core::array::from_fn(|slot| AtomicPtr::new(free(at * LINE + slot))));
        Ring {
            lines: (0..lines).map(line).collect(),
            senders: Senders { filled: AtomicUsize::new(0), taken: AtomicUsize::new(0) },
            taken: Taken(AtomicUsize::new(0)),
        }
    }

    #[inline]
    fn slots(&self) -> usize {
        self.lines.len() * LINE
    }

    /// The most that can be there. A line that is not free yet may still show what was taken.
    #[inline]
    pub(crate) fn limit(&self) -> usize {
        self.slots() - LINE
    }

    #[inline]
    fn slot(&self, at: usize) -> &AtomicPtr<Record<B>> {
        // As flat as it is: the other way the compiler makes more of it.
        let lines: *const [Slots<B>] = &raw const *self.lines;
        let slots: *const AtomicPtr<Record<B>> = lines.cast();
        // SAFETY: the lines have no gaps, and there is a power of two of slots, so this is one.
        unsafe { &*slots.add(at & (self.slots() - 1)) }
    }

    /// Puts a message in, where fewer than `room` are there, which is no more than the limit.
    ///
    /// # Safety
    /// The caller holds the record, and gives it away where the answer is `Ok`.
    #[inline]
    pub(crate) unsafe fn put(&self, put: Rec<B>, room: usize) -> Result<(), Refused> {
        let filled = self.senders.filled.load(Ordering::Relaxed);
        let taken = self.senders.taken.load(order("ring-passed-on", Ordering::Acquire));
        // Mostly the last slot that is known to be filled is the last one that is.
        if filled.wrapping_sub(taken).wrapping_add(1) < room {
            let at = filled + usize::from(was_filled(self.slot(filled), filled));
            let slot = self.slot(at);
            expect_write(slot);
            if bits(slot.load(Ordering::Relaxed)) == bits(free::<B>(at)) {
                self.senders.filled.store(at, Ordering::Relaxed);
                let done = order("ring-put", Ordering::Release);
                if slot.compare_exchange(free(at), put.as_ptr(), done, Ordering::Relaxed).is_ok() {
                    return Ok(());
                }
            }
        }
        // SAFETY: as the caller's.
        unsafe { self.put_knowing(put, room, NEVER) }
    }

    /// The same; where the taker sleeps, its sleep has to be `known`.
    ///
    /// # Safety
    /// As [`put`](Ring::put).
    #[cold]
    pub(crate) unsafe fn put_knowing(
        &self,
        put: Rec<B>,
        room: usize,
        known: Asleep,
    ) -> Result<(), Refused> {
        let mut at = self.senders.filled.load(Ordering::Relaxed);
        let mut taken = self.senders.taken.load(order("ring-passed-on", Ordering::Acquire));
        loop {
            // A slot is looked at only where its last message is known to be taken: what is in it
            // then was put in since.
            if at.wrapping_sub(taken) >= room {
                taken = self.look();
                at = at.max(taken);
                if at - taken >= room {
                    return Err(self.full(taken));
                }
            }
            let slot = self.slot(at);
            let now = slot.load(Ordering::Relaxed);
            if now == free(at) || now == mark(WAITING, known.0) {
                // Said before, for afterwards the queue may be gone.
                self.senders.filled.store(at, Ordering::Relaxed);
                let done = order("ring-put", Ordering::Release);
                if slot.compare_exchange(now, put.as_ptr(), done, Ordering::Relaxed).is_ok() {
                    return Ok(());
                }
                continue;
            }
            match bits(now) & KIND {
                // Filled by another.
                0 => at += 1,
                // Filled by others, and taken.
                FREE => at = self.look().max(at + 1),
                WAITING => return Err(Refused::Asleep(Asleep(bits(now) >> 2))),
                _ => return Err(Refused::Closed),
            }
        }
    }

    /// What has been taken by now, for all senders to know.
    #[cold]
    fn look(&self) -> usize {
        let taken = self.taken.0.load(order("ring-look", Ordering::Acquire));
        self.senders.taken.store(taken, order("ring-pass-on", Ordering::Release));
        taken
    }

    /// Why there is no room; a closed queue is empty, and may be one that never has room.
    #[cold]
    fn full(&self, taken: usize) -> Refused {
        match bits(self.slot(taken).load(Ordering::Relaxed)) & KIND {
            CLOSED => Refused::Closed,
            _ => Refused::Full,
        }
    }

    /// Positions that were taken.
    #[inline]
    pub(crate) fn taken(&self) -> usize {
        self.taken.0.load(Ordering::Relaxed)
    }

    /// How many are there.
    pub(crate) fn len(&self) -> usize {
        let taken = self.taken.0.load(Ordering::Acquire);
        let filled = self.senders.filled.load(Ordering::Relaxed).max(taken);
        let is_record = |at: &usize| bits(self.slot(*at).load(Ordering::Relaxed)) & KIND == 0;
        (filled..taken + self.limit())
            .find(|at| !is_record(at))
            .map_or(self.limit(), |at| at - taken)
    }

    /// True where there is nothing to take. For the one taker.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        record(self.slot(self.taken()).load(Ordering::Relaxed)).is_none()
    }

    /// The next message, held by the caller from here on. For one taker at a time.
    #[inline]
    pub(crate) fn take(&self) -> Option<Rec<B>> {
        let at = self.taken();
        let record = record(self.slot(at).load(order("ring-take", Ordering::Acquire)))?;
        // SAFETY: in the queue, and so held by it.
        unsafe { access::expect(record) };
        self.took(at);
        Some(record)
    }

    #[inline]
    fn took(&self, at: usize) {
        let next = at + 1;
        if next.is_multiple_of(LINE) {
            self.free_line(next - LINE);
        }
        self.taken.0.store(next, order("ring-taken", Ordering::Release));
    }

    /// Frees the line that begins at a position, for the next round.
    fn free_line(&self, first: usize) {
        let Slots(line) = &self.lines[(first / LINE) & (self.lines.len() - 1)];
        for (slot, at) in line.iter().zip(first + self.slots()..) {
            slot.store(free(at), Ordering::Relaxed);
        }
    }

    /// Takes the first message that `wanted` says yes to out of the queue. For the one taker.
    pub(crate) fn remove(&self, wanted: impl Fn(Rec<B>) -> bool) -> Option<Rec<B>> {
        let first = self.taken();
        let there = first..first + self.limit();
        let mut records =
            there.map_while(|at| Some((at, record(self.slot(at).load(Ordering::Acquire))?)));
        let (mut at, found) = records.find(|(_, record)| wanted(*record))?;
        // Those before it move up: filled slots are the taker's.
        while at > first {
            let before = self.slot(at - 1).load(Ordering::Relaxed);
            self.slot(at).store(before, Ordering::Relaxed);
            at -= 1;
        }
        self.took(first);
        Some(found)
    }

    /// The taker is going to sleep, its waker left; false where there is a message.
    pub(crate) fn sleep(&self, sleep: Asleep) -> bool {
        self.mark(mark(WAITING, sleep.0))
    }

    /// Nothing is put in any more. `take` has the rest.
    pub(crate) fn close(&self, mut take: impl FnMut(Rec<B>)) {
        loop {
            while let Some(record) = self.take() {
                take(record);
            }
            if left_out("ring-close") || self.mark(mark(CLOSED, 0)) {
                return;
            }
        }
    }

    /// Marks the first free slot, which is the next one; false where there is a message.
    fn mark(&self, mark: Word<B>) -> bool {
        let slot = self.slot(self.taken());
        let mut now = slot.load(Ordering::Relaxed);
        while record(now).is_none() || left_out("ring-mark") {
            match slot.compare_exchange(now, mark, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(other) => now = other,
            }
        }
        false
    }
}
