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

    /// True where the first `len` places, which are written, hold this gate.
    pub(crate) fn contains<T>(&self, len: u8, gate: *const T) -> bool {
        // SAFETY: the first `len` places are written, by `push` or `inherit`.
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

    /// Holds what the message that causes this one holds. What is not used is not copied.
    #[inline]
    pub(crate) fn inherit(&mut self, len: u8, gates: &Gates) {
        *self.len = len;
        if len > 0 {
            self.copy_places(gates);
        }
    }

    #[cold]
    fn copy_places(&mut self, gates: &Gates) {
        for (to, from) in self.at.0.iter_mut().zip(&gates.0).take(usize::from(*self.len)) {
            *to = *from;
        }
    }

    /// There is room: a port with a gate looks ([`is_full`](Chain::is_full)) before it takes a
    /// message, and a message that it queued comes back with no more than it had then.
    #[inline]
    pub(crate) fn push<T>(&mut self, gate: *const T) {
        self.at.0[usize::from(*self.len)].write(gate.cast());
        *self.len += 1;
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

    pub(crate) fn truncate(&mut self, len: u8) {
        *self.len = (*self.len).min(len);
    }

    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        usize::from(*self.len) == MAX_DEPTH
    }
}
