//! The serializers that a message's own chain of calls holds.

use core::mem::MaybeUninit;

use crate::{gate::Gate, late::MAX_DEPTH};

/// The serializers that a message's own chain of calls holds, outermost first.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Chain {
    len: u32,
    /// Those before this index are held by the messages that caused this one.
    inherited: u32,
    at: [MaybeUninit<*const ()>; MAX_DEPTH],
}

impl Chain {
    /// Not a constant: one would be copied, unused places and all.
    #[inline]
    pub(crate) const fn empty() -> Chain {
        Chain { at: [const { MaybeUninit::uninit() }; MAX_DEPTH], len: 0, inherited: 0 }
    }

    /// Holds what `other` holds. What it does not use is not copied.
    #[inline]
    pub(crate) fn copy_from(&mut self, other: &Chain) {
        (self.len, self.inherited) = (other.len, other.inherited);
        if other.len > 0 {
            self.copy_places(other);
        }
    }

    #[cold]
    fn copy_places(&mut self, other: &Chain) {
        for (to, from) in self.at.iter_mut().zip(&other.at).take(other.len as usize) {
            *to = *from;
        }
    }

    #[inline]
    pub(crate) fn clear(&mut self) {
        (self.len, self.inherited) = (0, 0);
    }

    /// The same, for a message that is caused by this one.
    pub(crate) fn inherit(mut self) -> Chain {
        self.inherited = self.len;
        self
    }

    pub(crate) fn contains<T>(&self, gate: *const T) -> bool {
        // SAFETY: the first `len` places are written, by `push`.
        let held = |place: &MaybeUninit<*const ()>| unsafe { place.assume_init() };
        self.at[..self.len as usize].iter().any(|place| held(place) == gate.cast())
    }

    /// The innermost serializer that this very message went through.
    pub(crate) fn last_own<B>(&self) -> Option<*const Gate<B>> {
        let last = self.len.checked_sub(1).filter(|last| *last >= self.inherited)?;
        // SAFETY: written, by `push`; and one's own entries are gates of this body.
        Some(unsafe { self.at[last as usize].assume_init() }.cast())
    }

    /// There is room: a port with a gate looks ([`is_full`](Chain::is_full)) before it takes a
    /// message, and a message that it queued comes back with no more than it had then.
    pub(crate) fn push<B>(&mut self, gate: *const Gate<B>) {
        self.at[self.len as usize].write(gate.cast());
        self.len += 1;
    }

    pub(crate) fn pop(&mut self) {
        self.len -= 1;
    }

    /// How many serializers are held, to return to with [`truncate`](Chain::truncate).
    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    pub(crate) fn truncate(&mut self, len: u32) {
        self.len = self.len.min(len);
    }

    pub(crate) fn is_full(&self) -> bool {
        self.len as usize == MAX_DEPTH
    }
}
