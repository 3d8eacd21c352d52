//! Ways from a record to its course and its late part, by who may take them.

#[cfg(feature = "alloc")]
use alloc::sync::Arc;
use core::ptr::NonNull;

use crate::{
    late::{Course, Late, Own, Rest},
    record::{Flags, Record, Whole},
    state::State,
    sync::expect_write,
};
#[cfg(feature = "alloc")]
use crate::{port::Port, status::Errno};

type Rec<B> = NonNull<Record<B>>;

/// # Safety
/// The record is alive, and so its late part.
#[inline]
pub(crate) unsafe fn late<B>(record: Rec<B>) -> *mut Late<B> {
    // SAFETY: a read of one field that never changes while the record is sent.
    unsafe { (&raw const (*record.as_ptr()).late).read() }
}

/// # Safety
/// The record is alive for `'a`, its late part complete.
#[inline]
pub(crate) unsafe fn rest<'a, B>(record: Rec<B>) -> &'a Rest<B> {
    // SAFETY: as the caller's.
    unsafe { rest_in(late(record)) }
}

/// The same for those who do not hold the message: they keep away from the record's head, which
/// its holder has exclusively.
///
/// # Safety
/// The late part is alive for `'a`, and complete.
#[inline]
pub(crate) unsafe fn rest_in<'a, B>(late: *mut Late<B>) -> &'a Rest<B> {
    // SAFETY: complete, and only shared references to `rest` are made.
    unsafe {
        let rest = &(*late).rest;
        rest.assume_init_ref()
    }
}

/// # Safety
/// The record is alive for `'a`, its course complete.
#[inline]
unsafe fn course<'a, B>(record: Rec<B>) -> &'a Course<B> {
    // SAFETY: as the caller's; the record's head is not touched.
    unsafe { &*Whole::course_of(record) }
}

/// For those too who do not hold the message.
///
/// # Safety
/// The record is alive for `'a`, its course complete.
#[inline]
pub(crate) unsafe fn state<'a, B>(record: Rec<B>) -> &'a State {
    // SAFETY: as the caller's.
    unsafe { &course(record).state }
}

/// # Safety
/// As [`state`]; and the caller holds the message, or is the one who delivers it, and lets the
/// reference go before anyone else does.
#[inline]
pub(crate) unsafe fn own<'a, B>(record: Rec<B>) -> &'a mut Own<B> {
    // SAFETY: only one party holds or delivers.
    unsafe { &mut *course(record).own.get() }
}

/// Keeps a port alive until the message is back. `ELOOP` where there are too many.
///
/// # Safety
/// As [`own`], and the late part is complete.
#[cfg(feature = "alloc")]
pub(crate) unsafe fn hold<B>(record: Rec<B>, port: &Arc<dyn Port<B>>) -> Result<(), Errno> {
    // SAFETY: as the caller's.
    unsafe {
        (*record.as_ptr()).flags.insert(Flags::HOLDS);
        (*rest(record).holds.get()).hold(port)
    }
}

/// Has the processor fetch what a holder writes, which another one wrote last; but not what a
/// sender that waits looks at again and again.
///
/// # Safety
/// The record is alive.
#[inline]
pub(crate) unsafe fn expect<B>(record: Rec<B>) {
    // SAFETY: as the caller's; only addresses are made.
    unsafe {
        if (*record.as_ptr()).flags.contains(Flags::SENT) {
            expect_write(&raw const (*record.as_ptr()).body);
            expect_write(Whole::course_of(record));
        }
    }
}
