//! A driver that notes who enters it, and whether it is ever entered twice at a time.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, ThreadId},
};

use agent::{Errno, Exchange, Kept, MessageId, Outcome, Port, Request, Saved, Status};

use super::{Target, Trail, until};

/// What a driver is entered for, with the message's number where it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    Begin(u32),
    Take(u32),
    Up(u32),
    Abort,
}

/// What a message asks, in the first place of its trail; the second is its number.
pub(crate) const DONE: u32 = 0;
/// Waits inside until it is let go.
pub(crate) const HOLD: u32 = 1;
/// Is kept.
pub(crate) const KEEP: u32 = 2;
/// Is forwarded to the lower port.
pub(crate) const DOWN: u32 = 3;

pub(crate) struct Single {
    inside: AtomicBool,
    twice: AtomicUsize,
    entries: Mutex<Vec<(Entry, ThreadId)>>,
    kept: Mutex<Vec<Kept<Trail>>>,
    held: AtomicBool,
    go: AtomicBool,
    lower: Target,
}

impl Single {
    pub(crate) fn over(lower: Target) -> Single {
        Single {
            inside: AtomicBool::new(false),
            twice: AtomicUsize::new(0),
            entries: Mutex::default(),
            kept: Mutex::default(),
            held: AtomicBool::new(false),
            go: AtomicBool::new(false),
            lower,
        }
    }

    /// Notes an entry. No panic: not all who enter may unwind.
    fn enter<T>(&self, entry: Entry, work: impl FnOnce() -> T) -> T {
        if self.inside.swap(true, Ordering::SeqCst) {
            self.twice.fetch_add(1, Ordering::SeqCst);
        }
        self.entries.lock().unwrap().push((entry, thread::current().id()));
        thread::yield_now();
        let result = work();
        self.inside.store(false, Ordering::SeqCst);
        result
    }

    /// The entries so far; none of them met another.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        assert_eq!(self.twice.load(Ordering::SeqCst), 0, "entered while someone was inside");
        self.entries.lock().unwrap().iter().map(|entry| entry.0).collect()
    }

    /// The same, since the one with `HOLD` came in.
    pub(crate) fn entries_after_hold(&self) -> Vec<Entry> {
        let held = Entry::Begin(0);
        self.entries().into_iter().skip_while(|entry| *entry != held).skip(1).collect()
    }

    pub(crate) fn has(&self, entry: Entry) -> bool {
        self.entries.lock().unwrap().iter().any(|other| other.0 == entry)
    }

    /// The threads that the entries came on.
    pub(crate) fn threads(&self) -> Vec<ThreadId> {
        self.entries.lock().unwrap().iter().map(|entry| entry.1).collect()
    }

    pub(crate) fn wait_held(&self) {
        until(|| self.held.load(Ordering::SeqCst));
    }

    pub(crate) fn let_go(&self) {
        self.go.store(true, Ordering::SeqCst);
    }

    /// The oldest message that is kept, as soon as there is one.
    pub(crate) fn next(&self) -> Kept<Trail> {
        loop {
            let mut kept = self.kept.lock().unwrap();
            if !kept.is_empty() {
                return kept.remove(0);
            }
            drop(kept);
            thread::yield_now();
        }
    }
}

fn number(trail: &Trail) -> u32 {
    trail.get(1).copied().unwrap_or(0)
}

impl Port<Trail> for Single {
    fn begin<'s>(&'s self, request: Request<'s, Trail>) -> Outcome<'s, Trail> {
        let what = request.body().first().copied().unwrap_or(DONE);
        self.enter(Entry::Begin(number(request.body())), || {
            if what == HOLD {
                self.held.store(true, Ordering::SeqCst);
                until(|| self.go.load(Ordering::SeqCst));
            }
        });
        match what {
            KEEP => request.keep(self),
            DOWN => request.forward(self, &*self.lower, [0; 3]),
            _ => request.done(Status::OK),
        }
    }

    fn take(&self, kept: Kept<Trail>) {
        self.enter(Entry::Take(number(kept.body())), || self.kept.lock().unwrap().push(kept));
    }

    fn up<'s>(&'s self, request: Request<'s, Trail>, s: Status, _: Saved) -> Outcome<'s, Trail> {
        self.enter(Entry::Up(number(request.body())), || ());
        request.done(s)
    }

    fn abort(&self, id: MessageId) {
        let found = self.enter(Entry::Abort, || {
            let mut kept = self.kept.lock().unwrap();
            let at = kept.iter().position(|kept| kept.id() == id);
            at.map(|at| kept.remove(at))
        });
        if let Some(kept) = found {
            kept.done(Errno::ECANCELED);
        }
    }
}
