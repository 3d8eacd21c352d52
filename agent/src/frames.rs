//! The frames of a kept message: the layers that wait for it. A call has room for them beside its
//! late part; a message that is sent makes room when the first layer waits, and keeps it.

#[cfg(feature = "alloc")]
use alloc::boxed::Box;
use core::{mem::MaybeUninit, ptr::NonNull};

use crate::{
    access,
    count::LayerId,
    guard::Guard,
    late::{Late, MAX_DEPTH},
    port::{Port, Saved},
    record::Record,
    request::Ended,
};
#[cfg(feature = "alloc")]
use crate::{heap::Heap, record::Flags};

type Rec<B> = NonNull<Record<B>>;

/// What a layer left behind to be told of the completion.
pub(crate) struct Frame<B: 'static> {
    pub(crate) port: *const (dyn Port<B> + 'static),
    pub(crate) saved: Saved,
    pub(crate) guard: Option<NonNull<Guard<B>>>,
    pub(crate) layer: LayerId,
}

impl<B> Clone for Frame<B> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<B> Copy for Frame<B> {}

/// Room for frames. The first `Record::frames` are written; the one nearest to the keeper comes
/// first.
type Places<B> = [MaybeUninit<Frame<B>>; MAX_DEPTH];

const fn places<B>() -> Places<B> {
    [const { MaybeUninit::uninit() }; MAX_DEPTH]
}

/// The late part of a call.
#[repr(C)]
pub(crate) struct OfCall<B: 'static> {
    pub(crate) late: Late<B>,
    places: Places<B>,
}

impl<B> OfCall<B> {
    #[inline]
    pub(crate) const fn uninit() -> OfCall<B> {
        OfCall { late: Late::uninit(), places: places() }
    }
}

/// The frames of a message that is sent.
#[cfg(feature = "alloc")]
pub(crate) struct OfSent<B: 'static>(Option<NonNull<Places<B>>>);

#[cfg(feature = "alloc")]
impl<B> OfSent<B> {
    pub(crate) const NONE: OfSent<B> = OfSent(None);

    #[inline]
    fn places(&mut self) -> NonNull<Places<B>> {
        *self.0.get_or_insert_with(|| NonNull::from(Box::leak(Box::new(places()))))
    }
}

#[cfg(feature = "alloc")]
impl<B> Drop for OfSent<B> {
    fn drop(&mut self) {
        if let Some(places) = self.0 {
            // SAFETY: made by `places`, and the record that used it is gone.
            drop(unsafe { Box::from_raw(places.as_ptr()) });
        }
    }
}

/// Where a record's frames are.
///
/// # Safety
/// The caller holds the record.
unsafe fn room<B>(record: Rec<B>) -> *mut Places<B> {
    // SAFETY: held by the caller: in an allocation, where the flag says so, whose frames are the
    // holder's; else the late part is a call's.
    unsafe {
        #[cfg(feature = "alloc")]
        if record.as_ref().flags.contains(Flags::ALLOCATED) {
            return (*(*Heap::of(record)).frames.get()).places().as_ptr();
        }
        (&raw mut (*access::late(record).cast::<OfCall<B>>()).places).cast()
    }
}

/// The frames that are written.
///
/// # Safety
/// The caller holds the record for `'a`, and lets the reference go before anybody else does.
pub(crate) unsafe fn written<'a, B>(record: Rec<B>) -> &'a mut [MaybeUninit<Frame<B>>] {
    // SAFETY: as the caller's.
    unsafe { &mut (&mut *room(record))[..usize::from(record.as_ref().frames)] }
}

/// Adds a frame, after those that are there, and returns the record. There is room: it was looked
/// for on the way down. What was saved comes in words, which a message that is not kept needs no
/// memory for.
///
/// # Safety
/// The caller holds the record.
#[inline(never)]
pub(crate) unsafe fn push<B>(
    mut record: Rec<B>,
    port: *const (dyn Port<B> + 'static),
    one: u64,
    two: u64,
    three: u64,
) -> Ended<B> {
    // SAFETY: as the caller's.
    unsafe {
        let place = usize::from(record.as_ref().frames);
        record.as_mut().frames += 1;
        let frame = Frame { port, saved: [one, two, three], guard: None, layer: 0 };
        (&mut *room(record))[place].write(frame);
    }
    Ended::Kept(record)
}

/// Says at which row of a meter the last frame's layer is.
///
/// # Safety
/// The caller holds the record, which has a frame.
pub(crate) unsafe fn set_layer<B>(record: Rec<B>, layer: LayerId) {
    // SAFETY: as the caller's; written.
    unsafe {
        if let Some(last) = written(record).last_mut() {
            last.assume_init_mut().layer = layer;
        }
    }
}

/// Takes the first frame off; with how many there are still.
///
/// # Safety
/// The caller holds the record, which has a frame.
pub(crate) unsafe fn pop<B>(mut record: Rec<B>) -> (Frame<B>, u8) {
    // SAFETY: as the caller's.
    unsafe {
        let frames = written(record);
        let frame = frames[0].assume_init();
        frames.rotate_left(1);
        record.as_mut().frames -= 1;
        (frame, record.as_ref().frames)
    }
}

/// Puts the frames after the first `waiting` before them: those of a second way down are told
/// before the layers that wait from the first.
///
/// # Safety
/// The caller holds the record.
pub(crate) unsafe fn bring_forward<B>(record: Rec<B>, waiting: u8) {
    // SAFETY: as the caller's; only written frames are moved. Most messages have none.
    unsafe {
        if record.as_ref().frames > waiting {
            written(record).rotate_left(waiting.into());
        }
    }
}
