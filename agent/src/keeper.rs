//! Who keeps a message, and how that is entered.

use core::ptr::NonNull;

use crate::{guard::Guard, kept::Kept, port::Port};

/// Who keeps a message.
pub(crate) struct Keeper<B: 'static> {
    pub(crate) port: *const (dyn Port<B> + 'static),
    pub(crate) through: Through<B>,
}

impl<B> Clone for Keeper<B> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<B> Copy for Keeper<B> {}

impl<B> Keeper<B> {
    /// What stands around the keeper.
    pub(crate) fn guard(&self) -> Option<NonNull<Guard<B>>> {
        match self.through.way() {
            Way::Guard(guard) => Some(guard),
            _ => None,
        }
    }

    /// Gives the message to the keeper itself.
    ///
    /// # Safety
    /// The keeper is alive until this returns.
    pub(crate) unsafe fn take(self, kept: Kept<B>) {
        // SAFETY: as the caller's.
        unsafe { &*self.port }.take(kept);
    }
}

/// How a keeper is entered.
pub(crate) enum Way<B: 'static> {
    /// As it is, until a guard around it says otherwise.
    Open,
    /// As it is: a queue of this crate's, which needs no guard.
    Queue,
    /// As it is, and even where the abort was asked for before: it ends what it has begun.
    Join,
    /// As it is, and an abort is a mark on the message, which whoever takes it off looks for.
    Marks,
    /// Through what stands around the driver that it belongs to.
    Guard(NonNull<Guard<B>>),
}

/// A way in one word: a guard's address, or a number that is none.
pub(crate) struct Through<B: 'static>(*const Guard<B>);

impl<B> Clone for Through<B> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<B> Copy for Through<B> {}

impl<B> Through<B> {
    pub(crate) const OPEN: Through<B> = Through::number(0);
    pub(crate) const QUEUE: Through<B> = Through::number(1);
    pub(crate) const JOIN: Through<B> = Through::number(2);
    pub(crate) const MARKS: Through<B> = Through::number(3);

    const fn number(number: usize) -> Through<B> {
        assert!(number < align_of::<Guard<B>>());
        Through(core::ptr::without_provenance(number))
    }

    pub(crate) fn guard(guard: NonNull<Guard<B>>) -> Through<B> {
        Through(guard.as_ptr())
    }

    pub(crate) fn is(self, other: Through<B>) -> bool {
        core::ptr::eq(self.0, other.0)
    }

    #[inline]
    pub(crate) fn way(self) -> Way<B> {
        match self.0.addr() {
            0 => Way::Open,
            1 => Way::Queue,
            2 => Way::Join,
            3 => Way::Marks,
            _ => NonNull::new(self.0.cast_mut()).map_or(Way::Open, Way::Guard),
        }
    }
}
