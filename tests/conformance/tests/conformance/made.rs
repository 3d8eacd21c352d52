//! Kinds of drivers that are there for the suite: an empty RedoxFS, and what answers nobody.

use std::sync::{Arc, Mutex};

use agent::Neighbour;
use driver::{
    Body, Built, Context, Description, Driver, Errno, Exchange, Kept, Kind, Lower, MessageId, Op,
    OptionKind, OptionSpec, Options, Outcome, Port, Request, Stands,
};
use driver_ramdisk::Ramdisk;
use redoxfs::FileSystem;
use redoxfs_disk::PortDisk;

/// A disk in memory with an empty RedoxFS.
pub(crate) const FORMATTED: Kind = Kind {
    name: "formatted",
    help: "a disk in memory with an empty RedoxFS",
    stands: Stands::Alone,
    options: &[OptionSpec {
        key: "size",
        kind: OptionKind::Size,
        required: true,
        help: "bytes of the disk",
    }],
    make: formatted,
};

fn formatted(options: &Options, _: Vec<Lower>, context: &Context) -> Built {
    let size = options.integer("size").unwrap_or_default();
    let disk = Arc::new(Ramdisk::new(size, 512, false)?);
    let port: Arc<dyn Port<Body>> = Arc::<Ramdisk>::clone(&disk);
    let below = PortDisk::new(Neighbour::new(port, 1), size, context.wait);
    FileSystem::create(below, None, 1, 0).map_err(|error| error.to_string())?;
    Ok(disk)
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
