//! Threads and the processors that they run on.

use std::{fs::File, os::unix::fs::FileExt, sync::LazyLock, time::Duration};

use rustix::{
    thread::{CpuSet, Pid, gettid, sched_getaffinity, sched_setaffinity},
    time::{ClockId, clock_gettime},
};

/// The processors that the program may use.
static ALLOWED: LazyLock<Vec<usize>> = LazyLock::new(|| {
    let set = sched_getaffinity(None).expect("a thread may ask");
    (0..CpuSet::MAX_CPU).filter(|cpu| set.is_set(*cpu)).collect()
});

/// How many processors there are to pin threads to.
pub(crate) fn count() -> usize {
    ALLOWED.len()
}

/// The calling thread runs where it ran before again, once this is dropped.
pub(crate) struct Pinned(CpuSet);

impl Drop for Pinned {
    fn drop(&mut self) {
        sched_setaffinity(None, &self.0).expect("it was so before");
    }
}

/// Keeps the calling thread on one of the processors: the same for the same `index`.
pub(crate) fn pin(index: usize) -> Pinned {
    let allowed = &*ALLOWED;
    let before = sched_getaffinity(None).expect("a thread may ask");
    let mut one = CpuSet::new();
    one.set(allowed[index % allowed.len()]);
    sched_setaffinity(None, &one).expect("the processor is allowed");
    Pinned(before)
}

/// Processor time of the calling thread so far.
pub(crate) fn time_used() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// A thread that another one looks at.
pub(crate) struct Sleeper(File);

impl Sleeper {
    /// The calling thread's number.
    pub(crate) fn id() -> Pid {
        gettid()
    }

    pub(crate) fn new(id: Pid) -> Sleeper {
        let path = format!("/proc/self/task/{}/stat", id.as_raw_nonzero());
        Sleeper(File::open(path).expect("the thread is there"))
    }

    /// Returns once the kernel says that the thread sleeps.
    pub(crate) fn until_asleep(&self) {
        while self.state() != Some(b'S') {
            std::thread::yield_now();
        }
    }

    /// The third word; the second is a name in parentheses, which may hold anything.
    fn state(&self) -> Option<u8> {
        let mut text = [0; 128];
        let len = self.0.read_at(&mut text, 0).expect("the thread is there");
        let name_ends = text[..len].iter().rposition(|byte| *byte == b')')?;
        text.get(name_ends + 2).copied()
    }
}
