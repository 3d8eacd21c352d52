//! Who reads the socket. What is made of several messages waits for each of them, and where a
//! driver keeps one the thread that read the request would not read the next: before it sleeps it
//! sees to it that another one reads. One reads at a time (`leader.rs`).

use std::{cell::RefCell, sync::Arc, thread};

use agent::Errno;

use crate::{
    late::Spare,
    relay::Relay,
    scope::Scope,
    serve::{Core, Tray},
    socket::{Answer, Ask},
};

/// Threads that are started to read, at most. With all of them asleep nobody reads until one is
/// back.
const MAX_READERS: usize = 64;

/// The threads that read, and what they are still to perform.
pub(crate) type Readers = Relay<Ask>;

/// A request that the calling thread performs in place of reading.
struct Turn {
    core: Arc<Core>,
    /// The thread is the one that reads.
    leads: bool,
    /// Another thread may be reading meanwhile.
    aside: bool,
}

thread_local! {
    static TURN: RefCell<Option<Turn>> = const { RefCell::new(None) };
}

/// None yet.
pub(crate) fn readers() -> Readers {
    Relay::new(MAX_READERS)
}

impl Core {
    /// Performs requests that were put off, the calling thread's and those that others left. `leads`
    /// says whether the thread is the one that reads; answers whether it still is.
    #[cold]
    pub(crate) fn perform_put_off(self: &Arc<Core>, tray: &mut Tray, mut leads: bool) -> bool {
        self.readers.put_off(tray.put_off.drain(..));
        while let Some(ask) = self.readers.next() {
            if ask.is_note() {
                self.dispatch(ask, tray);
            } else {
                tray.put_off.push(ask);
            }
            let Tray { put_off, spare, .. } = tray;
            put_off.drain(..).for_each(|ask| leads = self.take_turn(ask, spare, leads));
        }
        leads
    }

    fn take_turn(self: &Arc<Core>, ask: Ask, spare: &mut Spare, leads: bool) -> bool {
        let scope = Scope::of_thread();
        let job = scope.next();
        let wanted = ask.is_note() || self.flights.works(ask.tag(), &scope, job);
        TURN.set(Some(Turn { core: Arc::clone(self), leads, aside: false }));
        let answer = match wanted {
            true => self.perform_late(&ask, spare),
            false => Some(Answer::error(Errno::ECANCELED)),
        };
        let aside = TURN.take().is_some_and(|turn| turn.aside);
        if aside {
            self.readers.join();
        }
        // An abort that comes too late is not the next request's.
        scope.next();
        if let Some(answer) = answer {
            if !ask.is_note() {
                self.flights.over(ask.tag());
            }
            self.answer(ask, answer);
        }
        leads && !aside
    }

    /// Has another thread read, and perform what is put off, where that is needed.
    fn relieve(self: &Arc<Core>, leads: bool) {
        if leads {
            self.leader.step_down();
        }
        if !self.readers.leave() {
            return;
        }
        let core = Arc::clone(self);
        let thread = thread::Builder::new().name(format!("requests for {}", self.scheme));
        let started = thread.spawn(move || {
            core.readers.join();
            core.perform_put_off(&mut Tray::default(), false);
            // It ends with the socket; an error is the first thread's to tell.
            let _ = core.serve(None);
            core.readers.ended();
        });
        if started.is_err() {
            self.readers.not_started();
        }
    }
}

/// The calling thread is about to sleep. If it should read, another one does from here on.
pub(crate) fn step_aside() {
    TURN.with_borrow_mut(|turn| {
        if let Some(turn) = turn.as_mut().filter(|turn| !turn.aside) {
            turn.aside = true;
            turn.core.relieve(turn.leads);
        }
    });
}
