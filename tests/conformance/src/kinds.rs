//! Kinds that only tests have: they prepare a disk.

use std::sync::Arc;

use driver::{
    Body, Call, Context, Cred, Data, Description, Driver, Kind, Lower, Node, Op, Options, Origin,
    Outcome, Port, Request, Stands,
};
use redoxfs::FileSystem;
use redoxfs_disk::PortDisk;

/// Bytes before the partition.
const FIRST: u64 = 2048;

/// Makes an empty RedoxFS on what is below, and passes everything from then on.
pub const MKFS: Kind = Kind {
    name: "mkfs",
    help: "an empty RedoxFS",
    stands: Stands::OnOne,
    options: &[],
    make: |_: &Options, lower: Vec<Lower>, context: &Context| {
        let lower = Lower::required(lower, &MKFS)?;
        let disk = PortDisk::new(lower.port.clone(), lower.description.size, context.wait);
        FileSystem::create(disk, None, 1, 0).map_err(|error| error.to_string())?;
        Ok(Arc::new(Formatted(lower)))
    },
};

/// The same with a table of one partition, behind which as much is left as before it.
pub const MKTABLE: Kind = Kind {
    name: "mktable",
    help: "a partition table",
    stands: Stands::OnOne,
    options: &[],
    make: |_: &Options, lower: Vec<Lower>, context: &Context| {
        let lower = Lower::required(lower, &MKTABLE)?;
        let mut table = [0; 512];
        let entry = &mut table[446..462];
        entry[4] = 0x83;
        let blocks = (lower.description.size - 2 * FIRST) / 512;
        entry[8..12].copy_from_slice(&((FIRST / 512) as u32).to_le_bytes());
        entry[12..].copy_from_slice(&(blocks as u32).to_le_bytes());
        table[510..].copy_from_slice(&[0x55, 0xaa]);
        let op = Op::Write { node: Node::ROOT, offset: 0 };
        let mut call = Call::new(Body::new(op, Cred::ROOT), Data::source(&table));
        let written = lower.port.call(&mut Origin::root(), context.wait, &mut call);
        written.result().map_err(|errno| errno.to_string())?;
        Ok(Arc::new(Formatted(lower)))
    },
};

struct Formatted(Lower);

impl Port<Body> for Formatted {
    fn begin<'s>(&'s self, request: Request<'s>) -> Outcome<'s, Body> {
        request.pass(&self.0.port)
    }
}

impl Driver for Formatted {
    fn describe(&self) -> Description {
        self.0.description
    }

    fn passes_data(&self) -> bool {
        true
    }
}
