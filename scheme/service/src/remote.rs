//! The agent to a port of another process, as a driver to stand on.
//!
//! Where a message that is on the other side is aborted, the abort goes after it. Whoever aborts
//! must not wait, and to tell the other side is to wait for its answer: so a thread does it.

use std::{
    sync::{
        Arc, Weak,
        mpsc::{self, Receiver, Sender},
    },
    thread,
    time::Duration,
};

use agent::{Errno, Exchange as _, Lent, MessageId, Outcome, Port, SchemeAgent, Words};
use driver::{Body, Description, Driver, REPLY, Request, describe_from};

use crate::scope::Crossing;

/// The longest pause before the other side is told again.
const PAUSE: Duration = Duration::from_millis(1);

/// A port of another process. It looks like the driver that is served there, but for
/// [`Features::REMOTE`](driver::Features::REMOTE), and that it blocks.
pub struct Remote {
    agent: Arc<SchemeAgent<Body>>,
    description: Description,
    /// Ids of messages to be aborted.
    aborts: Sender<u32>,
}

impl Remote {
    /// Opens the port at `path` and asks what it is. The errors are the open's; `EPROTO` or
    /// `EOPNOTSUPP` where what is there does not speak messages; `EAGAIN` where there is no
    /// thread for its aborts.
    pub fn connect(path: &str) -> Result<Remote, Errno> {
        let agent = Arc::new(SchemeAgent::connect(path)?);
        let mut reply = [0; REPLY];
        agent.ask(Words::default(), &mut reply)?;
        let description = describe_from(&reply)?;
        let (aborts, ids) = mpsc::channel();
        let to = Arc::downgrade(&agent);
        let thread = thread::Builder::new().name(format!("aborts for {path}"));
        thread.spawn(move || send_aborts(&to, &ids)).map_err(|_| Errno::EAGAIN)?;
        Ok(Remote { agent, description, aborts })
    }

    /// A piece of memory that both sides share, as [`SchemeAgent::buffer`].
    pub fn buffer(&self, len: usize) -> Result<Lent, Errno> {
        self.agent.buffer(len)
    }
}

/// Tells the other side, until it has heard of the message or that is back: it may still be on
/// its way there.
fn send_aborts(agent: &Weak<SchemeAgent<Body>>, ids: &Receiver<u32>) {
    for id in ids {
        let Some(agent) = agent.upgrade() else { return };
        let mut pause = PAUSE / 64;
        while agent.is_across(id) && agent.abort_id(id) == Err(Errno::ENOENT) {
            thread::sleep(pause);
            pause = PAUSE.min(pause * 2);
        }
    }
}

impl Port<Body> for Remote {
    fn begin<'s>(&'s self, request: Request<'s>) -> Outcome<'s, Body> {
        let id = self.agent.announce(request.id());
        if let Some(_crossing) = Crossing::begin(&self.aborts, id) {
            return self.agent.begin_announced(id, request);
        }
        self.agent.withdraw(id);
        request.done(Errno::ECANCELED)
    }

    fn interrupt(&self, message: MessageId) {
        if let Some(id) = self.agent.id_across(message) {
            // The thread is there for as long as this is.
            let _ = self.aborts.send(id);
        }
    }
}

impl Driver for Remote {
    fn describe(&self) -> Description {
        self.description
    }

    fn share(&self, len: usize) -> Result<Lent, Errno> {
        let lent = self.agent.buffer(len.next_multiple_of(4096))?;
        lent.zero();
        Ok(lent)
    }
}
