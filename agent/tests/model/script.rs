//! What can happen: the words that strategy, model and system share.

use agent::{Errno, Status};

/// Names a message, in the order that they were made.
pub(crate) type Key = u32;

/// An index into whatever there is, taken modulo how many there are.
pub(crate) type Pick = u8;

/// What stands around a driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Around {
    Nothing,
    Containment,
    /// A gate with this limit to its queue.
    Gate {
        limit: usize,
        contained: bool,
    },
    /// A thread with this limit to its queue.
    Thread {
        limit: usize,
        contained: bool,
    },
}

impl Around {
    pub(crate) fn contains(self) -> bool {
        match self {
            Around::Nothing => false,
            Around::Containment => true,
            Around::Gate { contained, .. } | Around::Thread { contained, .. } => contained,
        }
    }
}

/// A port. One more kind is one more arm here, in `strategy`, in `Model::begin` and in `World::port`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A driver that does what each message says, above two ports that were made before it.
    Driver {
        around: Around,
        lowers: [Pick; 2],
    },
    Mailbox {
        limit: usize,
    },
    Spin {
        limit: usize,
    },
}

/// Which of the ports before number `port` is meant; `None` for the first port.
pub(crate) fn lower(port: usize, lowers: [Pick; 2], which: Pick) -> Option<usize> {
    // The next one, where nothing else is said.
    (port > 0).then(|| port - 1 - usize::from(lowers[usize::from(which % 2)]) % port)
}

/// What a driver does with a message, each time that it has it.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Completes it with this count.
    Done(u8),
    /// Completes it with `ENOSPC`.
    Fail,
    /// Keeps it.
    Keep,
    /// Takes it and lets go of it.
    LetGo,
    /// Forwards it to a lower port, and hears of the completion.
    Down(Pick),
    /// Passes it to a lower port, and does not.
    Pass(Pick),
    /// Panics, where something stands around it that contains that.
    Panic,
    /// Forwards it, or stores it, and panics then.
    LatePanic(Pick),
    /// Has other things happen first.
    First(Vec<Op>),
    /// Calls another port first, on behalf of the message.
    Call(Pick, Vec<Act>),
}

/// A message's own choices.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Sends a message again that is back, where there is one.
    pub(crate) again: Option<Pick>,
    pub(crate) priority: bool,
    pub(crate) receipt: bool,
    pub(crate) ticket: bool,
    pub(crate) acts: Vec<Act>,
}

/// How a message is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Inbox,
    Droppable,
    Right,
    ReplyPort,
    DroppableReplyPort,
    Discard,
}

/// One step.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Send {
        inbox: Pick,
        to: Pick,
        way: Way,
        plan: Plan,
    },
    Ask {
        to: Pick,
        plan: Plan,
    },
    Call {
        to: Pick,
        plan: Plan,
        until: Option<u8>,
        interrupted: bool,
        during: Vec<Op>,
    },
    Get {
        inbox: Pick,
        patience: u8,
        during: Vec<Op>,
    },
    GetOne(Pick),
    TryTake(Pick),
    Poll(Pick),
    AbortFuture(Pick),
    DropFuture(Pick),
    DropInbox(Pick),
    DropMessage(Pick),
    Abort(Pick),
    Receive {
        port: Pick,
        patience: u8,
    },
    Done(Pick, u8),
    LetGo(Pick),
    Forward(Pick, Pick),
    Unqueue {
        port: Pick,
        message: Pick,
    },
    Close(Pick),
    Run {
        port: Pick,
        during: Vec<Op>,
    },
    /// Drivers forget what messages ask for.
    Calm,
}

/// What can be seen of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Begin(usize, Key),
    Up(usize, Key, Status),
    Take(usize, Key),
    /// Of a message that the driver has.
    Abort(usize, Key),
    Fail(usize),
    Unqueued(usize, Key, Result<(), Errno>),
    Received(usize, Key),
    Receipt(Key),
    Woken(Key),
    /// The inbox was full.
    Refused(Key),
    Back(Key, Ending),
    Freed(Key),
}

/// How a message came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ending {
    pub(crate) status: Status,
    pub(crate) dropped: bool,
    /// Messages that it cost, with its own.
    pub(crate) messages: u32,
}

impl Event {
    /// Events of one lane come in order; of two, in any.
    pub(crate) fn lane(&self) -> (u8, usize) {
        match *self {
            Event::Begin(port, _)
            | Event::Up(port, ..)
            | Event::Take(port, _)
            | Event::Abort(port, _)
            | Event::Fail(port)
            | Event::Unqueued(port, ..)
            | Event::Received(port, _) => (0, port),
            Event::Receipt(key)
            | Event::Woken(key)
            | Event::Refused(key)
            | Event::Back(key, _)
            | Event::Freed(key) => (1, key as usize),
        }
    }
}

/// Who has a kept message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    Driver(usize),
    /// Taken off a queue by a receiver.
    Hand,
}

/// What there is between two steps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Snapshot {
    pub(crate) alive: Vec<Key>,
    pub(crate) mine: Vec<Key>,
    /// With who has it, and whether its sender wants it no more.
    pub(crate) kept: Vec<(Key, Holder, bool)>,
    pub(crate) futures: Vec<(Key, bool)>,
    pub(crate) tickets: Vec<bool>,
    pub(crate) outstanding: Vec<usize>,
    pub(crate) ports: Vec<PortState>,
    pub(crate) now: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PortState {
    pub(crate) waiting: usize,
    pub(crate) failed: bool,
    pub(crate) refused: u64,
    pub(crate) cancelled: u64,
}

/// One of what there is.
pub(crate) fn pick<T>(from: &[T], pick: Pick) -> Option<&T> {
    from.get(usize::from(pick) % from.len().max(1))
}
