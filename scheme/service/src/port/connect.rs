//! Direct connections: somebody opens the name of a service that has a scheme of its own, and
//! the service, not this daemon, makes the handle.

use std::sync::{Arc, Weak};

use agent::{Errno, Message, ReplyPort, Ticket};
use libredox::Fd;

use super::{Ports, Waits, clock::Expire, letter::Letter, served::abort};
use crate::{
    handle::{Mutex, lock},
    socket::{Answer, Ask},
};

/// An open that waits for its service. Whoever takes the request out answers it.
pub(crate) struct Opening {
    ports: Weak<Ports>,
    state: Mutex<State>,
}

struct State {
    ask: Option<Ask>,
    ticket: Option<Ticket<Letter>>,
}

impl Opening {
    pub(crate) fn new(ports: &Arc<Ports>, ask: Ask) -> Arc<Opening> {
        let state = State { ask: Some(ask), ticket: None };
        Arc::new(Opening { ports: Arc::downgrade(ports), state: Mutex::new(state) })
    }

    pub(crate) fn set_ticket(&self, ticket: Ticket<Letter>) {
        lock(&self.state).ticket = Some(ticket);
    }

    fn answer(&self, answer: Answer) -> Result<(), Errno> {
        let ask = lock(&self.state).ask.take();
        match (ask, self.ports.upgrade()) {
            (Some(ask), Some(ports)) => ports.answer(ask, answer),
            _ => return Err(Errno::ETIMEDOUT),
        }
        Ok(())
    }

    /// The service has made a handle. `ETIMEDOUT` where the opener waits no more.
    pub(crate) fn accept(&self, made: &Fd) -> Result<(), Errno> {
        self.answer(Answer::descriptor(made.raw()))
    }

    pub(crate) fn refuse(&self, errno: Errno) {
        // One that waits no more has its answer.
        let _ = self.answer(Answer::error(errno));
    }

    pub(crate) fn give_up(&self, errno: Errno) {
        self.refuse(errno);
        let ticket = lock(&self.state).ticket.take();
        if let Some(ticket) = ticket {
            abort(&ticket);
        }
    }
}

/// The service took too long.
impl Expire for Opening {
    fn expire(&self) {
        self.give_up(Errno::ETIMEDOUT);
    }
}

impl Waits for Opening {
    fn cancel(&self, _: u32) {
        self.give_up(Errno::ECANCELED);
    }
}

/// Takes back what openers sent.
pub(crate) struct Openings;

impl ReplyPort<Letter> for Openings {
    fn reply(&self, message: Message<Letter>) {
        let status = message.status();
        let Some(opening) = &message.body().opening else { return };
        // A service that made a handle has answered before.
        opening.refuse(status.result().err().unwrap_or(Errno::EPROTO));
    }
}
