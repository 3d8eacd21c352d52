//! How a message ends: abort, reply, delivery to its sender.

use core::{ptr::NonNull, task::Waker};

use crate::{
    access::{late, own, rest_in, state},
    late::{Late, Reply},
    port::MessageId,
    record::{Flags, Record},
    state::{Asked, Seen},
    status::Status,
    sync::{left_out, pause},
};

type Rec<B> = NonNull<Record<B>>;

/// Asks the keeper to abort the message, once. Nothing happens where it has been replied, or
/// sent again: `send` names the one that is meant.
///
/// # Safety
/// The record is alive, and `late` is its late part, complete.
pub(crate) unsafe fn abort<B>(record: Rec<B>, late: *mut Late<B>, send: u32) {
    // SAFETY: as the caller's.
    match unsafe { state(record) }.abort(send) {
        Asked::Idle | Asked::Marked => {}
        // SAFETY: pinned, and being read.
        Asked::Ask => unsafe { tell_abort(record, late) },
    }
}

/// # Safety
/// The caller has pinned the record, of which `late` is the late part, and gives the pin away;
/// it is the one who reads the keeper.
pub(crate) unsafe fn tell_abort<B>(record: Rec<B>, late: *mut Late<B>) {
    // SAFETY: pinned; the keeper was published, and is not written while it is read.
    let (rest, keeper) = unsafe { (rest_in(late), (*rest_in(late).keeper.get()).assume_init()) };
    // SAFETY: read by others only once the keeper has been read.
    unsafe { *rest.abort_at.get() = Some(keeper) };
    // SAFETY: pinned.
    unsafe { state(record) }.keeper_read();
    match keeper.guard() {
        // SAFETY: the keeper lives until delivery, which waits for the pin.
        None => unsafe {
            (*keeper.port).abort(MessageId(record.as_ptr() as usize));
            unpin(record, late);
        },
        // SAFETY: as above.
        Some(guard) => unsafe { guard.as_ref().abort(record, late) },
    }
}

/// # Safety
/// The caller has pinned the record, of which `late` is the late part, and does not use it
/// afterwards.
pub(crate) unsafe fn unpin<B>(record: Rec<B>, late: *mut Late<B>) {
    // SAFETY: pinned.
    if let Some(seen) = unsafe { state(record) }.unpin() {
        // SAFETY: the message is back by that, and so it is the caller's to deliver.
        unsafe { deliver(record, late, seen) }
    }
}

/// True where nobody but the sender hears of the completion, and of it no more than a wake-up.
///
/// # Safety
/// The caller holds the record.
pub(crate) unsafe fn is_plain<B>(record: Rec<B>) -> bool {
    // SAFETY: held by the caller.
    unsafe { record.as_ref().frames == 0 && !is_port(&own(record).reply) }
}

fn is_port<B>(reply: &Reply<B>) -> bool {
    #[cfg(feature = "alloc")]
    return matches!(reply, Reply::Port(_));
    #[cfg(not(feature = "alloc"))]
    return matches!(reply, Reply::Nobody(_));
}

/// Every layer has been told.
///
/// # Safety
/// The caller holds the record and gives it away.
#[inline]
pub(crate) unsafe fn finish<B>(record: Rec<B>, status: Status) {
    // SAFETY: held by the caller until `reply`.
    unsafe {
        let late = late(record);
        let own = own(record);
        own.status = status;
        if !matches!(own.reply, Reply::Call) {
            (*record.as_ptr()).switch_layer(0);
        }
        match state(record).reply() {
            Some(seen) => deliver(record, late, seen),
            None => finish_pinned(record, late),
        }
    }
}

/// Somebody else delivers, as soon as they let go. An abort that waits for a gate need not come
/// any more, and must not hold the reply up.
///
/// # Safety
/// The message is replied, and the caller has pinned it and gives the pin away.
#[cold]
unsafe fn finish_pinned<B>(record: Rec<B>, late: *mut Late<B>) {
    // SAFETY: pinned.
    let (state, rest) = unsafe { (state(record), rest_in(late)) };
    if state.see().is_aborted() {
        while state.see().is_being_read() {
            pause();
        }
        // SAFETY: settled: an abort is told of once, and the keeper has been read, if at all.
        let asked = unsafe { (*rest.abort_at.read()).and_then(|keeper| keeper.guard()) };
        // SAFETY: pinned, so the keeper's guard is alive.
        let gate = asked.and_then(|guard| unsafe { guard.as_ref() }.gate.as_ref());
        if gate.is_some_and(|gate| !left_out("withdraw") && gate.withdraw(record)) {
            // SAFETY: the entry's pin, taken over; not the last, for the caller's is there.
            unsafe { unpin(record, late) }
        }
    }
    // SAFETY: the caller's pin.
    unsafe { unpin(record, late) }
}

/// The sender has its message back.
///
/// # Safety
/// The caller is the one by whose step, which found `seen`, the message is back, and does not
/// use the record afterwards.
#[inline]
unsafe fn deliver<B>(record: Rec<B>, late: *mut Late<B>, seen: Seen) {
    if seen.is_call() {
        if seen.is_awaited() {
            // SAFETY: the record stays until `woken`.
            unsafe { wake(record, late) }
        }
        return;
    }
    #[cfg(feature = "alloc")]
    // SAFETY: as the caller's, and the record is one of `send`'s.
    unsafe {
        crate::flight::deliver(record, late, seen);
    }
    #[cfg(not(feature = "alloc"))]
    let _ = record;
}

/// Wakes a sender that sleeps. The record is the sender's from then on.
///
/// # Safety
/// The caller delivers the message, and the sender waits.
#[cold]
pub(crate) unsafe fn wake<B>(record: Rec<B>, late: *mut Late<B>) {
    // SAFETY: as the caller's: the waker is not the sender's until `woken`.
    let waker = unsafe {
        let waker = (*rest_in(late).waker.get()).take();
        state(record).woken();
        waker
    };
    if let Some(waker) = waker.filter(|_| !left_out("wake")) {
        waker.wake();
    }
}

/// The message is dropped from its queue: it comes back as if it had never been sent.
///
/// # Safety
/// The caller holds the record and gives it away; the message is droppable.
#[cfg(feature = "alloc")]
pub(crate) unsafe fn never_sent<B>(record: Rec<B>) {
    // SAFETY: held by the caller.
    unsafe {
        (*record.as_ptr()).flags.insert(Flags::DROPPED);
        crate::engine::complete(record, crate::Errno::ECANCELED.into());
    }
}

/// What is to be woken once a message is queued.
///
/// # Safety
/// The caller holds the record.
pub(crate) unsafe fn receipt<B>(record: Rec<B>) -> Option<Waker> {
    // SAFETY: held by the caller.
    if !unsafe { record.as_ref() }.flags.contains(Flags::RECEIPT) {
        return None;
    }
    #[cfg(feature = "alloc")]
    // SAFETY: only messages of `send`'s carry the flag.
    return unsafe { crate::flight::receipt(record) };
    #[cfg(not(feature = "alloc"))]
    return None;
}
