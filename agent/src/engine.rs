//! What becomes of a kept message: handing over, completion through its layers, forwarding.
//!
//! Everything here works on raw records. The rules: a record's head and its `own` part belong
//! to whoever holds the message; the rest of its late part is shared, as `state` says; a party
//! that goes on using the record or its keeper without holding the message has pinned it.

use core::ptr::NonNull;

#[cfg(feature = "alloc")]
use alloc::sync::Arc;

#[cfg(feature = "alloc")]
use crate::access::hold;
use crate::{
    access::{late, own, rest_in, state},
    ending::{finish, tell_abort, unpin},
    frames,
    guard::Guard,
    keeper::{Keeper, Through, Way},
    kept::Kept,
    late::Resume,
    port::Port,
    record::Record,
    request::{Ended, Request},
    state::Published,
    status::{Errno, Status},
};

type Rec<B> = NonNull<Record<B>>;

/// What came of telling a layer, or of beginning a message.
pub(crate) enum Step {
    /// Completed; layers may be left to tell.
    Done(Status),
    /// Kept; to be handed over once no gate is held any more.
    Kept,
    /// No longer the caller's.
    Gone,
}

/// Gives a message that its target asked to keep to its keeper, in the context of its sender,
/// who keeps the port alive.
///
/// # Safety
/// The caller holds the record, which has just been started, and gives it away; `keeping` and
/// the frames are written; what they point to lives until the message is delivered.
pub(crate) unsafe fn hand_over_first<B>(record: Rec<B>) {
    // SAFETY: held by the caller; `keep` has written `keeping`.
    let keeper = unsafe { (*late(record)).keeping.assume_init() };
    // SAFETY: held by the caller.
    unsafe {
        // Nobody can ask for an abort, or a mark does: the message is not touched once it is
        // given away, so no pin is needed.
        let seen = state(record).see_own();
        let marked = keeper.through.is(Through::MARKS) && !seen.is_aborted();
        if marked || (seen.is_private() && keeper.guard().is_none()) {
            return keeper.take(Kept::new(record));
        }
        state(record).pin_first();
        hand_on(record);
    }
}

/// The same in any other context.
///
/// # Safety
/// As [`hand_over_first`], but that the message may be under way for long, and nobody keeps the
/// port alive but the message.
pub(crate) unsafe fn hand_over<B>(record: Rec<B>) {
    // SAFETY: held by the caller.
    unsafe {
        let late = late(record);
        // One pin for whoever gives the message to its keeper, one for what is left to do here.
        state(record).move_on();
        state(record).pin();
        hand_on(record);
        unpin(record, late);
    }
}

/// # Safety
/// As [`hand_over`]; and the message is pinned, for [`give`] to unpin.
unsafe fn hand_on<B>(record: Rec<B>) {
    // SAFETY: held by the caller; `keep` has written `keeping`.
    unsafe {
        match (*late(record)).keeping.assume_init().guard() {
            None => give(record),
            Some(guard) => {
                own(record).resume = Resume::Take;
                // A keeper's guard lives as long as the keeper.
                let _ = guard.as_ref().enter(record);
            }
        }
    }
}

/// Gives a message to its keeper, inside its guard, and gives the pin back.
///
/// # Safety
/// As [`hand_on`].
pub(crate) unsafe fn give<B>(record: Rec<B>) {
    // SAFETY: held by the caller until `take`, and pinned until `unpin`.
    unsafe {
        let (late, keeper) = (late(record), (*late(record)).keeping.assume_init());
        (*rest_in(late).keeper.get()).write(keeper);
        let state = state(record);
        let seen = state.see();
        let kept = Kept::new(record);
        // An abort that was asked for before is told of no more: to the keeper then, or to none.
        let told = seen.is_aborted();
        match keeper.through.way() {
            Way::Join => keeper.take(kept),
            _ if told => kept.done(Errno::ECANCELED),
            Way::Open | Way::Queue | Way::Marks => keeper.take(kept),
            Way::Guard(guard) => guard.as_ref().take(keeper, kept),
        }
        if told {
            return unpin(record, late);
        }
        match state.publish(seen.hop()) {
            Published::Yes => {}
            Published::Tell => tell_abort(record, late),
            Published::Moved => unpin(record, late),
        }
    }
}

/// The holder is through with the message: the layers above hear of it, then the sender.
///
/// # Safety
/// The caller holds the record and gives it away.
#[inline]
pub(crate) unsafe fn complete<B>(record: Rec<B>, status: Status) {
    // SAFETY: as the caller's.
    unsafe {
        if record.as_ref().frames == 0 {
            return finish(record, status);
        }
        unwind(record, status);
    }
}

/// Tells the layers, one after the other. A layer behind a busy gate is told by the one inside.
///
/// # Safety
/// The caller holds the record and gives it away; it holds no gate of the message's chain.
unsafe fn unwind<B>(record: Rec<B>, mut status: Status) {
    loop {
        // SAFETY: held by the caller; the first `frames` places are written.
        let guard = unsafe {
            if record.as_ref().frames == 0 {
                return finish(record, status);
            }
            frames::written(record)[0].assume_init().guard
        };
        // SAFETY: held by the caller.
        let own = unsafe { own(record) };
        (own.resume, own.status) = (Resume::Up, status);
        let told = match guard {
            // SAFETY: held, and a frame is there.
            None => unsafe { tell_first(record) },
            // SAFETY: as above; a layer's guard lives as long as the layer.
            Some(guard) => unsafe { guard.as_ref().enter(record) },
        };
        match told {
            Step::Done(next) => status = next,
            // SAFETY: still held, no gate is.
            Step::Kept => return unsafe { hand_over(record) },
            Step::Gone => return,
        }
    }
}

/// Goes on with a message that a driver is through with.
///
/// # Safety
/// The caller holds the record, but where it is gone, and gives it away; it holds no gate but its
/// own thread's.
pub(crate) unsafe fn go_on<B>(record: Rec<B>, step: Step) {
    match step {
        // SAFETY: as the caller's.
        Step::Done(status) => unsafe { complete(record, status) },
        // SAFETY: as the caller's.
        Step::Kept => unsafe { hand_over(record) },
        Step::Gone => {}
    }
}

/// Takes the first frame off and tells its layer, of the status that the message has.
///
/// # Safety
/// The caller holds the record, which has a frame, and is inside the frame's guard.
pub(crate) unsafe fn tell_first<B>(record: Rec<B>) -> Step {
    // SAFETY: held by the caller.
    let (frame, waiting, status) = unsafe {
        let (frame, waiting) = frames::pop(record);
        (frame, waiting, own(record).status)
    };
    // SAFETY: held by the caller; what the frame points to lives until delivery.
    let ended = unsafe {
        (*record.as_ptr()).switch_layer(frame.layer);
        let (request, port) = (Request::new(record), &*frame.port);
        match contained(frame.guard) {
            None => port.up(request, status, frame.saved),
            Some(containment) => containment.up(request, port, (status, frame.saved)),
        }
        .ended
    };
    // SAFETY: not handed over yet.
    unsafe { step(record, ended, waiting, frame.guard) }
}

/// What contains the driver behind a guard.
///
/// # Safety
/// The guard is alive for `'a`.
unsafe fn contained<'a, B>(
    guard: Option<NonNull<Guard<B>>>,
) -> Option<&'a crate::contain::Containment> {
    // SAFETY: as the caller's.
    guard.and_then(|guard| unsafe { guard.as_ref() }.containment.as_ref())
}

/// What an outcome means for a message of which `waiting` frames wait from before.
///
/// # Safety
/// The caller holds the record, which is not handed over yet.
unsafe fn step<B>(
    record: Rec<B>,
    ended: Ended<B>,
    waiting: u8,
    guard: Option<NonNull<Guard<B>>>,
) -> Step {
    match ended {
        Ended::Done(status) => Step::Done(status),
        // SAFETY: as the caller's; a guard lives as long as what it guards.
        Ended::Kept(record_again) => unsafe {
            debug_assert_eq!(record, record_again);
            if let Some(guard) = guard {
                guard.as_ref().seal(record, waiting);
            }
            frames::bring_forward(record, waiting);
            Step::Kept
        },
    }
}

/// Begins a held message at a port that lives until the message is delivered.
///
/// # Safety
/// The caller holds the record and gives it away; `port` lives until delivery.
#[cfg(feature = "alloc")]
unsafe fn resume<B>(record: Rec<B>, port: *const (dyn Port<B> + 'static)) {
    // SAFETY: as the caller's.
    unsafe {
        let step = begin_at(record, port, None);
        go_on(record, step);
    }
}

/// Begins a held message at a port.
///
/// # Safety
/// The caller holds the record, and is inside the guard if there is one; `port` lives until
/// delivery.
pub(crate) unsafe fn begin_at<B>(
    record: Rec<B>,
    port: *const (dyn Port<B> + 'static),
    guard: Option<&Guard<B>>,
) -> Step {
    // SAFETY: held by the caller, who waits here.
    unsafe {
        let (waiting, request) = (record.as_ref().frames, Request::new(record));
        let ended = match guard.and_then(|guard| guard.containment.as_ref()) {
            None => (*port).begin(request).ended,
            Some(containment) => containment.begin_late(request, &*port).ended,
        };
        step(record, ended, waiting, guard.map(NonNull::from))
    }
}

/// Forwards a held message to a port that the message keeps alive.
///
/// # Safety
/// The caller holds the record and gives it away.
#[cfg(feature = "alloc")]
pub(crate) unsafe fn forward<B>(record: Rec<B>, port: &Arc<dyn Port<B>>) {
    // SAFETY: held by the caller; `hold` keeps the port alive until delivery.
    unsafe {
        match hold(record, port) {
            Ok(()) => resume(record, Arc::as_ptr(port)),
            Err(errno) => complete(record, errno.into()),
        }
    }
}

/// Has a held message begin at `port`, or do whatever `resume` says, when a driver is free.
///
/// # Safety
/// The caller holds the record; `port` lives until delivery.
pub(crate) unsafe fn keep_at<B>(
    record: Rec<B>,
    port: *const (dyn Port<B> + 'static),
    resume: Resume,
) {
    // SAFETY: held by the caller.
    unsafe {
        (*late(record)).keeping.write(Keeper { port, through: Through::QUEUE });
        own(record).resume = resume;
    }
}
