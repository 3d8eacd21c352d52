//! The file operations that are standard file calls: fstat and its kin.

use std::ops::{Deref, DerefMut};

use syscall::data::{Stat, StatVfs, StdFsCallMeta};
use syscall::dirent::{DirentHeader, DirentKind};
use syscall::error::{EINVAL, ENAMETOOLONG, ENOSYS, EOPNOTSUPP, Error, Result};
use syscall::flag::{CallFlags, StdFsCallKind};

use crate::kernel::call::call;
use crate::kernel::files;
use crate::kernel::memory::Buffer;
use crate::kernel::process::Cx;

const HEADER_SIZE: usize = size_of::<DirentHeader>();

/// One standard file call.
pub(crate) fn std_fs(
    cx: &Cx,
    fd: usize,
    payload: Buffer,
    direction: CallFlags,
    kind: StdFsCallKind,
    args: [u64; 2],
) -> Result<usize> {
    let metadata = StdFsCallMeta::new(kind, args[0], args[1]);
    call(cx, fd, payload, (CallFlags::STD_FS | direction).bits(), &metadata)
}

/// A call without payload.
pub(crate) fn bare(cx: &Cx, fd: usize, kind: StdFsCallKind, arg: u64) -> Result<usize> {
    std_fs(cx, fd, Buffer::from_slice(&[]), CallFlags::WRITE, kind, [arg, 0])
}

/// Has a scheme fill a record.
fn fill<T>(cx: &Cx, fd: usize, kind: StdFsCallKind) -> Result<T>
where
    T: Default + DerefMut + Deref<Target = [u8]>,
{
    let mut record = T::default();
    let payload = Buffer::from_slice_both(&mut record);
    std_fs(cx, fd, payload, CallFlags::READ, kind, [0; 2])?;
    Ok(record)
}

pub(crate) fn fstat(cx: &Cx, fd: usize) -> Result<Stat> {
    fill(cx, fd, StdFsCallKind::Fstat)
}

pub(crate) fn fstatvfs(cx: &Cx, fd: usize) -> Result<StatVfs> {
    fill(cx, fd, StdFsCallKind::Fstatvfs)
}

/// Access and modification time, in this order.
pub(crate) fn futimens(cx: &Cx, fd: usize, times: Buffer) -> Result<usize> {
    std_fs(cx, fd, times, CallFlags::WRITE, StdFsCallKind::Futimens, [0; 2])
}

/// Entries of a directory. For a scheme that doesn't have the call, the C library reads a list of
/// names instead, one at a time.
pub(crate) fn getdents(cx: &Cx, fd: usize, buffer: Buffer, from: u64) -> Result<usize> {
    let args = [from, HEADER_SIZE as u64];
    match std_fs(cx, fd, buffer.clone(), CallFlags::READ, StdFsCallKind::Getdents, args) {
        Err(error) if matches!(error.errno, EOPNOTSUPP | ENOSYS) => {
            read_name(cx, fd, &buffer, from)
        }
        done => done,
    }
}

fn read_name(cx: &Cx, fd: usize, buffer: &Buffer, from: u64) -> Result<usize> {
    if buffer.len() < HEADER_SIZE {
        return Err(Error::new(EINVAL));
    }
    let place = buffer.skip(HEADER_SIZE);
    let count = files::pread(cx, fd, place.to_fill(), from)?.min(place.len());
    if count == 0 {
        return Ok(0);
    }
    let mut name = vec![0; count];
    place.read(&mut name);
    let (len, advance) = match name.iter().position(|byte| *byte == b'\n') {
        Some(len) => (len, len + 1),
        None if count == place.len() => return Err(Error::new(EINVAL)),
        None => (count, place.len()),
    };
    place.skip(len).write(&[0]);
    let record_len = u16::try_from(HEADER_SIZE + len + 1).map_err(|_| Error::new(ENAMETOOLONG))?;
    buffer.write(&DirentHeader {
        inode: 0,
        next_opaque_id: from + advance as u64,
        record_len,
        kind: DirentKind::Unspecified as u8,
    });
    Ok(record_len.into())
}
