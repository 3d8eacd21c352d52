//! Block devices, and their model, as what takes steps.

use std::sync::Arc;

use driver::{Driver, Errno, Features, Status};
use kit::{Disk, discard, flush, read, write};

use crate::trace::{Outcome, Step, Subject, bytes, said};

/// A driver.
pub(crate) struct Device(pub(crate) Arc<dyn Driver>);

fn count(status: Status) -> Outcome {
    status.result().and_then(said)
}

impl Subject for Device {
    fn step(&mut self, step: &Step) -> Outcome {
        let driver = &*self.0;
        match *step {
            Step::Read { at, len } => {
                let mut room = vec![0xee; len];
                let count = read(driver, at, &mut room).result()?;
                // All the room is compared: what is behind the bytes that were read is as it was.
                room.extend(count.to_le_bytes());
                Ok(room)
            }
            Step::Write { at, len, seed } => count(write(driver, at, &bytes(seed, len))),
            Step::Discard { at, len } => count(discard(driver, at, len)),
            Step::Flush => count(flush(driver)),
            _ => Err(Errno::EOPNOTSUPP),
        }
    }
}

/// A row of bytes.
pub(crate) struct Row {
    disk: Disk,
    discards: bool,
}

impl Row {
    /// The model of a device whose bytes are all 0.
    pub(crate) fn of(driver: &dyn Driver, size: usize) -> Row {
        let described = driver.describe();
        let discards = described.features.contains(Features::DISCARD);
        Row { disk: Disk::new(size, described.block_size.into()), discards }
    }
}

impl Subject for Row {
    fn step(&mut self, step: &Step) -> Outcome {
        match *step {
            Step::Read { at, len } => {
                let mut room = vec![0xee; len];
                let count = self.disk.read(at, &mut room)?;
                room.extend(count.to_le_bytes());
                Ok(room)
            }
            Step::Write { at, len, seed } => self.disk.write(at, &bytes(seed, len)).and_then(said),
            Step::Discard { .. } if !self.discards => Err(Errno::EOPNOTSUPP),
            Step::Discard { at, len } => self.disk.discard(at, len).and_then(said),
            Step::Flush => said(0),
            _ => Err(Errno::EOPNOTSUPP),
        }
    }
}
