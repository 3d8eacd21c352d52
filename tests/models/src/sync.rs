//! What a service's files have from their own `sync`, with loom's in their place.

pub use std::sync::{Arc, PoisonError};

use std::{ops::Add, time::Duration};

pub use loom::{
    sync::{Condvar, Mutex, Mutex as SleepLock, MutexGuard, atomic::AtomicUsize, mpsc::Sender},
    thread, thread_local,
};

pub use crate::left_out;

/// A moment. Time stands still in a model: what is due is due at once, or never.
#[derive(Clone, Copy)]
pub struct Instant(Duration);

impl Instant {
    /// The only moment that there ever is.
    pub fn now() -> Instant {
        Instant(Duration::ZERO)
    }

    /// How long after `earlier` it is.
    pub fn saturating_duration_since(&self, earlier: Instant) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;
    fn add(self, time: Duration) -> Instant {
        Instant(self.0 + time)
    }
}

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
