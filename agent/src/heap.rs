//! Where a message that is sent lives.

use alloc::{boxed::Box, vec::Vec};
use core::{cell::UnsafeCell, marker::PhantomData, mem::offset_of, ptr::NonNull, task::Waker};

use crate::{
    access,
    data::{Bytes, Data, Slot},
    ending,
    frames::OfSent,
    late::{Course, Late, Reply, Rest},
    record::{Flags, Record, Whole},
    state::State,
    sync::Counted,
};

/// Record, late part and belongings in one allocation. What a target touches begins at a cache
/// line, for which what few messages own stands before.
#[repr(C, align(64))]
pub(crate) struct Heap<B: 'static> {
    pub(crate) frames: UnsafeCell<OfSent<B>>,
    pub(crate) names: UnsafeCell<Vec<Vec<u8>>>,
    whole: UnsafeCell<Whole<B>>,
    late: UnsafeCell<Late<B>>,
    pub(crate) data: UnsafeCell<Bytes>,
    pub(crate) receipt: UnsafeCell<Option<Box<Waker>>>,
}

// SAFETY: what a `Message` reaches it reaches exclusively; what a `Ticket` or `Pending` reaches
// is shared as the message's state says; the rest is the message's holder's alone.
unsafe impl<B: Send> Send for Heap<B> {}
// SAFETY: as above.
unsafe impl<B: Send> Sync for Heap<B> {}

impl<B: 'static> Heap<B> {
    /// A message that asks `body`, not sent.
    pub(crate) fn of_body(body: B) -> Counted<Heap<B>> {
        let record = Record::new(body, Slot::new(Data::NONE), core::ptr::null_mut());
        let heap = Counted::new(Heap {
            frames: UnsafeCell::new(OfSent::NONE),
            names: UnsafeCell::new(Vec::new()),
            whole: UnsafeCell::new(Whole::new(record)),
            late: UnsafeCell::new(Late::uninit()),
            data: UnsafeCell::new(Bytes::None),
            receipt: UnsafeCell::new(None),
        });
        // SAFETY: nobody else has the allocation yet.
        let (whole, late) = unsafe { (&mut *heap.whole.get(), heap.late.get()) };
        whole.course.write(Course::new(Reply::Nobody(PhantomData)));
        // SAFETY: as above.
        unsafe { (*late).rest.write(Rest::new()) };
        let record = &mut whole.record;
        record.late = late;
        record.flags = Flags::OF_SENT;
        heap
    }

    /// Asks for the abort of one send.
    pub(crate) fn abort(this: &Counted<Heap<B>>, send: u32) {
        // SAFETY: record and late part live in the allocation, the latter complete.
        unsafe { ending::abort(Heap::raw(this), this.late.get(), send) }
    }

    /// The record of an allocation, with which it can be found again.
    #[inline]
    pub(crate) fn record_of(heap: *const Heap<B>) -> NonNull<Record<B>> {
        // SAFETY: inside the allocation, and so not null.
        unsafe {
            let record = heap.byte_add(offset_of!(Heap<B>, whole)).cast_mut();
            NonNull::new_unchecked(record.cast())
        }
    }

    /// The allocation of a record.
    ///
    /// # Safety
    /// The record is one of `send`'s.
    #[inline]
    pub(crate) unsafe fn of(record: NonNull<Record<B>>) -> *const Heap<B> {
        // SAFETY: as the caller's: the pointer came from one to the whole.
        unsafe { record.as_ptr().byte_sub(offset_of!(Heap<B>, whole)) }.cast_const().cast()
    }

    #[inline]
    pub(crate) fn raw(this: &Counted<Heap<B>>) -> NonNull<Record<B>> {
        Heap::record_of(Counted::as_ptr(this))
    }

    #[inline]
    pub(crate) fn rest(&self) -> &Rest<B> {
        // SAFETY: written by `Message::new`, alive as long as the allocation.
        unsafe { access::rest_in(self.late.get()) }
    }

    #[inline]
    pub(crate) fn state(&self) -> &State {
        // SAFETY: written by `Message::new`, alive as long as the allocation.
        unsafe { access::state(Heap::record_of(self)) }
    }
}

impl<B> Drop for Heap<B> {
    fn drop(&mut self) {
        // SAFETY: written by `Message::new`, and nobody refers to it any more.
        unsafe {
            self.late.get_mut().rest.assume_init_drop();
            self.whole.get_mut().course.assume_init_drop();
        }
        drop(self.whole.get_mut().record.set_meter(None));
    }
}
#[cfg(all(test, target_pointer_width = "64"))]
mod tests {
    use super::*;

    /// How far the head, the body, and what follows it are from the beginning.
    fn places() -> (usize, usize, usize) {
        let record = offset_of!(Heap<u64>, whole);
        let head = record + offset_of!(Record<u64>, data);
        let body = record + offset_of!(Record<u64>, body);
        (head, body, record + offset_of!(Whole<u64>, course) + size_of::<Course<u64>>())
    }

    #[test]
    fn what_an_inline_call_touches_is_one_cache_line_beside_the_body() {
        let (head, body, _) = places();
        assert_eq!((head % 64, body), (0, head + 64));
    }

    #[test]
    fn a_small_body_shares_its_cache_line_with_the_course() {
        let (_, body, behind) = places();
        assert!(behind <= body + 64);
    }

    #[test]
    fn the_state_of_a_message_takes_seven_cache_lines() {
        assert_eq!(size_of::<Heap<u64>>(), 7 * 64);
    }
}
