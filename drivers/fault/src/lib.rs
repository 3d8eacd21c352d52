//! Goes wrong, on a schedule that a seed makes: the same requests in the same order meet the same
//! fate. It looks at nothing.
//!
//! | fate | what becomes of a request |
//! | --- | --- |
//! | error | it is answered with an error, and the lower port never sees it |
//! | short | of a transfer the lower port sees the beginning only |
//! | delay | it is kept, and goes down once so many others have come, or the host has time |
//! | drop | the lower port does it, but the reply is lost: an abort ends the wait |
//! | power cut | a write is torn; it and all that comes after, or back, is answered `EIO` |
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod config;
mod held;
mod schedule;

use alloc::sync::Arc;
use core::fmt;

use driver::{
    Body, Description, Driver, Errno, Exchange, Features, Lower, Op, Outcome, Part, Port, Request,
    Saved, Status,
};

pub use config::KIND;
pub use schedule::Rates;

use held::{Delayed, Dropped};
use schedule::{Fate, Schedule};

/// A layer that goes wrong.
pub struct Fault {
    lower: Lower,
    /// The same edge, for what is sent on later.
    late: Arc<dyn Port<Body>>,
    description: Description,
    schedule: spin::Mutex<Schedule>,
    delayed: Delayed,
    dropped: Dropped,
}

/// What a frame says of the request: it came through as it was, its reply is to be dropped, or
/// it was the last before the lights went out.
const THROUGH: u64 = 0;
const DROP: u64 = 1;
const TORN: u64 = 2;

impl Fault {
    /// A layer above `lower` that goes wrong as `rates` say, by a seed.
    pub fn new(lower: Lower, rates: Rates, seed: u64) -> Fault {
        let mut description = lower.description;
        description.features |= Features::CONCURRENT;
        description.features.set(
            Features::BLOCKS,
            description.features.contains(Features::BLOCKS) || rates.delay + rates.drop > 0,
        );
        let late: Arc<dyn Port<Body>> = Arc::new(lower.port.clone());
        let block = u64::from(description.block_size);
        let schedule = spin::Mutex::new(Schedule::new(rates, seed, block));
        Fault {
            lower,
            late,
            description,
            schedule,
            delayed: Delayed::new(rates.delay_for),
            dropped: Dropped::default(),
        }
    }

    fn pass<'s>(&'s self, request: Request<'s>, mark: u64) -> Outcome<'s, Body> {
        let [start, len] = request.part().words();
        request.forward(self, &self.lower.port, [mark, start, len])
    }

    /// Passes the first `len` bytes of a transfer down.
    fn cut<'s>(&'s self, mut request: Request<'s>, len: usize, mark: u64) -> Outcome<'s, Body> {
        let [start, before] = request.part().words();
        match request.narrow(0..len) {
            Ok(_) => request.forward(self, &self.lower.port, [mark, start, before]),
            Err(errno) => request.done(errno),
        }
    }

    /// Sends on what has waited long enough.
    fn send_on(&self) {
        for kept in self.delayed.due() {
            kept.forward(&self.late);
        }
    }
}

impl Port<Body> for Fault {
    fn begin<'s>(&'s self, request: Request<'s>) -> Outcome<'s, Body> {
        self.delayed.tick();
        self.send_on();
        let fate = self.schedule.lock().next(&request.body().op, request.len());
        match fate {
            Fate::Pass => self.pass(request, THROUGH),
            Fate::Error(errno) => request.done(errno),
            Fate::Short(len) => self.cut(request, len, THROUGH),
            Fate::Delay => request.keep(&self.delayed),
            Fate::Drop => self.pass(request, DROP),
            Fate::Cut(0) | Fate::Dead => request.done(Errno::EIO),
            Fate::Cut(len) => self.cut(request, len, TORN),
        }
    }

    fn up<'s>(
        &'s self,
        mut request: Request<'s>,
        status: Status,
        [mark, start, len]: Saved,
    ) -> Outcome<'s, Body> {
        if let Err(errno) = request.restore(Part::from_words([start, len])) {
            return request.done(errno);
        }
        match mark {
            DROP => request.keep(&self.dropped),
            _ if mark == TORN || self.schedule.lock().is_dead() => request.done(Errno::EIO),
            _ => request.done(status),
        }
    }

    fn fail(&self) {
        self.delayed.fail();
        self.dropped.fail();
    }
}

impl Driver for Fault {
    fn describe(&self) -> Description {
        self.description
    }

    fn passes_data(&self) -> bool {
        true
    }

    /// One object: requests, how many met which fate, and how many wait at the moment.
    fn report(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        let (delayed, dropped) = (self.delayed.len(), self.dropped.len());
        self.schedule.lock().report(out, delayed, dropped)
    }

    /// The host has time: what is delayed goes on, one at a time.
    fn tend(&self) -> bool {
        if let Some(kept) = self.delayed.first() {
            kept.forward(&self.late);
        }
        self.delayed.len() > 0
    }

    fn tends(&self) -> bool {
        true
    }
}

/// True for what a power cut counts and tears.
fn is_write(op: &Op) -> bool {
    matches!(op, Op::Write { .. })
}
