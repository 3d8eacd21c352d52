//! What the tests of drivers share: ways to make and ask one, fakes to stand it on, a plain model
//! of a block device, a cipher's device, and random steps to take on block devices and file systems.

mod ask;
mod block;
mod clock;
mod files;
mod keeper;
mod offload;
mod spy;

pub use ask::{CONTEXT, Late, ask, discard, flush, lower, make, read, sent, write};
pub use block::{Disk, Step, same, steps};
pub use clock::{now, set_now};
pub use files::{FileStep, Files, Twin, file_steps, tmpfs};
pub use keeper::Keeper;
pub use offload::Offload;
pub use spy::{Fault, Seen, Spy};

use std::sync::Arc;

use driver::{Driver, Node, Op};

/// A disk in memory of `size` bytes, in blocks of 512.
pub fn ramdisk(size: u64) -> Arc<dyn Driver> {
    Arc::new(driver_ramdisk::Ramdisk::new(size, 512, false).expect("a size in whole blocks"))
}

/// A read of a device.
pub const fn read_at(offset: u64) -> Op {
    Op::Read { node: Node::ROOT, offset }
}

/// A write to a device.
pub const fn write_at(offset: u64) -> Op {
    Op::Write { node: Node::ROOT, offset }
}

/// A flush of a device.
pub const FLUSH: Op = Op::Flush { node: Node::ROOT };
