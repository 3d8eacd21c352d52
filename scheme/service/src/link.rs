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
//!
//! Where a message that is on the other side is aborted, the abort goes after it. Whoever aborts
//! must not wait, and to tell the other side is to wait for its answer: so a thread does it.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc::{self, Receiver, Sender},
    },
    thread,
    time::Duration,
};

use agent::{Errno, Exchange, MessageId, SchemeAgent, Words};
use driver::{Body, Description, Node, Op, REPLY, Reply, Request, describe_from};
use libredox::Fd;

use crate::scope::Crossing;

/// The longest pause before the other side is told again.
const PAUSE: Duration = Duration::from_millis(1);

/// Opens a handle on the service anew.
pub(crate) type Open = Box<dyn Fn() -> Result<Fd, Errno> + Send + Sync>;

/// A service that an agent stands on, over as many connections as it takes.
pub(crate) struct Link {
    path: String,
    open: Open,
    description: Description,
    now: Mutex<Arc<Connection>>,
}

/// One connection. What a node of it names, no other connection knows.
pub(crate) struct Connection {
    pub(crate) agent: Arc<SchemeAgent<Body>>,
    /// Ids of messages to be aborted.
    aborts: Sender<u32>,
    /// Connections before this one.
    age: u32,
    /// There was nobody on the other side.
    is_over: AtomicBool,
}

impl Link {
    /// The first connection. The errors are the open's; `EPROTO` or `EOPNOTSUPP` where what is
    /// there does not speak messages; `EAGAIN` where there is no thread for its aborts.
    pub(crate) fn new(path: &str, open: Open) -> Result<Link, Errno> {
        let (first, description) = Connection::new(path, &open, 0)?;
        let now = Mutex::new(Arc::new(first));
        Ok(Link { path: path.into(), open, description, now })
    }

    /// The connection that there is.
    pub(crate) fn now(&self) -> Arc<Connection> {
        Arc::clone(&self.lock())
    }

    /// What the service said of itself.
    pub(crate) fn description(&self) -> Description {
        self.description
    }

    fn lock(&self) -> MutexGuard<'_, Arc<Connection>> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a request; once more over a new connection where the service was restarted. One that
    /// has failed is not used again: once its guard has gone, too, nobody would answer.
    pub(crate) fn send(&self, request: &mut Request<'_>) -> Result<usize, Errno> {
        let connection = self.now();
        if !connection.is_over.load(Relaxed) {
            match connection.send(request) {
                Err(Errno::ENODEV | Errno::ESRCH) => connection.is_over.store(true, Relaxed),
                result => return result,
            }
        }
        self.renew(&connection)?.send(request)
    }

    /// A connection in place of one that has failed: another sender may have made it. `ENODEV`
    /// where there is none to be had, or not with the service that it was.
    fn renew(&self, failed: &Arc<Connection>) -> Result<Arc<Connection>, Errno> {
        let mut now = self.lock();
        if Arc::ptr_eq(&now, failed) {
            // Its number is part of every node's.
            let age = now.age.checked_add(1).ok_or(Errno::ENODEV)?;
            let made = Connection::new(&self.path, &self.open, age);
            let (fresh, description) = made.map_err(|_| Errno::ENODEV)?;
            if description != self.description {
                return Err(Errno::ENODEV);
            }
            *now = Arc::new(fresh);
        }
        Ok(Arc::clone(&now))
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

impl Connection {
    fn new(path: &str, open: &Open, age: u32) -> Result<(Connection, Description), Errno> {
        let agent = Arc::new(SchemeAgent::new(open()?));
        let mut reply = [0; REPLY];
        agent.ask(Words::default(), &mut reply)?;
        let description = describe_from(&reply)?;
        let (aborts, ids) = mpsc::channel();
        let to = Arc::downgrade(&agent);
        let thread = thread::Builder::new().name(format!("aborts for {path}"));
        thread.spawn(move || send_aborts(&to, &ids)).map_err(|_| Errno::EAGAIN)?;
        Ok((Connection { agent, aborts, age, is_over: AtomicBool::new(false) }, description))
    }

    /// Has a message aborted, if it is on the other side.
    pub(crate) fn interrupt(&self, message: MessageId) {
        if let Some(id) = self.agent.id_across(message) {
            // The thread is there for as long as this is.
            let _ = self.aborts.send(id);
        }
    }

    fn cross(&self, request: &mut Request<'_>) -> Result<usize, Errno> {
        let id = self.agent.announce(request.id());
        if let Some(crossing) = Crossing::begin(&self.aborts, id) {
            let result = self.agent.cross_announced(id, request);
            crossing.over(result == Err(Errno::ECANCELED));
            return result;
        }
        self.agent.withdraw(id);
        Err(Errno::ECANCELED)
    }

    /// Nodes of the first connection are known here by the service's own numbers; those of later
    /// ones have the connection's number above it.
    fn send(&self, request: &mut Request<'_>) -> Result<usize, Errno> {
        if self.age == 0 {
            return self.cross(request);
        }
        let asked = request.body().op;
        request.body_mut().op = self.localized(asked)?;
        let result = self.cross(request);
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

#[cfg(all(test, not(target_os = "redox")))]
mod tests {
    use agent::{Access, Call, Data, Outcome, Port, Spin, Status};
    use driver::{Class, Cred, Features, describe_to};
    use host::Process;
    use syscall::schemev2::Opcode;

    use super::*;
    use crate::socket::{Answer, Asks, Socket};

    struct Through(Link);

    impl Port<Body> for Through {
        fn begin<'s>(&'s self, mut request: driver::Request<'s>) -> Outcome<'s, Body> {
            let result = self.0.send(&mut request);
            request.done(result)
        }
    }

    /// Answers one request after the other; the last answer is to all that come then.
    fn answer_each(socket: &Socket, mut answers: Vec<Answer>) {
        let mut asks = Asks::new();
        while socket.read(&mut asks).is_ok() && !asks.is_empty() {
            for ask in asks.drain().filter(|ask| !ask.is_note()) {
                assert!(ask.is(Opcode::Call));
                let described = describe_to(&Description::new(Class::Block, Features::empty()));
                if ask.len() == REPLY {
                    ask.payload(Access::FILL).copy_in(0, &described).unwrap();
                }
                let answer = if answers.len() > 1 { answers.remove(0) } else { answers[0] };
                socket.answer(ask, answer);
            }
        }
    }

    #[test]
    fn a_connection_that_has_failed_is_not_used_again() {
        let client = Process::isolated("client", 0, 0);
        let service = client.child("service", 0, 0);
        let (tell, made) = mpsc::channel();
        let thread = service.spawn(move || {
            let socket = Socket::create().unwrap();
            tell.send(socket.root(1).unwrap().into_raw()).unwrap();
            let nobody = Answer::error(Errno::ENODEV);
            answer_each(
                &socket,
                vec![Answer::count(0), Answer::count(0), nobody, Answer::count(7)],
            );
        });
        let number = client.inherit(&service, made.recv().unwrap()).unwrap();
        client.enter(|| {
            let first = Mutex::new(Some(Fd::new(number)));
            let open = move || first.lock().unwrap().take().ok_or(Errno::ENOENT);
            let link = Through(Link::new("there", Box::new(open)).unwrap());
            let ask = || {
                let flush = Op::Flush { node: Node::ROOT };
                Call::new(Body::new(flush, Cred::ROOT), Data::NONE).run(&link, &Spin)
            };
            assert_eq!(ask(), Status::OK);
            // Whatever would be said there now is not heard.
            assert_eq!([ask(), ask()], [Errno::ENODEV.into(); 2]);
        });
        client.exit();
        service.exit();
        thread.join().unwrap();
    }
}
