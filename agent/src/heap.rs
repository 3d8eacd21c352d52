//! Where a message that is sent lives.

use alloc::vec::Vec;
use core::{cell::UnsafeCell, marker::PhantomData, mem::offset_of, ptr::NonNull, task::Waker};

use crate::{
    access,
    data::{Bytes, Data, Slot},
    ending,
    late::{Course, Late, Reply, Rest},
    record::{Flags, Record, Whole},
    state::State,
    sync::Counted,
};

/// Record, late part and belongings in one allocation. The record begins at a cache line.
#[repr(C, align(64))]
pub(crate) struct Heap<B: 'static> {
    whole: UnsafeCell<Whole<B>>,
    late: UnsafeCell<Late<B>>,
    pub(crate) owned: UnsafeCell<Owned>,
}

#[derive(Default)]
pub(crate) struct Owned {
    pub(crate) data: Bytes,
    pub(crate) names: Vec<Vec<u8>>,
    pub(crate) receipt: Option<Waker>,
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
            whole: UnsafeCell::new(Whole::new(record)),
            late: UnsafeCell::new(Late::uninit()),
            owned: UnsafeCell::new(Owned::default()),
        });
        // SAFETY: nobody else has the allocation yet.
        let (whole, late) = unsafe { (&mut *heap.whole.get(), heap.late.get()) };
        whole.course.write(Course::new(Reply::Nobody(PhantomData)));
        // SAFETY: as above.
        unsafe { (*late).rest.write(Rest::new()) };
        let record = &mut whole.record;
        record.late = late;
        record.flags = Flags::SENT | Flags::WHOLE;
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
