//! A sparse disk in memory: room is taken by what was written, holes read as zeros.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod pages;

use alloc::{format, string::String, sync::Arc, vec::Vec};

use driver::{
    Body, Built, Class, Context, Description, Driver, Errno, Exchange, Features, Kind, Node, Op,
    OptionKind, OptionSpec, Options, Outcome, Port, Request, Stands, Status,
};
use spin::RwLock;

use pages::Pages;

/// A disk in memory. Readers do not exclude one another.
pub struct Ramdisk {
    size: u64,
    block_size: u32,
    read_only: bool,
    pages: RwLock<Pages>,
}

const LARGEST_BLOCK: u64 = 1 << 16;

impl Ramdisk {
    /// An empty disk of `size` bytes in blocks of `block_size`. The text of an error says which
    /// of them makes no sense.
    pub fn new(size: u64, block_size: u64, read_only: bool) -> Result<Ramdisk, String> {
        if !block_size.is_power_of_two() || !(512..=LARGEST_BLOCK).contains(&block_size) {
            return Err(format!(
                "block_size = {block_size} makes no sense: use a power of two from 512 to 65536"
            ));
        }
        if size == 0 || !size.is_multiple_of(block_size) {
            return Err(format!(
                "size = {size} makes no sense: use a multiple of the block size, {block_size}"
            ));
        }
        let pages = RwLock::new(Pages::default());
        Ok(Ramdisk { size, block_size: block_size as u32, read_only, pages })
    }

    /// Bytes of memory that the contents take up.
    pub fn resident(&self) -> u64 {
        self.pages.read().resident()
    }

    /// The bytes from `offset` on that are there, of `len`. `EINVAL` where that is misaligned.
    fn span(&self, offset: u64, len: u64) -> Result<usize, Errno> {
        let mask = u64::from(self.block_size) - 1;
        if (offset | len) & mask != 0 {
            return Err(Errno::EINVAL);
        }
        Ok(len.min(self.size.saturating_sub(offset)) as usize)
    }

    fn read(&self, request: &mut Request<'_>, offset: u64) -> Result<usize, Errno> {
        let len = self.span(offset, request.len() as u64)?;
        self.pages.read().read(request, offset, len)?;
        Ok(len)
    }

    fn write(&self, request: &mut Request<'_>, offset: u64) -> Result<usize, Errno> {
        let len = self.span(offset, request.len() as u64)?;
        if self.read_only {
            return Err(Errno::EROFS);
        }
        if len == 0 && !request.is_empty() {
            return Err(Errno::ENOSPC);
        }
        self.pages.write().write(request, offset, len)?;
        Ok(len)
    }

    fn discard(&self, offset: u64, len: u64) -> Result<usize, Errno> {
        let len = self.span(offset, len)?;
        if self.read_only {
            return Err(Errno::EROFS);
        }
        self.pages.write().discard(offset, len);
        Ok(0)
    }
}

impl Port<Body> for Ramdisk {
    fn begin<'s>(&'s self, mut request: Request<'s>) -> Outcome<'s, Body> {
        let result = match request.body().op {
            Op::Read { node: Node::ROOT, offset } => self.read(&mut request, offset),
            Op::Write { node: Node::ROOT, offset } => self.write(&mut request, offset),
            Op::Flush { node: Node::ROOT } => Ok(0),
            Op::Discard { offset, len } => self.discard(offset, len),
            Op::Read { .. } | Op::Write { .. } | Op::Flush { .. } => Err(Errno::ESTALE),
            _ => Err(Errno::EOPNOTSUPP),
        };
        request.done(Status::from(result))
    }
}

impl Driver for Ramdisk {
    fn describe(&self) -> Description {
        let read_only = if self.read_only { Features::READ_ONLY } else { Features::empty() };
        Description {
            class: Class::Block,
            size: self.size,
            block_size: self.block_size,
            features: Features::CONCURRENT | Features::DISCARD | read_only,
        }
    }
}

/// How a description of a stack names it.
pub const KIND: Kind = Kind {
    name: "ramdisk",
    help: "a sparse disk in memory",
    stands: Stands::Alone,
    options: &[
        OptionSpec {
            key: "size",
            kind: OptionKind::Size,
            required: true,
            help: "bytes of the disk",
        },
        OptionSpec {
            key: "block_size",
            kind: OptionKind::Size,
            required: false,
            help: "bytes of a block (512)",
        },
        OptionSpec {
            key: "read_only",
            kind: OptionKind::Flag,
            required: false,
            help: "refuse writes",
        },
    ],
    make,
};

fn make(options: &Options, _: Vec<driver::Lower>, _: &Context) -> Built {
    let size = options.integer("size").ok_or("say its size, such as size = \"64 MiB\"")?;
    let block_size = options.integer("block_size").unwrap_or(512);
    Ok(Arc::new(Ramdisk::new(size, block_size, options.flag("read_only"))?))
}
