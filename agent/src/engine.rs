//! What becomes of a kept message: handing over, completion through its layers, forwarding,
//! abort, delivery.
//!
//! Everything here works on raw records. The rules: a record's head and its `own` part belong
//! to whoever holds the message; `meeting` is shared and locked; a party that goes on using the
//! record or its keeper without holding the message has pinned it, and the last of holder and
//! pins to leave a replied message delivers it.

use core::{ptr::NonNull, sync::atomic::Ordering};

#[cfg(feature = "alloc")]
use alloc::sync::Arc;

use crate::{
    access::{late, meeting, meeting_in, own, rest},
    gate,
    kept::Kept,
    late::{Frame, Late, Meeting, Reply, Resume},
    port::{MessageId, Port},
    record::Record,
    request::{Ended, Entry, Request},
    status::{Errno, Status},
};

type Rec<B> = NonNull<Record<B>>;

/// What came of telling a layer, or of beginning a message.
pub(crate) enum Step {
    /// Completed; layers may be left to tell.
    Done(Status),
    /// Kept; to be handed over once no gate is held any more.
    Kept,
    /// Queued behind a busy gate: no longer the caller's.
    Queued,
}

/// Gives a message that `begin` or `up` asked to keep to its keeper.
///
/// # Safety
/// The caller holds the record; `keeping` and the frames are written; what they point to lives
/// until the message is delivered.
pub(crate) unsafe fn hand_over<B>(record: Rec<B>) {
    // SAFETY: held by the caller; `keep` has written `keeping`.
    let (late, keeper) = unsafe { (late(record), (*late(record)).keeping.assume_init()) };
    // SAFETY: alive while pinned, and pinned from here to `unpin`.
    let meeting = unsafe { meeting_in(late) };
    let (hop, aborted) = {
        let mut m = meeting.lock();
        (m.keeper, m.hop, m.pins) = (None, m.hop + 1, m.pins + 1);
        (m.hop, m.abort)
    };
    // SAFETY: held by the caller, who gives it away here.
    let kept = unsafe { Kept::new(record) };
    if aborted {
        kept.done(Errno::ECANCELED);
    } else {
        // SAFETY: the keeper lives until delivery, which waits for the pin.
        unsafe { keeper.take(kept) };
    }
    let tell = {
        let mut m = meeting.lock();
        let still_there = m.hop == hop && !m.replied;
        if still_there {
            m.keeper = Some(keeper);
        }
        still_there && m.abort
    };
    if tell {
        // SAFETY: as above.
        unsafe { keeper.abort(MessageId(record.as_ptr() as usize)) };
    }
    // SAFETY: pinned above.
    unsafe { unpin(record, late) }
}

/// Asks the keeper to abort the message, once. Nothing happens where it has been replied, or
/// sent again: `generation` names the send that is meant.
///
/// # Safety
/// The record is alive, and `late` is its late part, complete.
pub(crate) unsafe fn abort<B>(record: Rec<B>, late: *mut Late<B>, generation: u32) {
    let keeper = {
        // SAFETY: as the caller's.
        let mut m = unsafe { meeting_in(late) }.lock();
        if m.replied || m.abort || m.generation != generation {
            return;
        }
        m.abort = true;
        // On its way: whoever hands it over finds the mark.
        let Some(keeper) = m.keeper else { return };
        m.pins += 1;
        keeper
    };
    // SAFETY: the keeper lives until delivery, which waits for the pin.
    unsafe { keeper.abort(MessageId(record.as_ptr() as usize)) };
    // SAFETY: pinned above.
    unsafe { unpin(record, late) }
}

/// # Safety
/// The caller has pinned the record, of which `late` is the late part, and does not use it
/// afterwards.
unsafe fn unpin<B>(record: Rec<B>, late: *mut Late<B>) {
    let deliver_now = {
        // SAFETY: pinned.
        let mut m = unsafe { meeting_in(late) }.lock();
        m.pins -= 1;
        take_delivery(&mut m)
    };
    if deliver_now {
        // SAFETY: replied, and this was the last pin: the record is the caller's to deliver.
        unsafe { deliver(record) }
    }
}

fn take_delivery<B>(m: &mut Meeting<B>) -> bool {
    let mine = m.replied && m.pins == 0 && !m.delivered;
    m.delivered |= mine;
    mine
}

/// The holder is through with the message: the layers above hear of it, then the sender.
///
/// # Safety
/// The caller holds the record and gives it away.
pub(crate) unsafe fn complete<B>(record: Rec<B>, status: Status) {
    {
        // SAFETY: held by the caller.
        let mut m = unsafe { meeting(record) }.lock();
        (m.keeper, m.hop) = (None, m.hop + 1);
    }
    // SAFETY: as the caller's.
    unsafe { unwind(record, status) }
}

/// Tells the layers, one after the other. A layer behind a busy serializer is told by the one
/// inside.
///
/// # Safety
/// The caller holds the record and gives it away.
pub(crate) unsafe fn unwind<B>(record: Rec<B>, mut status: Status) {
    loop {
        // SAFETY: held by the caller.
        let Some(gate) = (unsafe { first_gate(record) }) else {
            // SAFETY: no layer is left.
            return unsafe { finish(record, status) };
        };
        let told = match gate {
            // SAFETY: held, and a frame is there.
            None => unsafe { tell_first(record, status) },
            // SAFETY: as above; the gate is part of a layer's port and so alive.
            Some(gate) => unsafe { gate::tell_through(gate, record, status) },
        };
        match told {
            Step::Done(next) => status = next,
            // SAFETY: still held, no gate is.
            Step::Kept => return unsafe { hand_over(record) },
            Step::Queued => return,
        }
    }
}

/// The gate of the first frame, if there is a frame.
///
/// # Safety
/// The caller holds the record.
#[allow(clippy::option_option)]
unsafe fn first_gate<B>(record: Rec<B>) -> Option<Option<*const gate::Gate<B>>> {
    // SAFETY: held by the caller; the first `frames` places are written.
    unsafe {
        let late = late(record);
        (record.as_ref().frames > 0).then(|| (&(*late).frames)[0].assume_init().gate)
    }
}

/// Takes the first frame off and tells its layer.
///
/// # Safety
/// The caller holds the record, which has a frame, and the frame's gate.
pub(crate) unsafe fn tell_first<B>(record: Rec<B>, status: Status) -> Step {
    // SAFETY: held by the caller.
    let (frame, waiting) = unsafe { pop_frame(record) };
    // SAFETY: held by the caller; what the frame points to lives until delivery.
    let ended = unsafe {
        (*record.as_ptr()).switch_layer(frame.layer);
        let (request, port) = (Request::new(record), &*frame.port);
        match frame.catch {
            None => port.up(request, status, frame.saved),
            Some(catch) => {
                let entry = Entry::Up(status, frame.saved);
                request.enter_contained(&*catch, &*catch, port, entry)
            }
        }
        .ended
    };
    match ended {
        Ended::Done(status) => Step::Done(status),
        Ended::Kept(record) => {
            // SAFETY: kept again below, not handed over yet.
            unsafe { bring_forward(record, waiting) };
            Step::Kept
        }
    }
}

/// Puts the frames after the first `waiting` before them: those of a second way down are told
/// before the layers that wait from the first.
///
/// # Safety
/// The caller holds the record.
unsafe fn bring_forward<B>(record: Rec<B>, waiting: usize) {
    // SAFETY: held by the caller; only written frames are moved.
    unsafe {
        let frames = usize::from(record.as_ref().frames);
        (&mut (*late(record)).frames)[..frames].rotate_left(waiting);
    }
}

/// Takes the first frame off; with how many there are still.
///
/// # Safety
/// The caller holds the record, which has a frame.
unsafe fn pop_frame<B>(record: Rec<B>) -> (Frame<B>, usize) {
    // SAFETY: held by the caller; the first `frames` places are written.
    unsafe {
        let head = &mut *record.as_ptr();
        let frames = &mut (&mut (*head.late).frames)[..usize::from(head.frames)];
        let frame = frames[0].assume_init();
        frames.rotate_left(1);
        head.frames -= 1;
        head.depth -= 1;
        (frame, usize::from(head.frames))
    }
}

/// Every layer has been told.
///
/// # Safety
/// The caller holds the record and gives it away.
unsafe fn finish<B>(record: Rec<B>, status: Status) {
    let deliver_now = {
        // SAFETY: held by the caller.
        unsafe { own(record) }.status = status;
        // SAFETY: as above.
        let mut m = unsafe { meeting(record) }.lock();
        m.replied = true;
        take_delivery(&mut m)
    };
    if deliver_now {
        // SAFETY: replied and not pinned: the record is the caller's to deliver.
        unsafe { deliver(record) }
    }
}

/// The sender has its message back.
///
/// # Safety
/// The caller is the one who delivers, and does not use the record afterwards.
unsafe fn deliver<B>(record: Rec<B>) {
    // SAFETY: nobody else uses the record any more but a sender that looks at `meeting` or
    // waits for `done`.
    let own = unsafe { own(record) };
    match core::mem::replace(&mut own.reply, Reply::Wait) {
        Reply::Wait => {
            // SAFETY: alive until `done` is set, and not used after that.
            let rest = unsafe { rest(record) };
            let waker = rest.meeting.lock().waker.take();
            rest.done.store(true, Ordering::Release);
            if let Some(waker) = waker {
                waker.wake();
            }
        }
        #[cfg(feature = "alloc")]
        reply => {
            // SAFETY: as above, and the record is one of `send`'s.
            unsafe { crate::send::deliver(record, reply) }
        }
        #[cfg(not(feature = "alloc"))]
        Reply::Nobody(_) => {}
    }
}

/// Begins a held message at a port that lives until the message is delivered.
///
/// # Safety
/// The caller holds the record and gives it away; `port` lives until delivery.
#[cfg(feature = "alloc")]
pub(crate) unsafe fn resume<B>(record: Rec<B>, port: *const (dyn Port<B> + 'static)) {
    // SAFETY: as the caller's.
    match unsafe { begin_at(record, port) } {
        // SAFETY: still held.
        Step::Done(status) => unsafe { unwind(record, status) },
        // SAFETY: as above.
        Step::Kept => unsafe { hand_over(record) },
        Step::Queued => {}
    }
}

/// Begins a held message at a port.
///
/// # Safety
/// The caller holds the record; `port` lives until delivery.
pub(crate) unsafe fn begin_at<B>(record: Rec<B>, port: *const (dyn Port<B> + 'static)) -> Step {
    // SAFETY: held by the caller, who waits here.
    let waiting = usize::from(unsafe { record.as_ref() }.frames);
    // SAFETY: as the caller's.
    match unsafe { (*port).begin(Request::new(record)) }.ended {
        Ended::Done(status) => Step::Done(status),
        Ended::Kept(record) => {
            // SAFETY: not handed over yet.
            unsafe { bring_forward(record, waiting) };
            Step::Kept
        }
    }
}

/// Forwards a held message to a port that the message keeps alive.
///
/// # Safety
/// The caller holds the record and gives it away.
#[cfg(feature = "alloc")]
pub(crate) unsafe fn forward<B>(record: Rec<B>, port: &Arc<dyn Port<B>>) {
    // SAFETY: held by the caller.
    if unsafe { own(record) }.hold(port).is_err() {
        // SAFETY: still held.
        return unsafe { complete(record, Status::error(Errno::ELOOP)) };
    }
    {
        // SAFETY: held by the caller.
        let mut m = unsafe { meeting(record) }.lock();
        (m.keeper, m.hop) = (None, m.hop + 1);
    }
    // SAFETY: held by the caller; `hold` keeps the port alive until delivery.
    unsafe { resume(record, Arc::as_ptr(port)) }
}

/// Goes on with a queued message: begins it at its port, or tells its completion.
///
/// # Safety
/// The caller holds the record, and the gate that it was queued behind.
pub(crate) unsafe fn resume_queued<B>(record: Rec<B>) -> Step {
    // SAFETY: held by the caller.
    match core::mem::replace(&mut unsafe { own(record) }.resume, Resume::Up(Status::OK)) {
        // SAFETY: the port is part of the gate's owner, alive until delivery.
        Resume::Begin(port) => unsafe { begin_at(record, port) },
        // SAFETY: queued by `unwind`, so a frame is there.
        Resume::Up(status) => unsafe { tell_first(record, status) },
    }
}
