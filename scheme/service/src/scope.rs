//! What a thread waits for on behalf of a request, so that the request's abort comes there.
//!
//! A worker's thread that waits for a reply is woken and asks for the abort; where it waits in
//! another process, an abort is sent after it. An abort interrupts one wait: what is done after
//! that, such as closing what was opened, is not in its way. A wait in another process that it
//! comes to too late is not that one.

use std::cell::RefCell;

use crate::sync::{
    Arc, Mutex, Sender, left_out, lock,
    thread::{self, Thread},
    thread_local,
};

/// A thread that performs requests, one after the other.
pub(crate) struct Scope {
    thread: Thread,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Counts the requests.
    job: u64,
    /// The abort was asked for, and no wait has ended by it yet.
    interrupted: bool,
    /// The message that the thread waits for in another process, and who sends the abort there.
    crossing: Option<(Sender<u32>, u32)>,
}

thread_local! {
    #[allow(clippy::missing_const_for_thread_local, reason = "a model's have no such form")]
    static SCOPE: RefCell<Option<Arc<Scope>>> = RefCell::new(None);
}

/// The scope of the calling thread, if it has one.
fn current() -> Option<Arc<Scope>> {
    SCOPE.with(|scope| scope.borrow().clone())
}

/// True once for each abort: the wait that asks is to end.
pub(crate) fn interrupted() -> bool {
    current().is_some_and(|scope| std::mem::take(&mut lock(&scope.state).interrupted))
}

impl Scope {
    /// Gives the calling thread its scope.
    pub(crate) fn of_thread() -> Arc<Scope> {
        SCOPE.with(|scope| {
            let state = || Mutex::new(State::default());
            let make = || Arc::new(Scope { thread: thread::current(), state: state() });
            Arc::clone(scope.borrow_mut().get_or_insert_with(make))
        })
    }

    /// The thread's next request; aborts of others are not this one's.
    pub(crate) fn next(&self) -> u64 {
        let state = &mut *lock(&self.state);
        state.interrupted = false;
        state.job += 1;
        state.job
    }

    /// Asks for the abort of a request, unless the thread has gone on to another.
    pub(crate) fn interrupt(&self, job: u64) {
        let state = &mut *lock(&self.state);
        if state.job != job && !left_out("scope-job") {
            return;
        }
        state.interrupted = state.crossing.is_none() || !left_out("scope-late");
        match &state.crossing {
            // Where nobody takes it any more, what was crossed to is gone.
            Some((aborts, id)) => drop(aborts.send(*id)),
            None if left_out("scope-wake") => {}
            None => self.thread.unpark(),
        }
    }
}

/// While it is there, an abort goes after the message that the thread waits for.
pub(crate) struct Crossing(Option<Arc<Scope>>);

impl Crossing {
    /// The thread is about to wait for a message in another process. `None` where the abort has
    /// been asked for.
    pub(crate) fn begin(aborts: &Sender<u32>, id: u32) -> Option<Crossing> {
        let Some(scope) = current() else { return Some(Crossing(None)) };
        {
            let state = &mut *lock(&scope.state);
            if std::mem::take(&mut state.interrupted) && !left_out("scope-before") {
                return None;
            }
            state.crossing = Some((aborts.clone(), id));
        }
        Some(Crossing(Some(scope)))
    }

    /// The wait is over. Where it was cancelled, an abort has had its wait.
    pub(crate) fn over(self, cancelled: bool) {
        if let Some(scope) = &self.0
            && cancelled
            && !left_out("scope-cancelled")
        {
            lock(&scope.state).interrupted = false;
        }
    }
}

impl Drop for Crossing {
    fn drop(&mut self) {
        if let Some(scope) = &self.0
            && !left_out("scope-end")
        {
            lock(&scope.state).crossing = None;
        }
    }
}
