//! Ports to send to.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use agent::{
    Errno, Exchange, Kept, Message, MessageId, Outcome, Port, ReplyPort, Request, Saved, Status,
};
use loom::{cell::UnsafeCell, sync::Mutex, thread};

use crate::Body;

/// A shared port.
pub type Target = Arc<dyn Port<Body>>;

/// Keeps each message, and gives it to a thread of its own.
pub struct Elsewhere(pub fn(Kept<Body>));

impl Elsewhere {
    /// Answers from there, with 1 more in the body than was asked.
    pub fn answers() -> Elsewhere {
        Elsewhere(answer)
    }
}

fn answer(mut kept: Kept<Body>) {
    let word = kept.body().get();
    kept.body_mut().set(word + 1);
    kept.done(Status::OK);
}

impl Port<Body> for Elsewhere {
    fn begin<'s>(&'s self, request: Request<'s, Body>) -> Outcome<'s, Body> {
        request.keep(self)
    }

    fn take(&self, kept: Kept<Body>) {
        let run = self.0;
        thread::spawn(move || run(kept));
    }
}

/// Keeps a message until it is told what to do; an abort ends it. Fails at a second abort.
pub struct Shelf {
    kept: Mutex<Option<Kept<Body>>>,
    aborted: AtomicBool,
}

impl Shelf {
    /// An empty shelf.
    pub fn new() -> Shelf {
        Shelf { kept: Mutex::new(None), aborted: AtomicBool::new(false) }
    }

    /// The message, if it is there.
    pub fn get(&self) -> Option<Kept<Body>> {
        self.kept.lock().unwrap().take()
    }
}

impl Default for Shelf {
    fn default() -> Shelf {
        Shelf::new()
    }
}

impl Port<Body> for Shelf {
    fn begin<'s>(&'s self, request: Request<'s, Body>) -> Outcome<'s, Body> {
        request.keep(self)
    }

    fn take(&self, kept: Kept<Body>) {
        *self.kept.lock().unwrap() = Some(kept);
    }

    fn abort(&self, _: MessageId) {
        assert!(!self.aborted.swap(true, Relaxed), "aborted twice");
        if let Some(kept) = self.get() {
            kept.done(Errno::ECANCELED);
        }
    }
}

/// What [`Alone`] does with a request.
#[derive(Clone, Copy)]
pub enum Then {
    /// Answers it.
    Done,
    /// Forwards it to the port below, and hears of the completion.
    Forward,
    /// Keeps it, and answers it when it has it.
    Keep,
    /// Keeps it on its shelf.
    Shelve,
    /// Answers what is on its shelf, waits until the sender has that back, and answers this.
    Finish,
}

/// A driver that fails where it is entered by two at a time.
pub struct Alone {
    inside: UnsafeCell<u32>,
    then: fn(u32) -> Then,
    lower: Option<Target>,
    shelf: Shelf,
    /// Set by the sender of what was on the shelf, once that is back.
    pub back: loom::sync::atomic::AtomicBool,
}

// SAFETY: the cell is entered by one at a time, as the model checks; the rest is shared.
unsafe impl Sync for Alone {}

impl Alone {
    /// Answers what it is asked.
    pub fn answers() -> Alone {
        Alone::new(|_| Then::Done, None)
    }

    /// Does with a request what `then` says of its body.
    pub fn new(then: fn(u32) -> Then, lower: Option<Target>) -> Alone {
        let back = loom::sync::atomic::AtomicBool::new(false);
        Alone { inside: UnsafeCell::new(0), then, lower, shelf: Shelf::new(), back }
    }

    fn enter(&self) {
        // SAFETY: one at a time, as the model checks.
        self.inside.with_mut(|inside| unsafe { *inside += 1 });
    }

    /// Entries so far; for a time when there are no more.
    pub fn entries(&self) -> u32 {
        // SAFETY: as above.
        self.inside.with(|inside| unsafe { *inside })
    }

    fn finish(&self) {
        if let Some(kept) = self.shelf.get() {
            answer(kept);
            while !self.back.load(Relaxed) {
                thread::yield_now();
            }
        }
    }
}

impl Port<Body> for Alone {
    fn begin<'s>(&'s self, mut request: Request<'s, Body>) -> Outcome<'s, Body> {
        self.enter();
        let word = request.body().get();
        match ((self.then)(word), &self.lower) {
            (Then::Forward, Some(lower)) => return request.forward(self, &**lower, [0; 3]),
            (Then::Keep | Then::Shelve, _) => return request.keep(self),
            (Then::Finish, _) => self.finish(),
            _ => {}
        }
        request.body_mut().set(word + 1);
        request.done(Status::OK)
    }

    fn take(&self, kept: Kept<Body>) {
        self.enter();
        match (self.then)(kept.body().get()) {
            Then::Shelve => self.shelf.take(kept),
            _ => answer(kept),
        }
    }

    fn up<'s>(&'s self, request: Request<'s, Body>, s: Status, _: Saved) -> Outcome<'s, Body> {
        self.enter();
        request.done(s)
    }

    fn abort(&self, id: MessageId) {
        self.enter();
        self.shelf.abort(id);
    }
}

/// Takes one reply.
struct Once {
    came: AtomicBool,
    check: fn(Status, u32) -> bool,
}

/// A reply port for one reply, whose status and body `check` says yes to.
pub fn once(check: fn(Status, u32) -> bool) -> Arc<dyn ReplyPort<Body>> {
    Arc::new(Once { came: AtomicBool::new(false), check })
}

impl ReplyPort<Body> for Once {
    fn reply(&self, message: Message<Body>) {
        assert!(!self.came.swap(true, Relaxed), "replied twice");
        assert!((self.check)(message.status(), message.body().get()));
    }
}
