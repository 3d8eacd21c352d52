//! Keeps what was read and written lately of a block device, in lines and in bounded memory.
//!
//! | | |
//! | --- | --- |
//! | a read that hits | is completed inline: one look, at the asker's room |
//! | a read that misses | asks the lower port for whole lines, and for more where reads go on in order |
//! | a write, written through | goes to the lower port from a private copy, which is kept |
//! | a write, written back | stays here until a flush, or until its room is needed |
//! | a flush | writes what is left in the order of the disk, then flushes the lower port |
//! | what is larger than half the cache | goes past it |
//!
//! What is read after a write is never older. A write that failed below, or came short, leaves
//! nothing of its range here. Written back, an error is told to the flush; what could not be
//! written stays, and is written again. A power cut between two flushes leaves any part of what
//! was written back, in no order: RedoxFS, which relies on the order of its writes, does not
//! survive that, so beneath it a cache writes through.
//!
//! One lock is held while a request is worked on, and the lower port waited for; a host that has
//! several threads puts a serialized or a thread port around it.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod config;
mod figures;
mod lines;
mod read;
mod write;

use core::fmt;

use driver::{
    Body, Call, Cred, Data, Description, Driver, Errno, Exchange, Lower, Node, Op, Outcome, Port,
    Request, Status, Wait,
};

pub use config::KIND;

use figures::Figures;
use lines::Lines;

/// A cache before a block device.
pub struct Cache {
    below: Below,
    description: Description,
    write_back: bool,
    /// Lines to read beyond what was asked for, where reads go on in order.
    ahead: u64,
    lines: spin::Mutex<Lines>,
    figures: Figures,
}

/// The device below, asked on behalf of a request.
struct Below {
    lower: Lower,
    wait: &'static (dyn Wait + Sync),
}

impl Below {
    fn ask(&self, request: &mut Request<'_>, op: Op, data: Data<'_>) -> Result<usize, Errno> {
        let mut call = Call::new(Body::new(op, cred(request)), data);
        let mut origin = request.origin();
        let status = self.lower.port.call(&mut origin, self.wait, &mut call);
        request.rejoin(origin);
        status.result()
    }

    /// Fills `bytes` from `offset` on. `EIO` where there are fewer.
    fn read(&self, request: &mut Request<'_>, offset: u64, bytes: &mut [u8]) -> Result<(), Errno> {
        let (op, len) = (Op::Read { node: Node::ROOT, offset }, bytes.len());
        let count = self.ask(request, op, Data::sink(bytes))?;
        if count == len { Ok(()) } else { Err(Errno::EIO) }
    }

    fn write(&self, request: &mut Request<'_>, offset: u64, bytes: &[u8]) -> Result<usize, Errno> {
        self.ask(request, Op::Write { node: Node::ROOT, offset }, Data::source(bytes))
    }
}

fn cred(request: &Request<'_>) -> Cred {
    request.body().cred
}

impl Cache {
    /// How much of `len` bytes from `offset` on there is. `EINVAL` where they are misaligned.
    fn room(&self, offset: u64, len: u64) -> Result<u64, Errno> {
        if (offset | len) & (u64::from(self.description.block_size) - 1) != 0 {
            return Err(Errno::EINVAL);
        }
        Ok(len.min(self.description.size.saturating_sub(offset)))
    }

    fn flush<'s>(&'s self, mut request: Request<'s>) -> Outcome<'s, Body> {
        let written = self.write_all_back(&mut self.lines.lock(), &mut request);
        match written {
            Ok(()) => request.pass(&self.below.lower.port),
            Err(errno) => request.done(errno),
        }
    }
}

impl Port<Body> for Cache {
    fn begin<'s>(&'s self, mut request: Request<'s>) -> Outcome<'s, Body> {
        let result = match request.body().op {
            Op::Read { node: Node::ROOT, offset } => return self.read(request, offset),
            Op::Write { node: Node::ROOT, offset } => self.write(&mut request, offset),
            Op::Flush { node: Node::ROOT } => return self.flush(request),
            Op::Discard { offset, len } => self.discard(&mut request, offset, len),
            Op::Read { .. } | Op::Write { .. } | Op::Flush { .. } => Err(Errno::ESTALE),
            _ => Err(Errno::EOPNOTSUPP),
        };
        request.done(Status::from(result))
    }
}

impl Driver for Cache {
    fn describe(&self) -> Description {
        self.description
    }

    /// One object: lines that are kept, those of them not yet written back, requests that found
    /// all they asked for and those that did not, and lines read ahead.
    fn report(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        self.figures.report(out)
    }
}
