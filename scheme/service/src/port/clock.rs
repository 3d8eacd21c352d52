//! Deadlines: a thread that sleeps until the next one.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, PoisonError, Weak},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use super::connect::Opening;
use crate::sync::hold;

/// How long the holder of a receive right may take to answer somebody who opens its port, and who
/// makes a port to use it.
const LIMIT: Duration = Duration::from_secs(5);

/// Openings, each with the moment at which it ends at the latest. All have the same time, so
/// they are in order.
pub(crate) struct Clock {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    limit: Duration,
    pending: VecDeque<(Instant, Weak<Opening>)>,
    stopped: bool,
}

impl Clock {
    pub(crate) fn new() -> Clock {
        let state = State { limit: LIMIT, pending: VecDeque::new(), stopped: false };
        let shared = Shared { state: Mutex::new(state), changed: Condvar::new() };
        Clock { shared: Arc::new(shared), thread: Mutex::default() }
    }

    pub(crate) fn set_limit(&self, limit: Duration) {
        hold(&self.shared.state).limit = limit;
    }

    pub(crate) fn limit(&self) -> Duration {
        hold(&self.shared.state).limit
    }

    /// Ends the opening in time, if it is not over by then. An error where no thread can be had
    /// to watch over it.
    pub(crate) fn watch(&self, opening: &Arc<Opening>) -> std::io::Result<()> {
        self.start()?;
        let state = &mut *hold(&self.shared.state);
        while state.pending.front().is_some_and(|(_, opening)| opening.strong_count() == 0) {
            state.pending.pop_front();
        }
        // One that the limit was shortened after waits behind those before it.
        state.pending.push_back((Instant::now() + state.limit, Arc::downgrade(opening)));
        self.shared.changed.notify_one();
        Ok(())
    }

    fn start(&self) -> std::io::Result<()> {
        let thread = &mut *hold(&self.thread);
        if thread.is_none() {
            let shared = Arc::clone(&self.shared);
            let builder = std::thread::Builder::new().name("deadlines".into());
            *thread = Some(builder.spawn(move || shared.run())?);
        }
        Ok(())
    }
}

impl Shared {
    fn run(&self) {
        while let Some(due) = self.due() {
            due.expire();
        }
    }

    /// Waits for the next one that is due; `None` at the end.
    fn due(&self) -> Option<Arc<Opening>> {
        let mut state = hold(&self.state);
        loop {
            if state.stopped {
                return None;
            }
            let wait =
                state.pending.front().map(|(at, _)| at.saturating_duration_since(Instant::now()));
            state = match wait {
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => {
                    let due = state.pending.pop_front().and_then(|(_, opening)| opening.upgrade());
                    if due.is_some() {
                        return due;
                    }
                    state
                }
                Some(wait) => {
                    let waited = self.changed.wait_timeout(state, wait);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        hold(&self.shared.state).stopped = true;
        self.shared.changed.notify_one();
        let thread = hold(&self.thread).take();
        if let Some(thread) = thread
            && thread.thread().id() != std::thread::current().id()
        {
            let _ = thread.join();
        }
    }
}
