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

use core::fmt;

mod attr;
mod below;
mod describe;
pub mod dirent;
mod kind;
mod op;
mod secret;
mod walk;
mod wire;

pub use agent::{
    Access, Bytes, Call, Came, Carries, Child, Counts, Data, Errno, Exchange, Fan, Kept, LayerId,
    Lent, Merge, Message, MessageId, Neighbour, Origin, Outcome, Part, Port, Saved, Serialized,
    Spin, Status, Wait, prefix,
};

pub use attr::{Attr, FileKind, Rights, SetAttr, Statfs, Time};
pub use below::Below;
pub use describe::{Class, Description, Features};
pub use kind::{Built, Context, Kind, Lower, OptionKind, OptionSpec, OptionValue, Options, Stands};
pub use op::{Body, Cred, MAX_NAME, MAX_PATH, Node, Op, OpenFlags, Ready, Reply};
pub use secret::Secret;
pub use walk::{Found, MAX_LINKS, Tree, check_name, split_parent, walk};
pub use wire::{PARCEL, Parcel, REPLY, describe_from, describe_to};

/// A message to a driver while it is begun.
pub type Request<'s> = agent::Request<'s, Body>;

/// The one driver trait: a port that takes [`Body`] messages and says what it is.
pub trait Driver: Port<Body> {
    /// What the driver is now: class, size, features, whether it blocks, whether it may run
    /// concurrently. Cheap; no message is sent for it.
    fn describe(&self) -> Description;

    /// Writes what the driver knows of its own doings, for tools and people: a JSON object a
    /// line. Never data, nor anything that is secret. The default knows nothing.
    fn report(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        let _ = out;
        Ok(())
    }

    /// Does a small piece of the work that nobody asks for (a mirror's copying, a cache's
    /// writing back); true where more of it can be done at once. Its host calls it whenever it
    /// has time, from a thread that may wait, while other threads may be in the driver. The
    /// default has no such work.
    fn tend(&self) -> bool {
        false
    }

    /// True for a driver that has such work now and then: without one no host looks for any.
    fn tends(&self) -> bool {
        false
    }

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
