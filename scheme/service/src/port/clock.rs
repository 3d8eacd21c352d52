//! Deadlines: a thread that sleeps until the next one.

use std::{collections::VecDeque, io, sync::Weak, time::Duration};

use crate::sync::{
    Arc, Condvar, Instant, PoisonError, SleepLock, hold, left_out,
    thread::{self, JoinHandle},
};

/// How long the holder of a receive right may take to answer somebody who opens its port, and who
/// makes a port to use it.
const LIMIT: Duration = Duration::from_secs(5);

/// What ends at a moment, unless it is over before.
pub(crate) trait Expire: Send + Sync + 'static {
    fn expire(&self);
}

/// What is to end, each with the moment. All have the same time, so they are in order.
pub(crate) struct Clock<T: Expire> {
    shared: Arc<Shared<T>>,
    thread: SleepLock<Option<JoinHandle<()>>>,
}

struct Shared<T> {
    state: SleepLock<State<T>>,
    changed: Condvar,
}

struct State<T> {
    limit: Duration,
    pending: VecDeque<(Instant, Weak<T>)>,
    stopped: bool,
}

impl<T: Expire> Clock<T> {
    pub(crate) fn new() -> Clock<T> {
        let state = State { limit: LIMIT, pending: VecDeque::new(), stopped: false };
        let shared = Shared { state: SleepLock::new(state), changed: Condvar::new() };
        Clock { shared: Arc::new(shared), thread: SleepLock::new(None) }
    }

    pub(crate) fn set_limit(&self, limit: Duration) {
        hold(&self.shared.state).limit = limit;
    }

    #[cfg_attr(loom, allow(dead_code))]
    pub(crate) fn limit(&self) -> Duration {
        hold(&self.shared.state).limit
    }

    /// Ends it in time, if it is not over by then. An error where no thread can be had to watch
    /// over it.
    pub(crate) fn watch(&self, watched: &Arc<T>) -> io::Result<()> {
        self.start()?;
        let state = &mut *hold(&self.shared.state);
        while state.pending.front().is_some_and(|(_, first)| first.strong_count() == 0) {
            state.pending.pop_front();
        }
        // One that the limit was shortened after waits behind those before it.
        state.pending.push_back((Instant::now() + state.limit, Arc::downgrade(watched)));
        if !left_out("clock-watch") {
            self.shared.changed.notify_one();
        }
        Ok(())
    }

    fn start(&self) -> io::Result<()> {
        let thread = &mut *hold(&self.thread);
        if thread.is_none() {
            let shared = Arc::clone(&self.shared);
            let builder = thread::Builder::new().name("deadlines".into());
            *thread = Some(builder.spawn(move || shared.run())?);
        }
        Ok(())
    }
}

impl<T: Expire> Shared<T> {
    fn run(&self) {
        while let Some(due) = self.due() {
            due.expire();
        }
    }

    /// Waits for the next one that is due; `None` at the end.
    fn due(&self) -> Option<Arc<T>> {
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
                    let due = state.pending.pop_front().and_then(|(_, first)| first.upgrade());
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

impl<T: Expire> Drop for Clock<T> {
    fn drop(&mut self) {
        hold(&self.shared.state).stopped = true;
        if !left_out("clock-end") {
            self.shared.changed.notify_one();
        }
        let thread = hold(&self.thread).take();
        if let Some(thread) = thread
            && thread.thread().id() != thread::current().id()
        {
            let _ = thread.join();
        }
    }
}
