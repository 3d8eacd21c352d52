//! Messages, ports and the agents that find a protection boundary.
//!
//! A *message* is a caller-owned record that asks a *port* for something and carries the reply
//! back. The target decides: it completes a message in its sender's context, or keeps it; the
//! sender's code is the same. A message has no size, registers nothing and encodes nothing: any
//! type can be its body. Only an agent that stands at a protection boundary asks a body how it
//! crosses, when a message is sent, and then.
//!
//! | to | use |
//! | --- | --- |
//! | ask and wait, with borrowed data | [`Call`] |
//! | ask and go on, with owned data | [`Inbox`], [`Message::ask`], [`Message::send`] |
//! | take messages as a driver | [`Port`] and [`Request`], [`Kept`], [`Exchange`] |
//! | turn a message into several | [`Fan`] |
//! | take messages as a thread, or as several | [`Mailbox`], [`SpinPort`] |
//! | keep a driver from being entered twice, or give it a thread | [`Serialized`], [`ThreadPort`] |
//! | have a driver's panic end there | [`Contained`], [`Serialized::contained`] |
//! | stand on a neighbour | [`Neighbour`] |
//! | stand on a port of another process | `SchemeAgent` (feature `scheme`) |
//!
//! Unsafe code sits in `shared` (memory that another party can change), `data` (slots), `record`,
//! `chain`, `late`, `access` (what a message is made of), `request`, `kept`, `contain`, `engine`,
//! `ending`, `flight`, `queue`, `ring`, `intake`, `gate`, `guard`, `serialized`, `mailbox`, `spin_port`,
//! `inbox`, `pending`, `direct`, `fan`, `join` (who holds a message when), `call` and `send` (where it lives), `scheme` and
//! `window` (what the kernel may lend, and shares). `state` and `sync` hold what they synchronise by; in
//! `sync` the one unsafe step is a hint to the processor.
#![no_std]
// Without allocation there are calls only, and much that only other messages need.
#![cfg_attr(not(feature = "alloc"), allow(dead_code, unused_imports))]
// What is counted there is a plain reference here.
#![cfg_attr(
    not(feature = "alloc"),
    allow(clippy::borrow_deref_ref, clippy::needless_option_as_deref, clippy::clone_on_copy)
)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(test)]
extern crate std;

mod access;
mod call;
mod chain;
mod contain;
mod count;
mod data;
#[cfg(feature = "alloc")]
mod direct;
mod ending;
mod engine;
mod exchange;
#[cfg(feature = "alloc")]
mod fan;
#[cfg(feature = "alloc")]
mod flight;
mod frames;
mod gate;
mod guard;
#[cfg(feature = "alloc")]
mod heap;
#[cfg(feature = "alloc")]
mod holds;
#[cfg(feature = "alloc")]
mod home;
#[cfg(feature = "alloc")]
mod inbox;
#[cfg(feature = "alloc")]
mod intake;
#[cfg(feature = "alloc")]
mod join;
mod keeper;
mod kept;
mod late;
#[cfg(feature = "alloc")]
mod mailbox;
mod misuse;
#[cfg(feature = "alloc")]
mod neighbour;
#[cfg(feature = "alloc")]
mod pending;
mod port;
mod queue;
mod record;
#[cfg(feature = "alloc")]
mod reply;
mod request;
#[cfg(feature = "alloc")]
mod ring;
mod room;
#[cfg(feature = "scheme")]
mod scheme;
#[cfg(feature = "alloc")]
mod send;
mod serialized;
mod shared;
#[cfg(feature = "alloc")]
mod spin_port;
mod state;
mod status;
mod sync;
mod wait;
#[cfg(feature = "scheme")]
mod window;
#[cfg(feature = "alloc")]
mod wire;

pub use call::{Call, Origin};
pub use contain::Uncontained;
#[cfg(feature = "alloc")]
pub use count::Meter;
pub use count::{Counts, LayerId, Row};
#[cfg(feature = "alloc")]
pub use data::Bytes;
pub use data::{Access, Data, Lent};
#[cfg(feature = "alloc")]
pub use direct::Direct;
pub use exchange::{Exchange, Part};
#[cfg(feature = "alloc")]
pub use fan::{Came, Child, Fan, Merge, prefix, sum};
pub use gate::PortStats;
#[cfg(feature = "alloc")]
pub use inbox::{Inbox, SendRight};
pub use kept::Kept;
pub use late::MAX_DEPTH;
#[cfg(feature = "alloc")]
pub use mailbox::{Mailbox, Receiver};
pub use misuse::PanicPort;
#[cfg(feature = "alloc")]
pub use neighbour::Neighbour;
#[cfg(feature = "alloc")]
pub use pending::{AbortAfter, Pending, Ticket};
pub use port::{Catch, MessageId, Port, Saved};
#[cfg(feature = "alloc")]
pub use reply::{Discard, ReplyPort};
pub use request::{Outcome, Request};
#[cfg(feature = "scheme")]
pub use scheme::{MAX_DATA, SchemeAgent, open_port};
#[cfg(feature = "alloc")]
pub use send::{Droppable, Message};
pub use serialized::{Contained, QUEUE_LIMIT, Serialized, ThreadPort};
#[cfg(feature = "alloc")]
pub use spin_port::{SpinPort, Watch};
pub use status::{Errno, Status};
pub use wait::{Moment, Spin, SpinUntil, Wait, Woken};
#[cfg(feature = "scheme")]
pub use window::{MAX_WINDOW, MAX_WINDOWS, pages, window_at};
#[cfg(feature = "alloc")]
pub use wire::{Carries, Cross, Words};
