//! Ports for any process: make one and serve it, or send to one, through the daemon's scheme.
//!
//! ```no_run
//! use client::{Event, Port, SendRight};
//!
//! // One process makes a port and answers what comes.
//! let mut port = Port::create("/scheme/port/user/1000/echo", 0o622)?;
//! # let serve = move || -> Result<(), agent::Errno> {
//! loop {
//!     match port.receive()? {
//!         Event::Message(message) => {
//!             let data = message.data().to_vec();
//!             message.reply(Ok(data.len()), [0; 3], &data)?;
//!         }
//!         Event::Aborted(_) | Event::Connect(_) => {}
//!     }
//! }
//! # };
//! // Another one asks.
//! let right = SendRight::open("/scheme/port/user/1000/echo")?;
//! let mut data = *b"hello";
//! assert_eq!(right.call(1, 0, &mut data)?, 5);
//! # Ok::<(), agent::Errno>(())
//! ```
//!
//! | to | use |
//! | --- | --- |
//! | ask and wait | [`SendRight::call`]; while a message is served, [`Message::call`] |
//! | ask and not wait for ever | [`SendRight::call_until`] |
//! | ask many things and go on | [`Batch`], [`SendRight::send`], [`SendRight::replies`] |
//! | hand a right to another process | [`SendRight::pass`] |
//! | serve | [`Port::create`], [`Port::receive`]; a thread each, [`Port::another`] |
//! | pass a message on | [`Message::forward`] |
//! | lock ranges of something that processes share | [`Locks`] |
//! | serve with a scheme of one's own | [`Connect::accept`] |
//!
//! What the records between the two look like is in [`record`]; which misuse gets which errno, in
//! the project's `docs/ports.md`.
#![forbid(unsafe_code)]
#![warn(clippy::disallowed_methods)]

mod locks;
mod port;
pub mod record;
mod right;

pub use driver_rangelock::{Conflict, LockOp, LockReply, Mode, Owner, Token};
pub use locks::Locks;
pub use port::{Connect, Event, Message, Port, Sender};
pub use right::{Batch, May, Outgoing, Replies, Reply, SendRight};

/// Makes a descriptor give `EAGAIN` in place of a wait, or not.
fn set_nonblocking(fd: &libredox::Fd, nonblocking: bool) -> Result<(), agent::Errno> {
    const F_SETFL: usize = 4;
    let flags = if nonblocking { libredox::flag::O_NONBLOCK as usize } else { 0 };
    fd.fcntl(F_SETFL, flags)?;
    Ok(())
}
