//! The agent that makes a plain file or a device of the system a block port.
//!
//! Reads and writes go straight between the file and the message's data where that is private
//! memory; memory that another party shares is reached through a private buffer, one copy.

use std::{
    fs::{File, OpenOptions},
    os::unix::fs::FileExt,
    sync::Arc,
};

use agent::{Counts, Errno, Outcome, Port};
use driver::{
    Body, Built, Class, Description, Driver, Exchange, Features, Kind, Op, OptionKind, OptionSpec,
    Options, Request, Stands,
};

/// The largest piece that goes through a private buffer at once.
const BOUNCE: usize = 1 << 20;

/// How a description of a stack names it.
pub const KIND: Kind = Kind {
    name: "file",
    help: "a file or device of the system as a block device",
    stands: Stands::Alone,
    options: &[
        OptionSpec {
            key: "path",
            kind: OptionKind::Text,
            required: true,
            help: "the file or device",
        },
        OptionSpec {
            key: "block_size",
            kind: OptionKind::Integer,
            required: false,
            help: "bytes of a block, a power of two; 512 if not given",
        },
        OptionSpec {
            key: "read_only",
            kind: OptionKind::Flag,
            required: false,
            help: "refuse writes",
        },
    ],
    make: |options, _, _| make(options),
};

struct FileDisk {
    file: File,
    description: Description,
}

fn make(options: &Options) -> Built {
    let path = options.text("path").unwrap_or_default();
    let block = options.integer("block_size").unwrap_or(512);
    if !block.is_power_of_two() || !(512..=65536).contains(&block) {
        return Err(format!("block_size is {block}; give a power of two from 512 to 65536"));
    }
    let read_only = options.flag("read_only");
    let file = OpenOptions::new().read(true).write(!read_only).open(path).map_err(|error| {
        format!("can't open {path}: {error}; check the path and its permissions, or read_only")
    })?;
    let size = file.metadata().map_err(|error| format!("can't size {path}: {error}"))?.len();
    let mut features = Features::BLOCKS | Features::CONCURRENT;
    features.set(Features::READ_ONLY, read_only);
    let block_size = u32::try_from(block).unwrap_or(512);
    let size = size - size % block;
    Ok(Arc::new(FileDisk {
        file,
        description: Description { class: Class::Block, size, block_size, features },
    }))
}

impl FileDisk {
    /// The bytes of the device from `offset` on, at most `len`; `EINVAL` where either is no
    /// multiple of the block.
    fn span(&self, offset: u64, len: usize) -> Result<usize, Errno> {
        let block = u64::from(self.description.block_size);
        if !offset.is_multiple_of(block) || !(len as u64).is_multiple_of(block) {
            return Err(Errno::EINVAL);
        }
        let left = self.description.size.saturating_sub(offset);
        Ok(usize::try_from(left).map_or(len, |left| left.min(len)))
    }

    fn read(&self, request: &mut Request<'_>, offset: u64) -> Result<usize, Errno> {
        let len = self.span(offset, request.len())?;
        if let Some(room) = request.room() {
            self.file.read_exact_at(&mut room[..len], offset).map_err(errno)?;
            return Ok(len);
        }
        let mut buffer = vec![0; len.min(BOUNCE)];
        for at in (0..len).step_by(BOUNCE) {
            let piece = &mut buffer[..BOUNCE.min(len - at)];
            self.file.read_exact_at(piece, offset + at as u64).map_err(errno)?;
            request.fill(at, piece)?;
        }
        request.count(Counts { copies: 1, ..Counts::default() });
        Ok(len)
    }

    fn write(&self, request: &mut Request<'_>, offset: u64) -> Result<usize, Errno> {
        if self.description.features.contains(Features::READ_ONLY) {
            return Err(Errno::EROFS);
        }
        let len = self.span(offset, request.len())?;
        if len == 0 && !request.is_empty() {
            return Err(Errno::ENOSPC);
        }
        if let Some(bytes) = request.bytes() {
            self.file.write_all_at(&bytes[..len], offset).map_err(errno)?;
            return Ok(len);
        }
        let mut buffer = vec![0; len.min(BOUNCE)];
        for at in (0..len).step_by(BOUNCE) {
            let piece = &mut buffer[..BOUNCE.min(len - at)];
            request.fetch(at, piece)?;
            self.file.write_all_at(piece, offset + at as u64).map_err(errno)?;
        }
        request.count(Counts { copies: 1, ..Counts::default() });
        Ok(len)
    }
}

fn errno(error: std::io::Error) -> Errno {
    let code = error.raw_os_error().and_then(|code| u16::try_from(code).ok());
    code.map_or(Errno::EIO, Errno)
}

impl Port<Body> for FileDisk {
    fn begin<'s>(&'s self, mut request: Request<'s>) -> Outcome<'s, Body> {
        let result = match request.body().op {
            Op::Read { offset, .. } => self.read(&mut request, offset),
            Op::Write { offset, .. } => self.write(&mut request, offset),
            Op::Flush { .. } => self.file.sync_data().map(|()| 0).map_err(errno),
            _ => Err(Errno::EOPNOTSUPP),
        };
        request.done(result)
    }
}

impl Driver for FileDisk {
    fn describe(&self) -> Description {
        self.description
    }
}
