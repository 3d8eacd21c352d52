//! A block port as the disk of the `redoxfs` library.
//!
//! The library's trait has `unsafe` methods ("to discourage use"), so the adapter is a crate of
//! its own: their bodies are safe code, and no other unsafe is let in.
#![no_std]
#![deny(unsafe_code)]

use core::ops::Range;

use driver::{Body, Call, Cred, Data, Errno, Neighbour, Node, Op, Origin, Status, Wait};
use redoxfs::{BLOCK_SIZE, Disk};
pub use syscall::error::Error;
use syscall::error::Result;

/// A block port as a disk.
///
/// Each transfer is one message, whose data is the library's own buffer. It is sent on behalf of
/// the request whose [`Origin`] was put in last.
pub struct PortDisk {
    port: Neighbour<Body>,
    wait: &'static (dyn Wait + Sync),
    size: u64,
    origin: Origin,
    calls: u64,
    order: Option<Order>,
}

/// What is to be flushed, so that headers are never on the disk before what they point to, nor
/// after what is written over the tree that they replace.
struct Order {
    headers: Range<u64>,
    /// Something other than a header was written since the last flush.
    blocks: bool,
    /// A header was.
    header: bool,
}

impl Order {
    /// True where a flush has to come before a write of `block`.
    fn wants_flush(&self, block: u64) -> bool {
        self.header || (self.blocks && self.headers.contains(&block))
    }

    fn wrote(&mut self, block: u64) {
        match self.headers.contains(&block) {
            true => self.header = true,
            false => self.blocks = true,
        }
    }
}

impl PortDisk {
    /// The disk of `size` bytes that `port` leads to. Calls are sent on nobody's behalf and
    /// without a limit, for now.
    pub fn new(port: Neighbour<Body>, size: u64, wait: &'static (dyn Wait + Sync)) -> PortDisk {
        PortDisk { port, wait, size, origin: Origin::root(), calls: u64::MAX, order: None }
    }

    /// For a port that writes back ([`Features::WRITES_BACK`](driver::Features::WRITES_BACK)): from
    /// here on it is flushed before a header is written, if anything else was before, and after one,
    /// once there is anything to be written after it. `headers` are the blocks of their ring.
    pub fn keep_order(&mut self, headers: Range<u64>) {
        self.order = Some(Order { headers, blocks: true, header: true });
    }

    /// From here on, messages are sent on behalf of `origin`.
    pub fn set_origin(&mut self, origin: Origin) {
        self.origin = origin;
    }

    /// Gives the origin back, with what the messages since have cost. From here on, they are
    /// sent on nobody's behalf.
    pub fn take_origin(&mut self) -> Origin {
        core::mem::take(&mut self.origin)
    }

    /// Answers `EIO` after this many more calls, so that a damaged image whose blocks lead round
    /// in circles comes to an end.
    pub fn limit(&mut self, calls: u64) {
        self.calls = calls;
    }

    /// The size in bytes.
    pub fn len(&self) -> u64 {
        self.size
    }

    /// True where there is no disk at all.
    pub fn is_empty(&self) -> bool {
        self.size == 0
    }

    /// Reads blocks of 4,096 bytes from `block` on. `EIO` where not all of `buffer` can be
    /// filled; else the port's error.
    pub fn read(&mut self, block: u64, buffer: &mut [u8]) -> core::result::Result<(), Errno> {
        let (len, op) = (buffer.len(), Op::Read { node: Node::ROOT, offset: place(block)? });
        whole(self.call(op, Data::sink(buffer)), len)
    }

    /// Writes blocks from `block` on; as [`read`](PortDisk::read). A flush that has to come before,
    /// and fails, is the answer: then nothing is written.
    pub fn write(&mut self, block: u64, buffer: &[u8]) -> core::result::Result<(), Errno> {
        if self.order.as_ref().is_some_and(|order| order.wants_flush(block)) {
            self.flush()?;
        }
        if let Some(order) = &mut self.order {
            order.wrote(block);
        }
        let op = Op::Write { node: Node::ROOT, offset: place(block)? };
        whole(self.call(op, Data::source(buffer)), buffer.len())
    }

    /// Asks the port to make safe what was written. Its answer.
    pub fn flush(&mut self) -> core::result::Result<(), Errno> {
        self.call(Op::Flush { node: Node::ROOT }, Data::NONE).result()?;
        if let Some(order) = &mut self.order {
            (order.blocks, order.header) = (false, false);
        }
        Ok(())
    }

    fn call(&mut self, op: Op, data: Data<'_>) -> Status {
        let Some(calls) = self.calls.checked_sub(1) else { return Errno::EIO.into() };
        self.calls = calls;
        let mut call = Call::new(Body::new(op, Cred::ROOT), data);
        self.port.call(&mut self.origin, self.wait, &mut call)
    }
}

fn place(block: u64) -> core::result::Result<u64, Errno> {
    block.checked_mul(BLOCK_SIZE).ok_or(Errno::EIO)
}

fn whole(status: Status, len: usize) -> core::result::Result<(), Errno> {
    if status.result()? == len { Ok(()) } else { Err(Errno::EIO) }
}

fn foreign(errno: Errno) -> Error {
    Error::new(errno.0.into())
}

#[allow(unsafe_code, reason = "the library's signatures; nothing inside is unsafe")]
impl Disk for PortDisk {
    unsafe fn read_at(&mut self, block: u64, buffer: &mut [u8]) -> Result<usize> {
        self.read(block, buffer).map_err(foreign)?;
        Ok(buffer.len())
    }

    unsafe fn write_at(&mut self, block: u64, buffer: &[u8]) -> Result<usize> {
        self.write(block, buffer).map_err(foreign)?;
        Ok(buffer.len())
    }

    fn size(&mut self) -> Result<u64> {
        Ok(self.size)
    }
}
