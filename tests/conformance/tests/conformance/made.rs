//! Kinds of drivers that are there for the suite: an empty RedoxFS, and what answers nobody.

use std::sync::{Arc, Mutex};

use agent::Neighbour;
use driver::{
    Body, Built, Context, Description, Driver, Errno, Exchange, Kept, Kind, Lower, MessageId, Op,
    OptionKind, OptionSpec, Options, Outcome, Port, Request, Stands,
};
use driver_ramdisk::Ramdisk;
use redoxfs::{BLOCK_SIZE, FileSystem, Node, TreePtr};
use redoxfs_disk::{Error, PortDisk};

/// A RedoxFS with nothing in it (`build.rs`).
const EMPTY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/empty.redoxfs"));

/// A disk in memory with a RedoxFS.
pub(crate) const FORMATTED: Kind = Kind {
    name: "formatted",
    help: "a disk in memory with a RedoxFS",
    stands: Stands::Alone,
    options: &[OptionSpec {
        key: "odd",
        kind: OptionKind::Flag,
        required: false,
        help: "with what nobody would wait for: see the source",
    }],
    make: formatted,
};

fn formatted(options: &Options, _: Vec<Lower>, context: &Context) -> Built {
    let disk = Arc::new(Ramdisk::new(EMPTY.len() as u64, 512, false)?);
    let port: Arc<dyn Port<Body>> = Arc::<Ramdisk>::clone(&disk);
    let port = Neighbour::new(port, 1);
    let mut below = PortDisk::new(port.clone(), EMPTY.len() as u64, context.wait);
    for (number, block) in (0..).zip(EMPTY.chunks(BLOCK_SIZE as usize)) {
        if block.iter().any(|byte| *byte != 0) {
            below.write(number, block).map_err(|errno| errno.to_string())?;
        }
    }
    if options.flag("odd") {
        odd(below).map_err(|error| error.to_string())?;
    }
    Ok(disk)
}

/// A file with all the names that it may have, but that they are not there; and two directories that
/// are in each other.
fn odd(disk: PortDisk) -> Result<(), Error> {
    let mut fs = FileSystem::open(disk, None, None, false)?;
    fs.tx(|tx| {
        let mut file = tx.create_node(TreePtr::root(), "crowded", Node::MODE_FILE | 0o666, 1, 0)?;
        file.data_mut().set_links(u32::MAX);
        tx.sync_tree(file)?;
        let outer = tx.create_node(TreePtr::root(), "outer", Node::MODE_DIR | 0o777, 1, 0)?;
        let inner = tx.create_node(outer.ptr(), "inner", Node::MODE_DIR | 0o777, 1, 0)?;
        tx.link_node(inner.ptr(), "outer", outer.ptr())
    })
}

/// Keeps each request for a directory until it is aborted.
pub(crate) const STUCK: Kind = Kind {
    name: "stuck",
    help: "makes no directory, and answers nobody who wants one",
    stands: Stands::OnOne,
    options: &[],
    make: |_, lower, _| {
        let lower = Lower::required(lower, &STUCK)?;
        Ok(Arc::new(Stuck { lower, kept: Mutex::default() }))
    },
};

struct Stuck {
    lower: Lower,
    kept: Mutex<Vec<Kept<Body>>>,
}

impl Port<Body> for Stuck {
    fn begin<'s>(&'s self, request: Request<'s>) -> Outcome<'s, Body> {
        match request.body().op {
            Op::Mkdir { .. } => request.keep(self),
            _ => request.pass(&self.lower.port),
        }
    }

    fn take(&self, kept: Kept<Body>) {
        self.kept.lock().expect("nobody panics").push(kept);
    }

    fn abort(&self, id: MessageId) {
        let found = {
            let kept = &mut *self.kept.lock().expect("nobody panics");
            kept.iter().position(|kept| kept.id() == id).map(|at| kept.swap_remove(at))
        };
        if let Some(kept) = found {
            kept.done(Errno::ECANCELED);
        }
    }
}

impl Driver for Stuck {
    fn describe(&self) -> Description {
        let described = self.lower.description;
        Description { features: described.features | driver::Features::BLOCKS, ..described }
    }
}
