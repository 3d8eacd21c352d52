//! The driver trait and its block, character and file requests.
//!
//! A driver takes messages whose body is a [`Body`]: an [`Op`] and who asks. It is a
//! [`Port`] with a description, and it knows nothing of where it runs: it is linked into a
//! kernel, hosted in a process beside others, served as a scheme or called by a test, with the
//! same source. A third party's driver needs this crate only.
//!
//! | a driver writes | when |
//! | --- | --- |
//! | [`Port::begin`] | always: complete, forward or keep a request |
//! | [`Port::up`] | it forwards and wants to hear of the completion |
//! | [`Port::take`], [`Port::abort`] | it keeps messages |
//! | [`Driver::describe`] | always |
//! | a [`Kind`] | it can be named in a description of a stack |
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod attr;
mod describe;
pub mod dirent;
mod kind;
mod op;
mod walk;
mod wire;

pub use agent::{
    Access, Bytes, Call, Carries, Counts, Data, Errno, Exchange, Kept, LayerId, Lent, Message,
    MessageId, Neighbour, Origin, Outcome, Part, Port, Saved, Serialized, Spin, Status, Wait,
};

pub use attr::{Attr, FileKind, Rights, SetAttr, Statfs, Time};
pub use describe::{Class, Description, Features};
pub use kind::{Built, Context, Kind, Lower, OptionKind, OptionSpec, OptionValue, Options};
pub use op::{Body, Cred, MAX_NAME, MAX_PATH, Node, Op, OpenFlags, Ready, Reply};
pub use walk::{Found, MAX_LINKS, Tree, check_name, split_parent, walk};
pub use wire::{PARCEL, Parcel, REPLY, describe_from, describe_to};

/// A message to a driver while it is begun.
pub type Request<'s> = agent::Request<'s, Body>;

/// The one driver trait: a port that takes [`Body`] messages and says what it is.
pub trait Driver: Port<Body> {
    /// What the driver is now: class, size, features, whether it blocks, whether it may run
    /// concurrently. Cheap; no message is sent for it.
    fn describe(&self) -> Description;

    /// True where data goes down as it came, so that whoever is below may see what senders have
    /// in their memory. Then memory that is shared with what the driver stands on is offered to
    /// them.
    fn passes_data(&self) -> bool {
        false
    }

    /// Memory that is shared with whoever performs the requests in the end, where that is
    /// another process: whole pages, `len` bytes or more, all zeros. Data in it goes there
    /// without being copied. Only an agent at a boundary has any; the default is `EOPNOTSUPP`.
    fn share(&self, len: usize) -> Result<Lent, Errno> {
        let _ = len;
        Err(Errno::EOPNOTSUPP)
    }
}
