//! A disk that is not empty: an image with a partition table, for what finds its place by one.

use std::sync::Arc;

use driver::{
    Body, Call, Context, Cred, Data, Kind, Lower, Node, Op, OptionKind, OptionSpec, Options, Spin,
    Stands,
};
use driver_ramdisk::Ramdisk;

use crate::made::{FORMATTED, STUCK};

const BLOCK: usize = 512;

/// A disk with one partition of `size` bytes, the second one, behind a table of the old kind.
const KIND: Kind = Kind {
    name: "image",
    help: "a disk in memory with a partition",
    stands: Stands::Alone,
    options: &[OptionSpec {
        key: "size",
        kind: OptionKind::Size,
        required: true,
        help: "bytes of the partition",
    }],
    make,
};

/// What descriptions have here beside what `portd` has: this and others, the driver of the tutorial
/// among them.
pub(crate) const MORE: [Kind; 4] = [KIND, tally::KIND, FORMATTED, STUCK];

/// Where the partition begins, and what comes behind it, in blocks.
const FIRST: u64 = 7;
const BEHIND: u64 = 3;

fn make(options: &Options, _: Vec<Lower>, _: &Context) -> driver::Built {
    let blocks = options.integer("size").unwrap_or_default() / BLOCK as u64;
    let disk = Ramdisk::new((FIRST + blocks + BEHIND) * BLOCK as u64, BLOCK as u64, false)?;
    let op = Op::Write { node: Node::ROOT, offset: 0 };
    let table = table(blocks as u32);
    let written = Call::new(Body::new(op, Cred::ROOT), Data::source(&table)).run(&disk, &Spin);
    written.result().map_err(|errno| errno.to_string())?;
    Ok(Arc::new(disk))
}

/// The first block: the entry of the second partition, and the mark at the end.
fn table(blocks: u32) -> [u8; BLOCK] {
    let mut table = [0; BLOCK];
    let entry = &mut table[446 + 16..][..16];
    entry[4] = 0x83;
    entry[8..12].copy_from_slice(&(FIRST as u32).to_le_bytes());
    entry[12..].copy_from_slice(&blocks.to_le_bytes());
    table[510..].copy_from_slice(&[0x55, 0xaa]);
    table
}
