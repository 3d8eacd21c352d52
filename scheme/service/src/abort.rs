//! Requests that are not answered yet, and how the abort comes to them: by tag (the kernel's own
//! cancel), by the sender's id (a message of its own), by the end of the handle.
//!
//! What is answered by the thread that read it is not in here: nobody could ask meanwhile.

use agent::{Errno, Ticket, Words};
use driver::Body;

use crate::{
    flights::{self, Abort, Name},
    handle::Handle,
    serve::Core,
    socket::Ask,
    worker::Job,
};

/// Requests that are not answered: those that wait for a worker, and those that drivers keep.
pub(crate) type Flights = flights::Flights<Ticket<Job>, Ticket<Body>>;

impl<B: Send> Abort for Ticket<B> {
    fn abort(&self) {
        Ticket::abort(self);
    }
}

impl Ask {
    /// What the request goes by.
    pub(crate) fn name(&self) -> Name {
        Name { handle: self.handle(), id: self.id(), tag: self.tag() }
    }
}

impl Core {
    /// Performs the message that aborts another of the same handle. `EBADF` for a handle that
    /// takes none, `EPROTO` where it carries anything, `ENOENT` where no message of this id is
    /// under way.
    #[cold]
    pub(crate) fn abort(&self, handle: Option<&Handle>, ask: &Ask) -> Result<usize, Errno> {
        handle.ok_or(Errno::EBADF)?.object()?;
        let words = Words::decode(ask.words());
        let bare = Words { op: Words::ABORT, id: words.id, ..Words::default() };
        if words != bare || ask.len() > 0 {
            return Err(Errno::EPROTO);
        }
        match self.flights.abort_named(ask.handle(), Some(words.id)) {
            true => Ok(0),
            false => Err(Errno::ENOENT),
        }
    }
}
