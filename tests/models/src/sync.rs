//! What a service's files have from their own `sync`, with loom's in their place.

pub use std::sync::{Arc, PoisonError};

pub use loom::{
    sync::{Condvar, Mutex, Mutex as SleepLock, MutexGuard, atomic::AtomicUsize, mpsc::Sender},
    thread, thread_local,
};

pub use crate::left_out;

/// The lock.
///
/// # Panics
/// After a panic of who had it.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

/// The same of a lock that is held for long.
///
/// # Panics
/// As [`lock`].
pub fn hold<T>(mutex: &SleepLock<T>) -> MutexGuard<'_, T> {
    lock(mutex)
}
