//! Who reads the socket, in a loop. What is made of several messages waits for each of them, and where a
//! driver keeps one the thread that read the request would not read the next: before it sleeps it
//! sees to it that another one reads. One reads at a time (`leader.rs`).

use std::{cell::RefCell, sync::Arc, thread};

use agent::Errno;
use syscall::schemev2::Opcode;

use crate::{
    init::Failure,
    late::Spare,
    relay::Relay,
    scope::Scope,
    serve::{Core, Tray},
    socket::{Answer, Ask, Asks},
    stop::Stop,
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
    /// Serves requests, as [`Service::run_until`]. Without a stop, for as long as nobody who has
    /// one is asked to.
    pub(crate) fn serve(self: &Arc<Core>, stop: Option<&Stop>) -> Result<(), Failure> {
        self.leader.lead();
        self.catch_up(&mut Tray::default(), stop);
        let ended = self.read_on(stop);
        // Nobody reads on after a stop.
        if !stop.is_some_and(Stop::asked) {
            self.leader.step_down();
        }
        ended
    }

    /// Reads requests, in the lead whenever it does.
    fn read_on(self: &Arc<Core>, stop: Option<&Stop>) -> Result<(), Failure> {
        let (mut asks, mut tray) = (Asks::new(), Tray::default());
        loop {
            match self.socket.read(&mut asks) {
                Ok(()) if asks.is_empty() => return Ok(()),
                Ok(()) => {}
                Err(errno) => match self.not_read(errno, stop) {
                    None => continue,
                    Some(ended) => return ended,
                },
            }
            for ask in asks.drain() {
                match tray.put_off.is_empty() {
                    true => self.dispatch(ask, &mut tray),
                    false => self.follow(ask, &mut tray),
                }
            }
            self.socket.answer_all(&mut tray.answers);
            if !tray.put_off.is_empty() {
                self.catch_up(&mut tray, stop);
            }
        }
    }

    /// Performs what is put off, and dispatches what comes after that. Then there is nothing that
    /// was read before and that a cancel does not find.
    #[cold]
    fn catch_up(self: &Arc<Core>, tray: &mut Tray, stop: Option<&Stop>) {
        loop {
            if !self.perform_put_off(tray, true) {
                // Until the thread may read again, or is asked to stop.
                stop.into_iter().for_each(|stop| stop.hang_bell(&self.socket));
                self.leader.lead();
            }
            for ask in self.readers.left_behind() {
                match tray.put_off.is_empty() {
                    true => self.dispatch(ask, tray),
                    false => self.follow(ask, tray),
                }
            }
            self.socket.answer_all(&mut tray.answers);
            if tray.put_off.is_empty() {
                return;
            }
        }
    }

    /// Dispatches what comes after a request that may wait, unless it has to follow: a close comes
    /// after whatever it may be the end of, and what comes after a close was asked after it.
    #[cold]
    fn follow(self: &Arc<Core>, ask: Ask, tray: &mut Tray) {
        let cancel = ask.is(Opcode::Cancel);
        if self.readers.has_behind() || !cancel && tray.put_off.iter().any(Ask::is_note) {
            self.readers.leave_behind(ask);
        } else if ask.is_note() && !cancel {
            tray.put_off.push(ask);
        } else {
            self.dispatch(ask, tray);
        }
    }

    /// What becomes of a thread whose read gave an error; it reads again where that is nothing.
    #[cold]
    fn not_read(&self, errno: Errno, stop: Option<&Stop>) -> Option<Result<(), Failure>> {
        match errno {
            Errno::EINTR | Errno::EAGAIN if stop.is_some_and(Stop::asked) => Some(self.wind_up()),
            // Who waits for the lead is asked to stop.
            Errno::EAGAIN if stop.is_none() && self.leader.is_awaited() => Some(Ok(())),
            Errno::EINTR | Errno::EAGAIN => None,
            Errno::EBADF | Errno::ENODEV => Some(Ok(())),
            errno => Some(Err(Failure::new("read requests for", &self.scheme, errno))),
        }
    }

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
