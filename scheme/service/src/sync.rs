//! Locks, threads and channels of what `tests/models` takes file by file, with others in their
//! place: those try every order of events, and can leave out one named step.

pub(crate) use std::{
    sync::{Arc, Mutex, atomic::AtomicUsize, mpsc::Sender},
    thread, thread_local,
};

use std::sync::{MutexGuard, PoisonError};

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every update is complete at once, so a panic elsewhere leaves the value good.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// True where the named step is to be left out: never, but while models are checked.
#[inline(always)]
pub(crate) const fn left_out(_: &str) -> bool {
    false
}
