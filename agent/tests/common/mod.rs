//! Ports and ways of waiting that the tests share.
#![allow(dead_code, unused_imports)] // each test uses its part

mod single;
mod watch;

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
};

use agent::{
    Catch, Errno, Exchange, Kept, MessageId, Neighbour, Outcome, Port, Request, Saved, Status,
    Wait, Woken,
};

pub(crate) use single::{DONE, DOWN, Entry, HOLD, KEEP, Single};
pub(crate) use watch::{Bell, Clock, Never, until, watched};

/// What layers wrote on the message that passed them.
pub(crate) type Trail = Vec<u32>;

/// A shared port.
pub(crate) type Target = Arc<dyn Port<Trail>>;

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits by parking the thread.
pub(crate) struct Park;

impl Wait for Park {
    fn waker(&self) -> Waker {
        Arc::new(Unpark(thread::current())).into()
    }

    fn park(&self) -> Woken {
        thread::park();
        Woken::Look
    }
}

/// Waits as [`Park`] does, but the first wait is interrupted at once, and so is every other.
pub(crate) struct Interrupted;

impl Wait for Interrupted {
    fn waker(&self) -> Waker {
        Park.waker()
    }

    fn park(&self) -> Woken {
        thread::yield_now();
        Woken::Interrupted
    }
}

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

/// Polls a future until it is ready.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let (mut future, waker) = (pin!(future), Park.waker());
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

/// Completes at once with the length of the trail.
pub(crate) struct Inline;

impl Port<Trail> for Inline {
    fn begin<'s>(&'s self, request: Request<'s, Trail>) -> Outcome<'s, Trail> {
        let len = request.body().len();
        request.done(Status::ok(len))
    }
}

/// Keeps everything until it is told what to do.
#[derive(Default)]
pub(crate) struct Keeper {
    kept: Mutex<Vec<Kept<Trail>>>,
    /// Answers an abort with `ECANCELED`, or lets it be.
    pub(crate) obeys: bool,
    /// Aborts that came.
    pub(crate) aborts: AtomicUsize,
}

impl Keeper {
    pub(crate) fn new() -> Arc<Keeper> {
        Arc::new(Keeper::default())
    }

    pub(crate) fn obedient() -> Arc<Keeper> {
        Arc::new(Keeper { obeys: true, ..Keeper::default() })
    }

    pub(crate) fn len(&self) -> usize {
        self.kept.lock().unwrap().len()
    }

    /// The oldest message, as soon as there is one.
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

impl Port<Trail> for Keeper {
    fn begin<'s>(&'s self, request: Request<'s, Trail>) -> Outcome<'s, Trail> {
        request.keep(self)
    }

    fn take(&self, kept: Kept<Trail>) {
        self.kept.lock().unwrap().push(kept);
    }

    fn abort(&self, id: MessageId) {
        self.aborts.fetch_add(1, Ordering::SeqCst);
        if self.obeys {
            let mut kept = self.kept.lock().unwrap();
            let at = kept.iter().position(|kept| kept.id() == id);
            let found = at.map(|at| kept.remove(at));
            drop(kept);
            if let Some(kept) = found {
                kept.done(Errno::ECANCELED);
            }
        }
    }
}

/// What a layer does with a completion.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Up {
    /// Passes it up, one more.
    Add,
    /// Keeps the message at its other port, once.
    Keep,
    /// Forwards it to its other port, once, and hears of that too.
    Forward,
}

/// A layer that writes its number on the message's trail when it hears of its completion.
pub(crate) struct Layer {
    pub(crate) number: u32,
    pub(crate) lower: Neighbour<Trail>,
    pub(crate) other: Option<Target>,
    pub(crate) up: Up,
}

impl Layer {
    pub(crate) fn over(number: u32, lower: Target) -> Layer {
        let lower = Neighbour::new(lower, number as u16 + 1);
        Layer { number, lower, other: None, up: Up::Add }
    }
}

impl Port<Trail> for Layer {
    fn begin<'s>(&'s self, request: Request<'s, Trail>) -> Outcome<'s, Trail> {
        request.forward(self, &self.lower, [u64::from(self.number), 7, u64::MAX])
    }

    fn up<'s>(
        &'s self,
        mut request: Request<'s, Trail>,
        status: Status,
        saved: Saved,
    ) -> Outcome<'s, Trail> {
        request.body_mut().push(self.number);
        let again = [1, 2, 3];
        if saved != again {
            assert_eq!(saved, [u64::from(self.number), 7, u64::MAX]);
        }
        match (self.up, &self.other) {
            (Up::Keep, Some(other)) => request.keep(&**other),
            (Up::Forward, Some(other)) if saved != again => request.forward(self, &**other, again),
            _ => request.done(status.result().map(|count| count + 1)),
        }
    }
}

/// `count` layers above `lower`, numbered from 1 at the bottom.
pub(crate) fn tower(count: u32, lower: Target) -> Target {
    (1..=count).fold(lower, |lower, number| Arc::new(Layer::over(number, lower)))
}
