//! The connection of an agent to a service that may be restarted.
//!
//! | a call gives | what it means | what becomes of the message |
//! | --- | --- | --- |
//! | `ENODEV` | the scheme is gone, or a guard says so, or the service itself does | never begun: sent again where a new connection can be had, else answered `ENODEV` |
//! | `ESRCH` | the scheme's maker is gone: there was nobody to lend a payload to | the same |
//! | `ECONNRESET` | the guard's answer to what was outstanding when its service died | may have been begun: answered so |
//! | anything else | the service's own answer | answered so |
//!
//! `EBADF` is no sign of a dead service: a handle stays good until it is closed, so it is the
//! service's word.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use agent::{Errno, Exchange, SchemeAgent, Words};
use driver::{Body, Description, Node, Op, REPLY, Reply, Request, describe_from};
use libredox::Fd;

/// Opens a handle on the service anew.
pub(crate) type Open = Box<dyn Fn() -> Result<Fd, Errno> + Send + Sync>;

/// A service that an agent stands on, over as many connections as it takes.
pub(crate) struct Link {
    open: Open,
    description: Description,
    now: Mutex<Arc<Connection>>,
}

/// One connection. What a node of it names, no other connection knows.
pub(crate) struct Connection {
    pub(crate) agent: SchemeAgent<Body>,
    /// Connections before this one.
    age: u32,
}

impl Link {
    /// The first connection. The errors are the open's; `EPROTO` or `EOPNOTSUPP` where what is
    /// there does not speak messages.
    pub(crate) fn new(open: Open) -> Result<Link, Errno> {
        let (agent, description) = connect(&open)?;
        let now = Mutex::new(Arc::new(Connection { agent, age: 0 }));
        Ok(Link { open, description, now })
    }

    /// What the service said of itself.
    pub(crate) fn description(&self) -> Description {
        self.description
    }

    fn lock(&self) -> MutexGuard<'_, Arc<Connection>> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a request; once more over a new connection where the service was restarted.
    pub(crate) fn send(&self, request: &mut Request<'_>) -> Result<usize, Errno> {
        let connection = Arc::clone(&self.lock());
        match connection.send(request) {
            Err(Errno::ENODEV | Errno::ESRCH) => self.renew(&connection)?.send(request),
            result => result,
        }
    }

    /// A connection in place of one that has failed: another sender may have made it. `ENODEV`
    /// where there is none to be had, or not with the service that it was.
    fn renew(&self, failed: &Arc<Connection>) -> Result<Arc<Connection>, Errno> {
        let mut now = self.lock();
        if Arc::ptr_eq(&now, failed) {
            let (agent, description) = connect(&self.open).map_err(|_| Errno::ENODEV)?;
            if description != self.description {
                return Err(Errno::ENODEV);
            }
            // Its number is part of every node's.
            let age = now.age.checked_add(1).ok_or(Errno::ENODEV)?;
            *now = Arc::new(Connection { agent, age });
        }
        Ok(Arc::clone(&now))
    }
}

fn connect(open: &Open) -> Result<(SchemeAgent<Body>, Description), Errno> {
    let agent = SchemeAgent::new(open()?);
    let mut reply = [0; REPLY];
    agent.ask(Words::default(), &mut reply)?;
    Ok((agent, describe_from(&reply)?))
}

impl Connection {
    /// Nodes of the first connection are known here by the service's own numbers; those of later
    /// ones have the connection's number above it.
    fn send(&self, request: &mut Request<'_>) -> Result<usize, Errno> {
        if self.age == 0 {
            return self.agent.cross(request);
        }
        let asked = request.body().op;
        request.body_mut().op = self.localized(asked)?;
        let result = self.agent.cross(request);
        let body = request.body_mut();
        body.op = asked;
        if let (Ok(_), Reply::Entry { node, .. }) = (result, &mut body.reply) {
            node.0 |= u64::from(self.age) << 32;
        }
        result
    }

    /// `ESTALE` for a node of an earlier connection: whatever has its number now is another.
    fn localized(&self, mut op: Op) -> Result<Op, Errno> {
        for node in op.nodes_mut().into_iter().flatten() {
            if *node != Node::ROOT && node.0 >> 32 != u64::from(self.age) {
                return Err(Errno::ESTALE);
            }
            node.0 &= u64::from(u32::MAX);
        }
        Ok(op)
    }
}
