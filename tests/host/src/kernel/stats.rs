//! What the real kernel would have had to do.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

/// Counts of what requests to user schemes cost, as the real kernel would pay it: whole pages
/// shared, ragged ends copied through a bounce page.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Stats {
    /// Requests that wait for an answer.
    pub requests: u64,
    /// Of those, the ones that lent no memory, neither payload nor buffer nor path.
    pub without_memory: u64,
    /// Of those, the ones whose memory was already in the daemon's address space.
    pub same_space: u64,
    /// Whole pages of the caller that were shared with the daemon.
    pub pages_shared: u64,
    /// Pages that stood in for a ragged end, or for a path.
    pub pages_bounced: u64,
    /// Bytes copied into those pages.
    pub bytes_in: u64,
    /// Bytes copied back from those pages.
    pub bytes_out: u64,
    /// Descriptions whose close the scheme never heard of: the last descriptor went while a call
    /// on it was under way, or it was lost on its way to another process.
    pub lost_closes: u64,
}

impl Stats {
    /// What was added since an earlier reading.
    pub fn since(&self, earlier: &Stats) -> Stats {
        Stats {
            requests: self.requests - earlier.requests,
            without_memory: self.without_memory - earlier.without_memory,
            same_space: self.same_space - earlier.same_space,
            pages_shared: self.pages_shared - earlier.pages_shared,
            pages_bounced: self.pages_bounced - earlier.pages_bounced,
            bytes_in: self.bytes_in - earlier.bytes_in,
            bytes_out: self.bytes_out - earlier.bytes_out,
            lost_closes: self.lost_closes - earlier.lost_closes,
        }
    }

    /// All pages that were mapped.
    pub fn pages_mapped(&self) -> u64 {
        self.pages_shared + self.pages_bounced
    }
}

/// The counters behind [`Stats`].
#[derive(Default)]
pub(crate) struct Counters {
    requests: AtomicU64,
    without_memory: AtomicU64,
    same_space: AtomicU64,
    pages_shared: AtomicU64,
    pages_bounced: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
}

static TOTAL: Counters = Counters {
    requests: AtomicU64::new(0),
    without_memory: AtomicU64::new(0),
    same_space: AtomicU64::new(0),
    pages_shared: AtomicU64::new(0),
    pages_bounced: AtomicU64::new(0),
    bytes_in: AtomicU64::new(0),
    bytes_out: AtomicU64::new(0),
};
static LOST_CLOSES: AtomicU64 = AtomicU64::new(0);

impl Counters {
    pub(crate) fn read(&self) -> Stats {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            requests: get(&self.requests),
            without_memory: get(&self.without_memory),
            same_space: get(&self.same_space),
            pages_shared: get(&self.pages_shared),
            pages_bounced: get(&self.pages_bounced),
            bytes_in: get(&self.bytes_in),
            bytes_out: get(&self.bytes_out),
            lost_closes: 0,
        }
    }

    /// Counts here and in the total.
    pub(crate) fn add(&self, cost: &Stats) {
        for counters in [self, &TOTAL] {
            let bump = |counter: &AtomicU64, by| counter.fetch_add(by, Ordering::Relaxed);
            bump(&counters.requests, cost.requests);
            bump(&counters.without_memory, cost.without_memory);
            bump(&counters.same_space, cost.same_space);
            bump(&counters.pages_shared, cost.pages_shared);
            bump(&counters.pages_bounced, cost.pages_bounced);
            bump(&counters.bytes_in, cost.bytes_in);
            bump(&counters.bytes_out, cost.bytes_out);
        }
    }
}

pub(crate) fn lost_close() {
    LOST_CLOSES.fetch_add(1, Ordering::Relaxed);
}

pub(crate) fn total() -> Stats {
    Stats { lost_closes: LOST_CLOSES.load(Ordering::Relaxed), ..TOTAL.read() }
}
