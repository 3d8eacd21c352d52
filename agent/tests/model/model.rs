//! The model: ports and messages as plain data, one step after the other.
//!
//! What the documentation leaves open is either not looked at (the order of events that concern
//! different ports, and of replies within one step), or the step is left out ([`Stuck`]).

use std::collections::BTreeMap;

use agent::{Errno, Status};

pub(crate) use crate::parts::{Frame, Inbox, Keeper, Message, Place, Port, Reply, Resume};
use crate::script::{Act, Ending, Event, Key, Kind, Pick, Plan, pick};

/// The step would wait for ever, or its outcome is left open: it is not taken.
#[derive(Debug)]
pub(crate) struct Stuck;

pub(crate) type Step<T> = Result<T, Stuck>;

/// Inboxes that there are.
pub(crate) const INBOXES: usize = 2;
/// Messages that an inbox sends at a time.
pub(crate) const INBOX_LIMIT: usize = 4;
/// Tickets that are kept.
pub(crate) const TICKETS: usize = 5;
/// Layers that wait for one message at a time.
pub(crate) const MAX_DEPTH: usize = agent::MAX_DEPTH;
/// Gates that one chain of calls is inside of.
pub(crate) const MAX_GATES: usize = 8;
/// Ports that one message keeps alive at a time.
pub(crate) const MAX_HOLDS: usize = 8;

#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) ports: Vec<Port>,
    pub(crate) messages: BTreeMap<Key, Message>,
    pub(crate) inboxes: [Inbox; INBOXES],
    pub(crate) futures: Vec<Key>,
    pub(crate) tickets: Vec<(Key, u32)>,
    pub(crate) now: u64,
    pub(crate) batch: usize,
    /// Drivers that are being entered, one inside the other.
    pub(crate) inside: usize,
    /// Steps that are being taken, one inside the other.
    pub(crate) depth: usize,
    pub(crate) unwinding: usize,
    pub(crate) calm: bool,
    pub(crate) events: Vec<Event>,
    /// Which of several messages the real inbox gave.
    pub(crate) choice: Option<Key>,
}

impl Model {
    pub(crate) fn new(kinds: &[Kind]) -> Model {
        let thread = |kind| {
            matches!(kind, Kind::Driver { around: crate::script::Around::Thread { .. }, .. })
        };
        let port = |&kind: &Kind| Port {
            kind,
            open: true,
            queue: Vec::new(),
            aborts: Vec::new(),
            busy: thread(kind),
            failed: false,
            refused: 0,
            cancelled: 0,
            receiving: false,
            ran: false,
        };
        Model {
            ports: kinds.iter().map(port).collect(),
            messages: BTreeMap::new(),
            inboxes: Default::default(),
            futures: Vec::new(),
            tickets: Vec::new(),
            now: 0,
            batch: 0,
            inside: 0,
            depth: 0,
            unwinding: 0,
            calm: false,
            events: Vec::new(),
            choice: None,
        }
    }

    pub(crate) fn message(&mut self, key: Key) -> &mut Message {
        self.messages.get_mut(&key).expect("it was made")
    }

    /// What a driver does next with a message.
    pub(crate) fn next_act(&mut self, key: Key) -> Option<Act> {
        let act = self.message(key).acts.pop_front();
        act.filter(|_| !self.calm)
    }

    /// Messages that are somewhere.
    pub(crate) fn keys(&self, wanted: impl Fn(&Message) -> bool) -> Vec<Key> {
        self.messages.iter().filter(|(_, m)| wanted(m)).map(|(key, _)| *key).collect()
    }

    pub(crate) fn kept(&self) -> Vec<Key> {
        self.keys(|m| matches!(m.place, Place::Kept(_)))
    }

    pub(crate) fn mine(&self) -> Vec<Key> {
        self.keys(|m| m.place == Place::Mine)
    }

    pub(crate) fn make(&mut self) -> Key {
        let key = self.messages.len() as Key;
        self.messages.insert(key, Message::new());
        key
    }

    /// A message as the plan says, new or used again.
    pub(crate) fn prepare(&mut self, plan: &Plan) -> Key {
        let again = plan.again.and_then(|at| pick(&self.mine(), at).copied());
        let key = again.unwrap_or_else(|| self.make());
        let message = self.message(key);
        (message.priority, message.receipt) = (plan.priority, plan.receipt);
        message.acts = plan.acts.clone().into();
        if plan.ticket {
            let send = message.sends + 1;
            self.tickets.push((key, send));
        }
        key
    }

    /// The message is its sender's, or nobody's.
    pub(crate) fn free(&mut self, key: Key) {
        self.message(key).place = Place::Freed;
        self.note_freed(key);
    }

    /// A ticket keeps the memory of its message.
    fn note_freed(&mut self, key: Key) {
        if !self.is_alive(key) {
            self.events.push(Event::Freed(key));
        }
    }

    pub(crate) fn is_alive(&self, key: Key) -> bool {
        let freed = self.messages[&key].place == Place::Freed;
        !freed || self.tickets.iter().any(|ticket| ticket.0 == key)
    }

    /// Lets go of the oldest tickets.
    pub(crate) fn drop_tickets(&mut self, left: usize) {
        while self.tickets.len() > left {
            let (key, _) = self.tickets.remove(0);
            if self.messages[&key].place == Place::Freed {
                self.note_freed(key);
            }
        }
    }

    /// The message is got back.
    pub(crate) fn got(&mut self, key: Key) {
        let message = self.message(key);
        message.place = Place::Mine;
        let (status, dropped, messages) = (message.status, message.dropped, message.cost);
        self.events.push(Event::Back(key, Ending { status, dropped, messages }));
    }

    pub(crate) fn receives(&self, port: Pick) -> Option<usize> {
        pick(&self.queues(), port).copied()
    }

    /// Ports with receivers.
    pub(crate) fn queues(&self) -> Vec<usize> {
        let queue = |port: &usize| !matches!(self.ports[*port].kind, Kind::Driver { .. });
        (0..self.ports.len()).filter(queue).collect()
    }

    /// What a message is answered that a driver lets go of.
    pub(crate) fn let_go_status(&self, key: Key) -> Status {
        let contained = |port: &usize| match self.ports[*port].kind {
            Kind::Driver { around, .. } => around.contains(),
            _ => false,
        };
        let guard = self.messages[&key].keeper.guard().filter(contained);
        let failing = guard.is_some_and(|port| self.ports[port].failed || self.unwinding > 0);
        if failing { Errno::EIO.into() } else { Errno::ECANCELED.into() }
    }
}
