//! Who reads the socket. What is made of several messages waits for each of them, and where a
//! driver keeps one the thread that read the request would not read the next: before it sleeps it
//! sees to it that another one reads.

use std::{
    cell::RefCell,
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

use crate::{
    handle::lock,
    late::Spare,
    scope::Scope,
    serve::{Core, Tray},
    socket::Ask,
    stop::Stop,
};

/// Threads that are started to read, at most. With all of them asleep nobody reads until one is
/// back.
const MAX_READERS: usize = 64;

/// The threads that read, and what they are still to perform.
#[derive(Default)]
pub(crate) struct Readers {
    /// Those that do not wait for a driver.
    free: AtomicUsize,
    /// Those that were started.
    started: AtomicUsize,
    put_off: Mutex<VecDeque<Ask>>,
}

/// A request that the calling thread performs in place of reading.
struct Turn {
    core: Arc<Core>,
    /// Another thread may be reading meanwhile.
    aside: bool,
}

thread_local! {
    static TURN: RefCell<Option<Turn>> = const { RefCell::new(None) };
}

impl Readers {
    /// The calling thread begins to read.
    pub(crate) fn join(&self) {
        self.free.fetch_add(1, Relaxed);
    }
}

impl Core {
    /// Performs requests that were put off, the calling thread's and those that others left.
    #[cold]
    pub(crate) fn perform_put_off(self: &Arc<Core>, tray: &mut Tray) {
        lock(&self.readers.put_off).extend(tray.put_off.drain(..));
        loop {
            // Not held while it is worked on.
            let next = lock(&self.readers.put_off).pop_front();
            let Some(ask) = next else { return };
            self.dispatch(ask, tray);
            self.answer_all(&mut tray.answers);
            let Tray { put_off, spare, .. } = tray;
            put_off.drain(..).for_each(|ask| self.take_turn(ask, spare));
        }
    }

    fn take_turn(self: &Arc<Core>, ask: Ask, spare: &mut Spare) {
        let scope = Scope::of_thread();
        let job = scope.next();
        if !ask.is_note() {
            // From here on: what cancels it may be read by another thread.
            self.flights.begins(&ask, &scope, job);
        }
        TURN.set(Some(Turn { core: Arc::clone(self), aside: false }));
        let answer = self.perform_late(&ask, spare);
        if TURN.take().is_some_and(|turn| turn.aside) {
            self.readers.free.fetch_add(1, Relaxed);
        }
        // An abort that comes too late is not the next request's.
        scope.next();
        if let Some(answer) = answer {
            if !ask.is_note() {
                self.flights.over(ask.tag());
            }
            self.answer(ask, answer);
        }
    }

    /// Has another thread read, where nobody does now, and perform what is put off: those that
    /// sleep at the socket do not see that. Without one the wait is as long as it is.
    fn relieve(self: &Arc<Core>) {
        let others = self.readers.free.fetch_sub(1, Relaxed) > 1;
        if others && lock(&self.readers.put_off).is_empty() {
            return;
        }
        if self.readers.started.fetch_add(1, Relaxed) >= MAX_READERS {
            self.readers.started.fetch_sub(1, Relaxed);
            return;
        }
        let core = Arc::clone(self);
        let thread = thread::Builder::new().name(format!("requests for {}", self.scheme));
        let started = thread.spawn(move || {
            core.readers.join();
            core.perform_put_off(&mut Tray::default());
            // It ends with the socket; an error is the first thread's to tell.
            let _ = core.serve(&Stop::new());
        });
        if started.is_err() {
            self.readers.started.fetch_sub(1, Relaxed);
        }
    }
}

/// The calling thread is about to sleep. If it should read, another one does from here on.
pub(crate) fn step_aside() {
    TURN.with_borrow_mut(|turn| {
        if let Some(turn) = turn.as_mut().filter(|turn| !turn.aside) {
            turn.aside = true;
            turn.core.relieve();
        }
    });
}
