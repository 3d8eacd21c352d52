//! Encrypts a block device. With the software engine that is AES-256-XTS, sector by sector of 512
//! bytes, each under its number: what dm-crypt calls `aes-xts-plain64`.
//!
//! | data | looks | copies |
//! | --- | --- | --- |
//! | read into private room | 1, in place, once the lower port has filled it | 0 |
//! | read into shared memory, written from anywhere | 1 | 1, through a private buffer |
//! | any, with an engine that takes it by reference | 0 | 0 |
//!
//! Nobody but the sender's own memory and private buffers ever holds plain bytes, and the buffers
//! are wiped. The key comes from a file, is in no output and is wiped when the driver goes.
//! Discards are refused: they would show which sectors are in use.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod config;
mod engine;
mod software;

use alloc::{string::String, vec::Vec};

use driver::{
    Access, Body, Call, Class, Cred, Data, Description, Driver, Errno, Exchange, Features, Lower,
    Node, Op, Outcome, Port, Request, Saved, Status, Wait,
};
use zeroize::Zeroizing;

pub use config::KIND;
pub use engine::{Engine, SECTOR};
pub use software::{KEY, Software};

/// A block device whose contents lie encrypted in the one below.
pub struct Crypt<E> {
    lower: Lower,
    engine: E,
    wait: &'static (dyn Wait + Sync),
    description: Description,
}

impl<E: Engine> Crypt<E> {
    /// Encrypts with `engine` what goes to `lower`. The text of an error says why that can't be.
    pub fn new(
        lower: Lower,
        engine: E,
        wait: &'static (dyn Wait + Sync),
    ) -> Result<Crypt<E>, String> {
        let below = lower.description;
        config::check(&below)?;
        let features = (below.features & Features::OF_ANY_BELOW) | Features::CONCURRENT;
        let block_size = below.block_size.max(SECTOR as u32);
        let size = below.size - below.size % u64::from(block_size);
        let description = Description { class: Class::Block, size, block_size, features };
        Ok(Crypt { lower, engine, wait, description })
    }

    /// How many bytes there are of those that a request is about. `EINVAL` where it is
    /// misaligned.
    fn room(&self, request: &Request<'_>, offset: u64) -> Result<usize, Errno> {
        let len = request.len() as u64;
        if (offset | len) & (u64::from(self.description.block_size) - 1) != 0 {
            return Err(Errno::EINVAL);
        }
        Ok(len.min(self.description.size.saturating_sub(offset)) as usize)
    }

    fn read<'s>(&'s self, mut request: Request<'s>, offset: u64) -> Outcome<'s, Body> {
        let len = match self.room(&request, offset) {
            Ok(0) => return request.done(Status::OK),
            Ok(len) => len,
            Err(errno) => return request.done(errno),
        };
        if request.access() == Access::FILL && self.engine.works_in_place() {
            return match request.narrow(0..len) {
                Ok(before) => {
                    let [start, before] = before.words();
                    request.forward(self, &self.lower.port, [offset, start, before])
                }
                Err(errno) => request.done(errno),
            };
        }
        let result = self.read_through(&mut request, offset, len);
        request.done(result)
    }

    /// Reads by way of a private buffer, which is wiped.
    fn read_through(
        &self,
        request: &mut Request<'_>,
        offset: u64,
        len: usize,
    ) -> Result<usize, Errno> {
        let mut buffer = Zeroizing::new(room(len)?);
        let op = Op::Read { node: Node::ROOT, offset };
        let count = self.ask(request, op, Data::sink(&mut buffer))?.min(len);
        let whole = count - count % SECTOR;
        self.engine.decrypt(sector(offset), &mut buffer[..whole], request)?;
        Ok(whole)
    }

    fn write(&self, request: &mut Request<'_>, offset: u64) -> Result<usize, Errno> {
        let len = self.room(request, offset)?;
        if len == 0 {
            return if request.is_empty() { Ok(0) } else { Err(Errno::ENOSPC) };
        }
        // Plain for a moment; what is left in the end is what anybody may read on the disk.
        let mut buffer = room(len)?;
        self.engine.encrypt(sector(offset), request, &mut buffer)?;
        let op = Op::Write { node: Node::ROOT, offset };
        self.ask(request, op, Data::source(&buffer))
    }

    /// Asks the lower port on behalf of a request.
    fn ask(&self, request: &mut Request<'_>, op: Op, data: Data<'_>) -> Result<usize, Errno> {
        let mut call = Call::new(Body::new(op, cred(request)), data);
        let mut origin = request.origin();
        let status = self.lower.port.call(&mut origin, self.wait, &mut call);
        request.rejoin(origin);
        status.result()
    }
}

fn cred(request: &Request<'_>) -> Cred {
    request.body().cred
}

fn sector(offset: u64) -> u64 {
    offset / SECTOR as u64
}

/// A buffer; `ENOMEM` where there is no room for one.
fn room(len: usize) -> Result<Vec<u8>, Errno> {
    let mut buffer = Vec::new();
    buffer.try_reserve_exact(len).map_err(|_| Errno::ENOMEM)?;
    buffer.resize(len, 0);
    Ok(buffer)
}

impl<E: Engine> Port<Body> for Crypt<E> {
    fn begin<'s>(&'s self, mut request: Request<'s>) -> Outcome<'s, Body> {
        match request.body().op {
            Op::Read { node: Node::ROOT, offset } => self.read(request, offset),
            Op::Write { node: Node::ROOT, offset } => {
                let result = self.write(&mut request, offset);
                request.done(result)
            }
            Op::Flush { .. } => request.pass(&self.lower.port),
            Op::Read { .. } | Op::Write { .. } => request.done(Errno::ESTALE),
            _ => request.done(Errno::EOPNOTSUPP),
        }
    }

    /// A read into private room has come back: it holds what lies on the disk.
    fn up<'s>(
        &'s self,
        mut request: Request<'s>,
        status: Status,
        [offset, start, before]: Saved,
    ) -> Outcome<'s, Body> {
        let result = status.result().and_then(|count| {
            let whole = count.min(request.len()) / SECTOR * SECTOR;
            if whole > 0 {
                self.engine.decrypt_in_place(sector(offset), whole, &mut request)?;
            }
            Ok(whole)
        });
        match request.restore(driver::Part::from_words([start, before])) {
            Ok(()) => request.done(result),
            Err(errno) => request.done(errno),
        }
    }
}

impl<E: Engine> Driver for Crypt<E> {
    fn describe(&self) -> Description {
        self.description
    }
}
