//! What the model is made of.

use std::collections::VecDeque;

use agent::Status;

use crate::script::{Act, Holder, Key, Kind};

/// Where a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Not sent, or got back.
    Mine,
    /// On its way, in the hands of some context.
    Moving,
    /// Waits in the queue of a port, or at its gate.
    Queue(usize),
    Kept(Holder),
    /// In an inbox, since this step; whether its target completed it at once.
    Inbox {
        inbox: usize,
        batch: usize,
        at_once: bool,
    },
    /// Back, for a future or a caller to see.
    Back,
    Freed,
}

/// Where the reply goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Caller,
    Future,
    /// Nobody has the future any more.
    Nobody,
    /// An inbox, as it is for the time being; whether there was room to be reserved.
    Inbox {
        inbox: usize,
        age: usize,
        reserved: bool,
    },
}

/// Who keeps a message: a driver, or what queues at a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeper {
    Driver { port: usize, guard: Option<usize> },
    Queue(usize),
    Gate(usize),
}

impl Keeper {
    /// The port whose containment and gate stand around the keeper.
    pub(crate) fn guard(self) -> Option<usize> {
        match self {
            Keeper::Driver { guard, .. } => guard,
            _ => None,
        }
    }
}

/// A layer that waits for a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    pub(crate) port: usize,
    pub(crate) guard: Option<usize>,
}

#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) place: Place,
    pub(crate) reply: Reply,
    pub(crate) acts: VecDeque<Act>,
    pub(crate) priority: bool,
    pub(crate) receipt: bool,
    pub(crate) droppable: bool,
    pub(crate) dropped: bool,
    pub(crate) polled: bool,
    pub(crate) status: Status,
    /// Messages that it cost.
    pub(crate) cost: u32,
    pub(crate) sends: u32,
    /// The sender wants it no more.
    pub(crate) aborted: bool,
    /// Who is asked to abort it.
    pub(crate) asked_at: Option<Keeper>,
    pub(crate) keeper: Keeper,
    /// How many keepers it had.
    pub(crate) hops: usize,
    pub(crate) frames: Vec<Frame>,
    /// Gates that its chain of calls is inside of.
    pub(crate) chain: Vec<usize>,
    pub(crate) holds: Vec<usize>,
}

impl Message {
    pub(crate) fn new() -> Message {
        Message {
            place: Place::Mine,
            reply: Reply::Nobody,
            acts: VecDeque::new(),
            priority: false,
            receipt: false,
            droppable: false,
            dropped: false,
            polled: false,
            status: Status::OK,
            cost: 1,
            sends: 0,
            aborted: false,
            asked_at: None,
            keeper: Keeper::Queue(0),
            hops: 0,
            frames: Vec::new(),
            chain: Vec::new(),
            holds: Vec::new(),
        }
    }

    pub(crate) fn is_away(&self) -> bool {
        matches!(self.place, Place::Moving | Place::Queue(_) | Place::Kept(_))
    }
}

/// How a message goes on that waits at a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resume {
    Begin,
    Take,
    Up,
}

#[derive(Clone, Debug)]
pub(crate) struct Port {
    pub(crate) kind: Kind,
    pub(crate) open: bool,
    pub(crate) queue: Vec<(Key, Resume)>,
    /// Aborts that wait at the gate.
    pub(crate) aborts: Vec<(Key, Keeper)>,
    /// Somebody is inside the gate.
    pub(crate) busy: bool,
    pub(crate) failed: bool,
    pub(crate) refused: u64,
    pub(crate) cancelled: u64,
    /// Its receiver is at work.
    pub(crate) receiving: bool,
    /// Its thread has been there.
    pub(crate) ran: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Inbox {
    pub(crate) age: usize,
    pub(crate) outstanding: usize,
}

impl Port {
    /// Puts a message behind those of its lane.
    pub(crate) fn put(
        &mut self,
        entry: (Key, Resume),
        urgent: bool,
        is_urgent: impl Fn(Key) -> bool,
    ) {
        let ahead = |(key, _): &(Key, Resume)| is_urgent(*key);
        let at = if urgent {
            self.queue.iter().take_while(|e| ahead(e)).count()
        } else {
            self.queue.len()
        };
        self.queue.insert(at, entry);
    }
}
