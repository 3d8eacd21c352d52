//! How a sender waits: what its placement offers.

use core::task::Waker;

/// Why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// Perhaps there is something now; the waiter looks again.
    Look,
    /// The wait was interrupted (a signal, a deadline): the waiter asks for its message to be
    /// aborted, once, and still waits for the reply.
    Interrupted,
}

/// A way of waiting, of one thread: parking it, or polling on bare metal.
pub trait Wait {
    /// A waker that ends the calling thread's [`park`](Wait::park), the present one or the next.
    fn waker(&self) -> Waker;

    /// Waits until woken. May return without cause. Must not unwind.
    fn park(&self) -> Woken;
}

/// Waits by polling, for placements that have no threads.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spin;

impl Wait for Spin {
    fn waker(&self) -> Waker {
        Waker::noop().clone()
    }

    fn park(&self) -> Woken {
        core::hint::spin_loop();
        Woken::Look
    }
}
