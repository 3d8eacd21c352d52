//! Limits how many bytes and inodes each user may have, over any file port. It looks at counts
//! and identities, never at data.
//!
//! A file counts for its owner with its size, holes included; a link with its target's; every
//! file, link and directory is an inode. What has no name left counts until nobody has it open.
//! Root is counted, and not limited; users may have limits of their own. Past a limit: `EDQUOT`, with nothing done.
//!
//! What a request may take is charged before it goes down, and what it did not take is given back
//! when it comes back: short, failed or aborted. Where an error leaves in doubt how large a file
//! is, that is asked before the file is used again. All is counted anew when the driver is made.
//!
//! It asks the lower port questions of its own and waits for them; a host that has several
//! threads puts a serialized or a thread port around it.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod begin;
mod config;
mod files;
mod ledger;
mod scan;
mod up;

use core::fmt;

use driver::{
    Below, Body, Description, Driver, Exchange, Features, Op, Outcome, Port, Request, Saved, Status,
};

pub use config::KIND;

use files::Files;
use ledger::Ledger;

/// A file port on which users have limits.
pub struct Quota {
    below: Below,
    state: spin::Mutex<State>,
}

/// Never held while the lower port is asked.
struct State {
    ledger: Ledger,
    files: Files,
}

impl Port<Body> for Quota {
    fn begin<'s>(&'s self, request: Request<'s>) -> Outcome<'s, Body> {
        match request.body().op {
            Op::Write { .. }
            | Op::Truncate { .. }
            | Op::Open { .. }
            | Op::Close { .. }
            | Op::Create { .. }
            | Op::Mkdir { .. }
            | Op::Symlink { .. }
            | Op::Link { .. }
            | Op::Unlink { .. }
            | Op::Rename { .. }
            | Op::Setattr { .. } => self.change(request),
            _ => request.pass(&self.below.lower.port),
        }
    }

    fn up<'s>(&'s self, request: Request<'s>, status: Status, saved: Saved) -> Outcome<'s, Body> {
        self.changed(&request, status, saved);
        request.done(status)
    }
}

impl Driver for Quota {
    fn describe(&self) -> Description {
        let described = self.below.lower.description;
        Description { features: described.features - Features::CONCURRENT, ..described }
    }

    fn passes_data(&self) -> bool {
        true
    }

    /// An object a user that has something: uid, bytes and inodes, and the limits that there are.
    fn report(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        self.state.lock().ledger.report(out)
    }
}
