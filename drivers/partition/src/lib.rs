//! One partition of the block port below. It rewrites where a request goes and looks at nothing;
//! the table is read once, when the driver is made.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod gpt;
mod mbr;
mod table;

use alloc::{format, string::String, sync::Arc, vec::Vec};

use driver::{
    Body, Built, Class, Context, Description, Driver, Errno, Exchange, Kind, Lower, Op, OptionKind,
    OptionSpec, Options, Outcome, Part, Port, Request, Saved, Stands, Status,
};

use table::{Disk, Table};

/// A range of the block port below, as a block device of its own.
pub struct Partition {
    lower: Lower,
    start: u64,
    len: u64,
}

/// How a description of a stack names it.
pub const KIND: Kind = Kind {
    name: "partition",
    help: "one partition of the disk below",
    stands: Stands::OnOne,
    options: &[
        OptionSpec {
            key: "number",
            kind: OptionKind::Integer,
            required: true,
            help: "which partition, from 1 on",
        },
        OptionSpec {
            key: "table",
            kind: OptionKind::Text,
            required: false,
            help: "the kind of table: gpt, mbr or auto (auto)",
        },
    ],
    make,
};

fn make(options: &Options, lower: Vec<Lower>, context: &Context) -> Built {
    let lower = Lower::required(lower, &KIND)?;
    let number = options.integer("number").ok_or("say which partition: number = 1")?;
    let table = Table::named(options.text("table").unwrap_or("auto"))?;
    Ok(Arc::new(Partition::find(lower, number, table, context)?))
}

impl Partition {
    fn find(lower: Lower, number: u64, table: Table, context: &Context) -> Result<Self, String> {
        let disk = Disk::new(&lower, context.wait)?;
        let entry = table.entry(&disk, number)?;
        let (first, end) = (entry.first, entry.first.checked_add(entry.blocks));
        match end.filter(|end| first > 0 && *end <= disk.blocks()) {
            Some(_) => {}
            None => {
                return Err(format!(
                    "partition {number} has {} blocks from block {first} on, but the disk has \
                     {} blocks: it was cut short, or the table is another disk's",
                    entry.blocks,
                    disk.blocks()
                ));
            }
        }
        let block = disk.block_size();
        let (start, len) = (first * block, entry.blocks * block);
        Ok(Partition { lower, start, len })
    }

    /// Where `offset` is on the disk, and how much of `len` lies in the partition.
    fn place(&self, offset: u64, len: u64) -> Option<(u64, u64)> {
        let room = self.len.checked_sub(offset).filter(|room| *room > 0)?;
        Some((self.start + offset, len.min(room)))
    }

    /// True where a range is not of whole blocks: what is left of it inside may be.
    fn is_ragged(&self, offset: u64, len: u64) -> bool {
        (offset | len) & u64::from(self.lower.description.block_size).wrapping_sub(1) != 0
    }

    fn transfer<'s>(&'s self, mut request: Request<'s>, offset: u64) -> Outcome<'s, Body> {
        let len = request.len() as u64;
        if self.is_ragged(offset, len) {
            return request.done(Errno::EINVAL);
        }
        let Some((place, fits)) = self.place(offset, len) else {
            let full = len > 0 && matches!(request.body().op, Op::Write { .. });
            return request.done(if full { Errno::ENOSPC.into() } else { Status::OK });
        };
        let [start, before] = request.part().words();
        if let Err(errno) = request.narrow(0..fits as usize) {
            return request.done(errno);
        }
        set_offset(&mut request, place);
        request.forward(self, &self.lower.port, [offset, start, before])
    }

    fn discard<'s>(&'s self, mut request: Request<'s>, offset: u64, len: u64) -> Outcome<'s, Body> {
        if self.is_ragged(offset, len) {
            return request.done(Errno::EINVAL);
        }
        let Some((place, fits)) = self.place(offset, len) else {
            return request.done(Status::OK);
        };
        request.body_mut().op = Op::Discard { offset: place, len: fits };
        request.forward(self, &self.lower.port, [offset, len, 0])
    }
}

fn set_offset(request: &mut Request<'_>, to: u64) {
    if let Op::Read { offset, .. } | Op::Write { offset, .. } = &mut request.body_mut().op {
        *offset = to;
    }
}

impl Port<Body> for Partition {
    #[inline]
    fn begin<'s>(&'s self, request: Request<'s>) -> Outcome<'s, Body> {
        match request.body().op {
            Op::Read { offset, .. } | Op::Write { offset, .. } => self.transfer(request, offset),
            Op::Discard { offset, len } => self.discard(request, offset, len),
            Op::Flush { .. } => request.pass(&self.lower.port),
            _ => request.done(Errno::EOPNOTSUPP),
        }
    }

    #[inline]
    fn up<'s>(
        &'s self,
        mut request: Request<'s>,
        status: Status,
        saved: Saved,
    ) -> Outcome<'s, Body> {
        if let Op::Discard { offset, len } = &mut request.body_mut().op {
            (*offset, *len) = (saved[0], saved[1]);
            return request.done(status);
        }
        set_offset(&mut request, saved[0]);
        match request.restore(Part::from_words([saved[1], saved[2]])) {
            Ok(()) => request.done(status),
            Err(errno) => request.done(errno),
        }
    }
}

impl Driver for Partition {
    fn describe(&self) -> Description {
        Description { class: Class::Block, size: self.len, ..self.lower.description }
    }

    fn passes_data(&self) -> bool {
        true
    }
}
