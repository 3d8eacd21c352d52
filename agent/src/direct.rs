//! A shared value whose address is at hand.

use alloc::sync::Arc;
use core::{fmt, ops::Deref, ptr::NonNull};

/// An `Arc` of a trait object works out where its value lies each time that it is asked: on a
/// path where every message passes, this asks once.
pub struct Direct<T: ?Sized> {
    at: NonNull<T>,
    owner: Arc<T>,
}

// SAFETY: gives no more than the `Arc` does.
unsafe impl<T: ?Sized + Send + Sync> Send for Direct<T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Send + Sync> Sync for Direct<T> {}

impl<T: ?Sized> Direct<T> {
    /// The counted reference.
    pub fn owner(&self) -> &Arc<T> {
        &self.owner
    }
}

impl<T: ?Sized> From<Arc<T>> for Direct<T> {
    fn from(owner: Arc<T>) -> Direct<T> {
        Direct { at: NonNull::from(&*owner), owner }
    }
}

impl<T: ?Sized> Clone for Direct<T> {
    fn clone(&self) -> Direct<T> {
        Direct { at: self.at, owner: Arc::clone(&self.owner) }
    }
}

impl<T: ?Sized> Deref for Direct<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: what the owner holds, for as long.
        unsafe { self.at.as_ref() }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Direct<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
