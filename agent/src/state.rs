//! The one word in which sender, holder and aborter of a kept message meet.
//!
//! Whoever goes on using the record or its keeper without holding the message has *pinned* it.
//! A message is back once it is replied and not pinned: the party whose step makes that true
//! delivers it, and there is exactly one such step.

use crate::sync::{AtomicU64, Ordering, left_out, order, pause};

/// A keeper is published: it can be asked to abort.
const KEPT: u64 = 1;
/// The sender has asked for the abort, which it does once.
const ABORT: u64 = 2;
/// The aborter is reading who the keeper is.
const READING: u64 = 4;
/// Nobody holds the message any more.
const REPLIED: u64 = 8;
/// The sender sleeps, and has left a waker.
const WAITING: u64 = 16;
/// The sender, who waits, is to drain the gate that its message is queued behind.
const DRAIN: u64 = 32;
/// Somebody beside the holder may change the word: a sender that waits, a ticket.
const SHARED: u64 = 64;
/// The sender waits with its record: the record is gone as soon as it is back.
const CALL: u64 = 128;
/// The sender has a future.
const FUTURE: u64 = 1 << 31;
/// Counts the pins.
const PIN: u64 = 1 << 8;
const PINS: u64 = 0xfff * PIN;
/// Counts the keepers that the message has had, so that a late comer knows that it moved on.
const HOP: u64 = 1 << 20;
const HOPS: u64 = 0x7ff * HOP;
/// Counts the sends; an abort is meant for one of them.
const SEND: u32 = 32;

/// The word.
pub(crate) struct State(AtomicU64);

/// The word as it was at one moment.
#[derive(Clone, Copy)]
pub(crate) struct Seen(u64);

/// What becomes of a request to abort.
pub(crate) enum Asked {
    /// Replied already, asked already, or meant for another send.
    Idle,
    /// The message is on its way, or where a mark is all that is needed.
    Marked,
    /// The keeper is to be asked; the message is pinned, and the keeper's name held still
    /// ([`State::keeper_read`]).
    Ask,
}

/// What a keeper that has taken a message finds.
pub(crate) enum Published {
    /// It can be asked to abort from now on. The pin is gone.
    Yes,
    /// It was asked while the message was on its way, and has to be told. Still pinned, and its
    /// keeper's name held still.
    Tell,
    /// The message is elsewhere by now. Still pinned.
    Moved,
}

impl Seen {
    /// The sender has its message back.
    #[inline]
    pub(crate) fn is_back(self) -> bool {
        self.0 & (REPLIED | PINS | WAITING) == REPLIED
    }

    /// The waker of the sender is to be taken and woken.
    pub(crate) fn is_awaited(self) -> bool {
        self.0 & WAITING != 0
    }

    /// True where nobody but the holder may change the word.
    #[inline]
    pub(crate) fn is_private(self) -> bool {
        self.0 & SHARED == 0
    }

    #[inline]
    pub(crate) fn is_aborted(self) -> bool {
        self.0 & ABORT != 0
    }

    pub(crate) fn is_replied(self) -> bool {
        self.0 & REPLIED != 0
    }

    pub(crate) fn is_being_read(self) -> bool {
        self.0 & READING != 0
    }

    #[inline]
    pub(crate) fn is_call(self) -> bool {
        self.0 & CALL != 0
    }

    #[inline]
    pub(crate) fn is_future(self) -> bool {
        self.0 & FUTURE != 0
    }

    pub(crate) fn must_drain(self) -> bool {
        self.0 & DRAIN != 0
    }

    /// Which of the keepers the message is given to.
    pub(crate) fn hop(self) -> u64 {
        self.0 & HOPS
    }

    /// The sends so far.
    pub(crate) fn send(self) -> u32 {
        (self.0 >> SEND) as u32
    }

    fn is_pinned(self) -> bool {
        self.0 & PINS != 0
    }
}

impl State {
    /// Not sent yet.
    pub(crate) fn new() -> State {
        State(AtomicU64::new(REPLIED))
    }

    #[inline]
    pub(crate) fn see(&self) -> Seen {
        Seen(self.0.load(order("see-reply", Ordering::Acquire)))
    }

    /// The sends so far.
    #[inline]
    pub(crate) fn sends(&self) -> u32 {
        Seen(self.0.load(Ordering::Relaxed)).send()
    }

    /// A call, by the one party that has the message.
    #[inline]
    pub(crate) fn start_call(&self) {
        self.0.store(CALL | SHARED, Ordering::Relaxed);
    }

    /// A send, in the same way; `shared` where there is a ticket for it, `future` where that
    /// is a future.
    #[inline]
    pub(crate) fn start(&self, send: u32, shared: bool, future: bool) {
        let shared = if shared { SHARED } else { 0 };
        let future = if future { FUTURE } else { 0 };
        self.0.store(u64::from(send) << SEND | shared | future, Ordering::Relaxed);
    }

    /// The next send, of which nobody else knows.
    #[inline]
    pub(crate) fn start_next(&self) {
        self.start(self.sends().wrapping_add(1), false, false);
    }

    /// The word for its holder, who learns nothing from others by it.
    #[inline]
    pub(crate) fn see_own(&self) -> Seen {
        Seen(self.0.load(Ordering::Relaxed))
    }

    /// The first pin, by the sender.
    #[inline]
    pub(crate) fn pin_first(&self) {
        let now = self.0.load(Ordering::Relaxed);
        if now & SHARED == 0 {
            self.0.store(now + PIN, Ordering::Relaxed);
        } else {
            self.pin();
        }
    }

    /// Replied in its sender's context: nobody else has held it, and an abort that is being
    /// marked makes no difference.
    #[inline]
    pub(crate) fn back_at_once(&self) -> Seen {
        let now = self.0.load(Ordering::Relaxed);
        self.0.store(now | REPLIED, Ordering::Release);
        Seen(now)
    }

    /// Sets `change` of the word; what it was.
    fn update(&self, success: Ordering, change: impl Fn(u64) -> u64) -> Seen {
        let mut now = self.0.load(Ordering::Relaxed);
        loop {
            match self.0.compare_exchange_weak(now, change(now), success, Ordering::Relaxed) {
                Ok(before) => return Seen(before),
                Err(other) => now = other,
            }
        }
    }

    /// Pins the message for its next keeper, whose name may be written on return; the word as
    /// it is then.
    pub(crate) fn move_on(&self) -> Seen {
        let next = |now: u64| {
            let hop = (now & HOPS).wrapping_add(HOP) & HOPS;
            (now & !(HOPS | KEPT) | hop) + PIN
        };
        let before = self.update(Ordering::Relaxed, next);
        let read = order("keeper-was-read", Ordering::Acquire);
        while self.0.load(read) & READING != 0 && !left_out("move-while-read") {
            pause();
        }
        Seen(next(before.0))
    }

    /// The keeper of this hop has taken the message.
    pub(crate) fn publish(&self, hop: u64) -> Published {
        let mut now = self.0.load(Ordering::Relaxed);
        loop {
            if now & REPLIED != 0 || (now & HOPS != hop && !left_out("publish-moved")) {
                return Published::Moved;
            }
            let tell = now & ABORT != 0 && !left_out("publish-aborted");
            let next = if tell { now | READING } else { (now | KEPT) - PIN };
            let done = order("publish", Ordering::Release);
            match self.0.compare_exchange_weak(now, next, done, Ordering::Relaxed) {
                Ok(_) if tell => return Published::Tell,
                Ok(_) => return Published::Yes,
                Err(other) => now = other,
            }
        }
    }

    /// Asks for the abort of one send.
    pub(crate) fn abort(&self, send: u32) -> Asked {
        let mut now = self.0.load(Ordering::Relaxed);
        loop {
            let asked = now & (REPLIED | ABORT) != 0 && !left_out("abort-once");
            if asked || Seen(now).send() != send {
                return Asked::Idle;
            }
            let kept = now & KEPT != 0;
            let pin = if left_out("abort-pin") { 0 } else { PIN };
            let next = if kept { (now | ABORT | READING) + pin } else { now | ABORT };
            let done = order("abort-reads-keeper", Ordering::Acquire);
            match self.0.compare_exchange_weak(now, next, done, Ordering::Relaxed) {
                Ok(_) if kept => return Asked::Ask,
                Ok(_) => return Asked::Marked,
                Err(other) => now = other,
            }
        }
    }

    /// The aborter knows who the keeper is.
    pub(crate) fn keeper_read(&self) {
        self.0.fetch_and(!READING, order("keeper-read", Ordering::Release));
    }

    /// The last holder is through with the message. `Some` where it is back by that; else a
    /// pin is left, and one of the caller's own is added to it, to be given back.
    #[inline]
    pub(crate) fn reply(&self) -> Option<Seen> {
        let now = Seen(self.0.load(order("reply-unpinned", Ordering::Acquire)));
        // Nobody else may touch the word, so it needs no locked step.
        if now.0 & (SHARED | PINS) == 0 {
            self.0.store(now.0 | REPLIED, Ordering::Relaxed);
            return Some(now);
        }
        self.reply_shared()
    }

    fn reply_shared(&self) -> Option<Seen> {
        let before = self.update(order("reply", Ordering::AcqRel), |now| {
            let pin = if Seen(now).is_pinned() { PIN } else { 0 };
            (now | REPLIED) + pin
        });
        (!before.is_pinned() || left_out("reply-pinned")).then_some(before)
    }

    /// One more party uses the record.
    pub(crate) fn pin(&self) {
        self.0.fetch_add(PIN, Ordering::Relaxed);
    }

    /// Gives a pin back. `Some` where the message is back by that.
    pub(crate) fn unpin(&self) -> Option<Seen> {
        let before = Seen(self.0.fetch_sub(PIN, order("unpin", Ordering::AcqRel)));
        let last = before.0 & PINS == PIN || left_out("unpin-last");
        (before.0 & REPLIED != 0 && last).then_some(before)
    }

    /// The sender is going to sleep, its waker left. `false` where the message is back, or a
    /// gate is to be drained.
    pub(crate) fn wait(&self) -> bool {
        let mut now = self.0.load(Ordering::Relaxed);
        loop {
            let drain = now & DRAIN != 0 && !left_out("wait-drain");
            if now & (REPLIED | PINS) == REPLIED && !left_out("wait-back") || drain {
                return false;
            }
            let next = now | WAITING;
            let done = order("wait", Ordering::Release);
            match self.0.compare_exchange_weak(now, next, done, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(other) => now = other,
            }
        }
    }

    /// Takes the waker back, to leave another. `false` where it is being woken.
    pub(crate) fn stop_waiting(&self) -> bool {
        let mut now = self.0.load(Ordering::Relaxed);
        loop {
            if now & (REPLIED | PINS) == REPLIED && !left_out("waker-taken") {
                return false;
            }
            let next = now & !WAITING;
            match self.0.compare_exchange_weak(now, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(other) => now = other,
            }
        }
    }

    /// The waker has been taken: from here on the record is its sender's.
    pub(crate) fn woken(&self) {
        self.0.fetch_and(!WAITING, order("woken", Ordering::Release));
    }

    /// The sender is to drain the gate that was left for it; whether it sleeps.
    pub(crate) fn ask_to_drain(&self) -> Seen {
        Seen(self.0.fetch_or(DRAIN, order("ask-to-drain", Ordering::AcqRel)))
    }

    /// The sender drains.
    pub(crate) fn draining(&self) {
        self.0.fetch_and(!DRAIN, Ordering::Relaxed);
    }
}
