//! Locks, threads and channels of what `tests/models` takes file by file, with others in their
//! place: those try every order of events, and can leave out one named step.

pub(crate) use std::{
    sync::{Arc, Condvar, Mutex as SleepLock, PoisonError, atomic::AtomicUsize, mpsc::Sender},
    thread, thread_local,
    time::Instant,
};

/// A lock for short updates, never held while anything is waited for. The one of Redox's libc
/// calls the kernel each time that it is let go of, whether anybody waits for it or not.
pub(crate) type Mutex<T> = spin::mutex::SpinMutex<T, spin::Yield>;

pub(crate) type MutexGuard<'a, T> = spin::mutex::SpinMutexGuard<'a, T, spin::Yield>;

/// Every update is complete at once, so a panic elsewhere leaves the value good.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock()
}

/// The same of a lock that is held for long: who waits for it sleeps.
pub(crate) fn hold<T>(mutex: &SleepLock<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// True where the named step is to be left out: never, but while models are checked.
#[inline(always)]
pub(crate) const fn left_out(_: &str) -> bool {
    false
}
