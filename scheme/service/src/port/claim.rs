//! Whether the holder of a right has ever used it. What is opened for a process that is killed
//! meanwhile is closed by nobody: the answer goes nowhere, and no scheme is told.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::{Duration, Instant},
};

/// When a right was opened and by whom, and whether it was used.
pub(crate) struct Claim {
    opened: Instant,
    opener: u32,
    used: AtomicBool,
}

impl Claim {
    /// Of what the process of this number opens now.
    pub(crate) fn new(opener: u32) -> Claim {
        Claim { opened: Instant::now(), opener, used: AtomicBool::new(false) }
    }

    /// The holder uses the right.
    #[inline]
    pub(crate) fn stake(&self) {
        if !self.used.load(Relaxed) {
            self.used.store(true, Relaxed);
        }
    }

    /// True where nobody has used the right for as long as `limit`.
    pub(crate) fn is_open(&self, limit: Duration) -> bool {
        !self.used.load(Relaxed) && self.opened.elapsed() >= limit
    }

    /// The number of the process that opened the right.
    pub(crate) fn opener(&self) -> u32 {
        self.opener
    }
}
