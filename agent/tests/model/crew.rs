//! Ports and drivers for scripts that run on several threads, and what is counted there.

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    thread,
};

use agent::{Catch, Errno, Exchange, Kept, MessageId, Outcome, Port, Request, Saved, Status};

/// What a driver does with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    Done,
    Keep,
    Down,
    /// Completes another one first.
    DoneWithOther,
    Panic,
    /// Ends whoever receives it.
    Stop,
}

/// How often messages came back, and how many are alive.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) alive: AtomicUsize,
    pub(crate) sent: AtomicUsize,
    pub(crate) back: AtomicUsize,
    pub(crate) wrong: Mutex<Vec<String>>,
}

impl Tally {
    pub(crate) fn wrong(&self, what: impl Into<String>) {
        self.wrong.lock().unwrap().push(what.into());
    }
}

/// What a message carries.
pub(crate) struct Load {
    tally: Arc<Tally>,
    pub(crate) wish: Wish,
    pub(crate) forwards: usize,
    /// Sent and not got back.
    away: bool,
}

impl Load {
    pub(crate) fn new(tally: &Arc<Tally>, wish: Wish) -> Load {
        tally.alive.fetch_add(1, SeqCst);
        Load { tally: tally.clone(), wish, forwards: 0, away: false }
    }

    pub(crate) fn leaves(&mut self) {
        self.tally.sent.fetch_add(1, SeqCst);
        self.away = true;
    }

    /// The message is got back, as one of the ways that it may end.
    pub(crate) fn comes_back(&mut self, status: Status) {
        self.tally.back.fetch_add(1, SeqCst);
        if !std::mem::take(&mut self.away) {
            self.tally.wrong("a message came back that was not away");
        }
        let may = [Errno::ECANCELED, Errno::EAGAIN, Errno::EIO, Errno::ENODEV, Errno::ELOOP];
        if status.result().is_err_and(|errno| !may.contains(&errno)) {
            self.tally.wrong(format!("a message ended with {status:?}"));
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.tally.alive.fetch_sub(1, SeqCst);
    }
}

pub(crate) type Target = Arc<dyn Port<Load>>;

/// Contains panics, as a host of drivers does.
pub(crate) struct Unwinds;

impl Catch for Unwinds {
    fn catch(&self, run: &mut dyn FnMut()) -> bool {
        catch_unwind(AssertUnwindSafe(run)).is_ok()
    }

    fn is_unwinding(&self) -> bool {
        thread::panicking()
    }
}

/// A driver that may be entered by one thread at a time, or by several.
pub(crate) struct Crew {
    alone: bool,
    contained: bool,
    inside: AtomicBool,
    failed: AtomicBool,
    store: Mutex<Vec<Kept<Load>>>,
    lower: Option<Target>,
    tally: Arc<Tally>,
}

/// An entry, until it is dropped.
struct Inside<'a>(&'a Crew);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.inside.store(false, SeqCst);
    }
}

impl Crew {
    pub(crate) fn new(tally: &Arc<Tally>, lower: Option<&Target>) -> Crew {
        Crew {
            alone: false,
            contained: false,
            inside: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            store: Mutex::default(),
            lower: lower.cloned(),
            tally: tally.clone(),
        }
    }

    /// Must not be entered twice at a time.
    pub(crate) fn alone(self) -> Crew {
        Crew { alone: true, ..self }
    }

    /// Panics where it is asked to.
    pub(crate) fn contained(self) -> Crew {
        Crew { contained: true, ..self }
    }

    fn enter(&self) -> Inside<'_> {
        if self.inside.swap(true, SeqCst) && self.alone {
            self.tally.wrong("a driver is entered while somebody is inside");
        }
        if self.alone && self.failed.load(SeqCst) {
            self.tally.wrong("a driver is entered that has panicked");
        }
        thread::yield_now();
        Inside(self)
    }

    fn panic_if_contained(&self) {
        if self.contained {
            resume_unwind(Box::new("on purpose"));
        }
    }

    /// The message that was stored first, or last.
    pub(crate) fn stored(&self, last: bool) -> Option<Kept<Load>> {
        let mut store = self.store.lock().unwrap();
        if last || store.is_empty() { store.pop() } else { Some(store.remove(0)) }
    }
}

impl Port<Load> for Crew {
    fn begin<'s>(&'s self, request: Request<'s, Load>) -> Outcome<'s, Load> {
        let inside = self.enter();
        match request.body().wish {
            Wish::Keep => request.keep(self),
            Wish::Panic => {
                self.panic_if_contained();
                request.done(Status::OK)
            }
            Wish::DoneWithOther => {
                if let Some(kept) = self.stored(false) {
                    kept.done(Status::ok(1));
                }
                request.done(Status::OK)
            }
            _ => {
                drop(inside);
                match &self.lower {
                    Some(lower) => request.forward(self, &**lower, [7, 8, 9]),
                    None => request.done(Status::OK),
                }
            }
        }
    }

    fn up<'s>(&'s self, request: Request<'s, Load>, s: Status, saved: Saved) -> Outcome<'s, Load> {
        let _inside = self.enter();
        if saved != [7, 8, 9] {
            self.tally.wrong("a layer is told what it did not save");
        }
        request.done(s)
    }

    fn take(&self, kept: Kept<Load>) {
        let _inside = self.enter();
        self.store.lock().unwrap().push(kept);
    }

    fn abort(&self, id: MessageId) {
        let inside = self.enter();
        let found = {
            let mut store = self.store.lock().unwrap();
            let at = store.iter().position(|kept| kept.id() == id);
            at.map(|at| store.remove(at))
        };
        drop(inside);
        if let Some(kept) = found {
            kept.done(Errno::ECANCELED);
        }
    }

    fn fail(&self) {
        let inside = self.enter();
        self.failed.store(true, SeqCst);
        let kept = std::mem::take(&mut *self.store.lock().unwrap());
        drop(inside);
        drop(kept);
    }
}
