//! What the cache counts. Read without its lock, which is held while the lower port works.

use core::{
    fmt,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

#[derive(Default)]
pub(crate) struct Figures {
    pub(crate) lines: AtomicU64,
    pub(crate) dirty: AtomicU64,
    pub(crate) hits: AtomicU64,
    pub(crate) misses: AtomicU64,
    pub(crate) ahead: AtomicU64,
}

impl Figures {
    /// One request more that found all it asked for, or did not.
    pub(crate) fn asked(&self, hit: bool) {
        (if hit { &self.hits } else { &self.misses }).fetch_add(1, Relaxed);
    }

    pub(crate) fn report(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        let [lines, dirty, hits, misses, ahead] =
            [&self.lines, &self.dirty, &self.hits, &self.misses, &self.ahead]
                .map(|figure| figure.load(Relaxed));
        writeln!(
            out,
            "{{\"lines\":{lines},\"dirty\":{dirty},\"hits\":{hits},\"misses\":{misses},\
             \"ahead\":{ahead}}}"
        )
    }
}
