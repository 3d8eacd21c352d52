//! Who reads, and what is put off meanwhile: whoever comes to sleep is relieved, unless somebody
//! reads and nothing is left to perform.

use std::{collections::VecDeque, sync::atomic::Ordering::Relaxed};

use crate::sync::{AtomicUsize, Mutex, left_out, lock};

/// Threads that read, and what they are still to perform.
pub(crate) struct Relay<T> {
    /// Those that do not wait for a driver.
    free: AtomicUsize,
    /// Those that were started.
    started: AtomicUsize,
    most: usize,
    put_off: Mutex<VecDeque<T>>,
    /// What was read and comes after something that is put off.
    behind: Mutex<VecDeque<T>>,
}

impl<T> Relay<T> {
    /// Nobody reads yet; `most` threads are started at most.
    pub(crate) fn new(most: usize) -> Relay<T> {
        let [free, started] = [0, 0].map(AtomicUsize::new);
        let [put_off, behind] = [(); 2].map(|()| Mutex::new(VecDeque::new()));
        Relay { free, started, most, put_off, behind }
    }

    /// The calling thread begins to read, or reads on after it slept.
    pub(crate) fn join(&self) {
        self.free.fetch_add(1, Relaxed);
    }

    /// Something is to be performed, by this thread or another.
    pub(crate) fn put_off(&self, all: impl IntoIterator<Item = T>) {
        lock(&self.put_off).extend(all);
    }

    /// What is to be performed next.
    pub(crate) fn next(&self) -> Option<T> {
        lock(&self.put_off).pop_front()
    }

    /// Something is to be dispatched before anything else is read, and after what is put off.
    #[cfg_attr(loom, allow(dead_code))]
    pub(crate) fn leave_behind(&self, one: T) {
        lock(&self.behind).push_back(one);
    }

    /// True where there is something like that.
    #[cfg_attr(loom, allow(dead_code))]
    pub(crate) fn has_behind(&self) -> bool {
        !lock(&self.behind).is_empty()
    }

    /// All of it.
    #[cfg_attr(loom, allow(dead_code))]
    pub(crate) fn left_behind(&self) -> VecDeque<T> {
        std::mem::take(&mut *lock(&self.behind))
    }

    /// The calling thread is about to sleep. True where another one is to be started in its place:
    /// nobody reads now, or something is put off, which those that sleep at the socket do not see.
    /// False as well where there are too many: the wait is as long as it is.
    pub(crate) fn leave(&self) -> bool {
        let others = self.free.fetch_sub(1, Relaxed) > 1 || left_out("relay-last");
        if others && (lock(&self.put_off).is_empty() || left_out("relay-put-off")) {
            return false;
        }
        let more = self.started.fetch_add(1, Relaxed) < self.most && !left_out("relay-start");
        if !more {
            self.not_started();
        }
        more
    }

    /// A thread that was to be started is not there.
    pub(crate) fn not_started(&self) {
        self.started.fetch_sub(1, Relaxed);
    }

    /// A thread that was started reads no more.
    #[cfg_attr(loom, allow(dead_code))]
    pub(crate) fn ended(&self) {
        self.free.fetch_sub(1, Relaxed);
        self.not_started();
    }
}
