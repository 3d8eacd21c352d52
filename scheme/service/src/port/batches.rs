//! Writes that bring several messages: receivers are told of them at the end, once for all.

use std::sync::atomic::Ordering::Relaxed;

use crate::sync::{AtomicUsize, left_out};

/// Writes that have begun and are not over. Who puts a message in, or looks for one, does it under
/// the queue's lock, which orders all else.
pub(crate) struct Batches(AtomicUsize);

impl Batches {
    pub(crate) fn new() -> Batches {
        Batches(AtomicUsize::new(0))
    }

    pub(crate) fn begin(&self) {
        self.0.fetch_add(1, Relaxed);
    }

    /// Somebody put a message in. It is rung, unless who ends a batch is yet to do so.
    pub(crate) fn queued(&self, ring: impl FnOnce()) {
        if self.0.load(Relaxed) == 0 {
            ring();
        }
    }

    /// Rings, whether or not others are under way: what was put in until now, by whomever, may be
    /// what nobody else rings for.
    pub(crate) fn end(&self, ring: impl FnOnce()) {
        let over = || self.0.fetch_sub(1, Relaxed);
        if !left_out("batches-order") {
            over();
        }
        if !left_out("batches-ring") {
            ring();
        }
        if left_out("batches-order") {
            over();
        }
    }
}
