//! What a service's files have from their own `sync`, with loom's in their place.

pub use std::sync::Arc;

pub use loom::{
    sync::{Mutex, MutexGuard, atomic::AtomicUsize, mpsc::Sender},
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
