//! The serializers that a message's own chain of calls holds.

use core::mem::MaybeUninit;

use crate::late::MAX_DEPTH;

/// Places for serializers, outermost first. Compared, never followed.
#[derive(Clone, Copy)]
pub(crate) struct Gates([MaybeUninit<*const ()>; MAX_DEPTH]);

impl Gates {
    #[inline]
    pub(crate) const fn uninit() -> Gates {
        Gates([const { MaybeUninit::uninit() }; MAX_DEPTH])
    }

    /// Takes over the first `len` places, which are written.
    pub(crate) fn copy(&mut self, len: u8, other: &Gates) {
        for (to, from) in self.0.iter_mut().zip(&other.0).take(usize::from(len)) {
            *to = *from;
        }
    }

    /// True where the first `len` places, which are written, hold this gate.
    pub(crate) fn contains<T>(&self, len: u8, gate: *const T) -> bool {
        // SAFETY: the first `len` places are written, by `push` or `copy`.
        let held = |place: &MaybeUninit<*const ()>| unsafe { place.assume_init() };
        self.0[..usize::from(len)].iter().any(|place| held(place) == gate.cast())
    }
}

/// The serializers of one message.
pub(crate) struct Chain<'a> {
    len: &'a mut u8,
    at: &'a mut Gates,
}

impl<'a> Chain<'a> {
    #[inline]
    pub(crate) fn new(len: &'a mut u8, at: &'a mut Gates) -> Chain<'a> {
        Chain { len, at }
    }

    /// There is room: a port with a gate looks ([`is_full`](Chain::is_full)) before it takes a
    /// message, and a message that it queued comes back with no more than it had then. How many
    /// were held before.
    #[inline]
    pub(crate) fn push<T>(&mut self, gate: *const T) -> u8 {
        let before = *self.len;
        self.at.0[usize::from(before)].write(gate.cast());
        *self.len = before + 1;
        before
    }

    /// Holds so many again: what those inside held is left.
    #[inline]
    pub(crate) fn return_to(&mut self, before: u8) {
        *self.len = before;
    }

    #[inline]
    pub(crate) fn pop(&mut self) {
        *self.len -= 1;
    }

    /// How many serializers are held, to return to with [`truncate`](Chain::truncate).
    #[inline]
    pub(crate) fn len(&self) -> u8 {
        *self.len
    }

    #[inline]
    pub(crate) fn truncate(&mut self, len: u8) {
        *self.len = (*self.len).min(len);
    }

    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        usize::from(*self.len) == MAX_DEPTH
    }
}
