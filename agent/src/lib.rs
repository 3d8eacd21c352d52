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
//! | ask and go on, with owned data | [`Message::send`], [`Message::ask`] |
//! | take messages | [`Port`] and [`Request`], [`Kept`], [`Exchange`] |
//! | keep a driver from being entered twice, or give it a thread | [`Serialized`], [`ThreadPort`] |
//! | stand on a neighbour | [`Neighbour`] |
//! | stand on a port of another process | `SchemeAgent` (feature `scheme`) |
//!
//! Unsafe code sits in `shared` (memory that another party can change), `data` (slots),
//! `record`, `chain`, `late`, `access`, `request`, `kept`, `engine`, `gate` and `serialized` (who
//! holds a message when), `call` and `send` (where it lives) and `scheme` (what the kernel may
//! lend).
#![no_std]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(test)]
extern crate std;

mod access;
mod call;
mod chain;
mod count;
mod data;
mod engine;
mod exchange;
mod gate;
mod kept;
mod late;
#[cfg(feature = "alloc")]
mod neighbour;
#[cfg(feature = "alloc")]
mod pending;
mod port;
mod record;
#[cfg(feature = "alloc")]
mod reply;
mod request;
#[cfg(feature = "scheme")]
mod scheme;
#[cfg(feature = "alloc")]
mod send;
mod serialized;
mod shared;
mod status;
mod wait;
#[cfg(feature = "alloc")]
mod wire;

pub use call::{Call, Origin};
#[cfg(feature = "alloc")]
pub use count::Meter;
pub use count::{Counts, LayerId, Row};
#[cfg(feature = "alloc")]
pub use data::Bytes;
pub use data::{Access, Data, Lent};
pub use exchange::{Exchange, Part};
pub use kept::Kept;
pub use late::MAX_DEPTH;
#[cfg(feature = "alloc")]
pub use neighbour::Neighbour;
#[cfg(feature = "alloc")]
pub use pending::{Pending, Ticket};
pub use port::{Catch, MessageId, Port, Saved};
#[cfg(feature = "alloc")]
pub use reply::{ReplyPort, ReplyQueue};
pub use request::{Outcome, Request};
#[cfg(feature = "scheme")]
pub use scheme::{MAX_DATA, SchemeAgent};
#[cfg(feature = "alloc")]
pub use send::Message;
pub use serialized::{QUEUE_LIMIT, Serialized, ThreadPort};
pub use status::{Errno, Status};
pub use wait::{Spin, Wait, Woken};
#[cfg(feature = "alloc")]
pub use wire::{Carries, Cross, Words};
