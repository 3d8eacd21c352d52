//! Waiting on a system with threads: parking.

use std::{
    sync::Arc,
    task::{Wake, Waker},
    thread::{self, Thread},
};

use agent::{Wait, Woken};

/// Waits by parking the calling thread.
#[derive(Clone, Copy, Debug, Default)]
pub struct Park;

/// The one that drivers are given.
pub static PARK: Park = Park;

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

impl Wait for Park {
    fn waker(&self) -> Waker {
        Waker::from(Arc::new(Unpark(thread::current())))
    }

    fn park(&self) -> Woken {
        thread::park();
        Woken::Look
    }
}
