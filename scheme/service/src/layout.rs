//! Structures of the system's standard calls, and what they say to a driver.

use agent::Errno;
use driver::{Attr, SetAttr, Statfs, Time};
use syscall::data::{Stat, StatVfs};

use crate::{place::now, socket::Ask};

/// Times that are not times.
const UTIME_NOW: i64 = (1 << 30) - 1;
const UTIME_OMIT: i64 = (1 << 30) - 2;

/// Attributes, as `fstat` gives them.
pub(crate) fn stat(attr: &Attr) -> Stat {
    Stat {
        st_ino: attr.inode,
        st_mode: attr.kind.mode_bits() | attr.mode,
        st_nlink: attr.links,
        st_uid: attr.uid,
        st_gid: attr.gid,
        st_size: attr.size,
        st_blksize: attr.block_size.max(512),
        st_blocks: attr.blocks,
        st_mtime: attr.mtime.sec,
        st_mtime_nsec: attr.mtime.nsec,
        st_atime: attr.atime.sec,
        st_atime_nsec: attr.atime.nsec,
        st_ctime: attr.ctime.sec,
        st_ctime_nsec: attr.ctime.nsec,
        ..Stat::default()
    }
}

/// Figures, as `fstatvfs` gives them.
pub(crate) fn statvfs(figures: &Statfs) -> StatVfs {
    StatVfs {
        f_bsize: figures.block_size,
        f_blocks: figures.blocks,
        f_bfree: figures.free,
        f_bavail: figures.free,
    }
}

/// Two times, as `futimens` sends them: seconds (64 bits), nanoseconds (32), four bytes of room.
pub(crate) fn times(ask: &Ask) -> Result<SetAttr, Errno> {
    let bytes = ask.copy(32, Errno::EINVAL)?;
    let [atime, mtime] = bytes.as_chunks::<16>().0 else { return Err(Errno::EINVAL) };
    Ok(SetAttr { atime: time(atime)?, mtime: time(mtime)?, ..SetAttr::default() })
}

fn time(bytes: &[u8; 16]) -> Result<Option<Time>, Errno> {
    let word = |at: usize| bytes[at..at + 8].try_into().map(u64::from_ne_bytes);
    let sec = word(0).map_err(|_| Errno::EINVAL)?;
    let nsec = word(8).map_err(|_| Errno::EINVAL)? as u32;
    match i64::from(nsec) {
        UTIME_NOW => Ok(Some(now())),
        UTIME_OMIT => Ok(None),
        0..1_000_000_000 if sec <= i64::MAX as u64 => Ok(Some(Time { sec, nsec })),
        _ => Err(Errno::EINVAL),
    }
}
