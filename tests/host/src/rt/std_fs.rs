//! The file operations that are standard file calls: fstat and its kin.

use std::ops::{Deref, DerefMut};

use syscall::data::{Stat, StatVfs, StdFsCallMeta, TimeSpec};
use syscall::dirent::{DirentHeader, DirentKind};
use syscall::error::{EINVAL, ENAMETOOLONG, ENOSYS, EOPNOTSUPP, Error, Result};
use syscall::flag::{CallFlags, StdFsCallKind};

use crate::kernel::call::call;
use crate::kernel::files;
use crate::kernel::memory::{Access, Buffer};
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
    let payload = both(record.as_mut_ptr(), record.len())?;
    std_fs(cx, fd, payload, CallFlags::READ, kind, [0; 2])?;
    Ok(record)
}

/// Memory that is lent both ways, as all payloads are.
fn both(base: *mut u8, len: usize) -> Result<Buffer> {
    // SAFETY: the callers in this module pass memory that they own until the call is over.
    unsafe { Buffer::new(base as usize, len, Access::Both) }
}

pub(crate) fn fstat(cx: &Cx, fd: usize) -> Result<Stat> {
    fill(cx, fd, StdFsCallKind::Fstat)
}

pub(crate) fn fstatvfs(cx: &Cx, fd: usize) -> Result<StatVfs> {
    fill(cx, fd, StdFsCallKind::Fstatvfs)
}

/// Access and modification time, in this order.
pub(crate) fn futimens(cx: &Cx, fd: usize, times: &mut [TimeSpec; 2]) -> Result<usize> {
    let payload = both(times.as_mut_ptr().cast(), size_of_val(times))?;
    std_fs(cx, fd, payload, CallFlags::WRITE, StdFsCallKind::Futimens, [0; 2])
}

/// Entries of a directory. For a scheme that doesn't have the call, the C library reads a list of
/// names instead, one at a time.
pub(crate) fn getdents(cx: &Cx, fd: usize, buffer: &mut [u8], from: u64) -> Result<usize> {
    let payload = both(buffer.as_mut_ptr(), buffer.len())?;
    let args = [from, HEADER_SIZE as u64];
    match std_fs(cx, fd, payload, CallFlags::READ, StdFsCallKind::Getdents, args) {
        Err(error) if matches!(error.errno, EOPNOTSUPP | ENOSYS) => read_name(cx, fd, buffer, from),
        done => done,
    }
}

fn read_name(cx: &Cx, fd: usize, buffer: &mut [u8], from: u64) -> Result<usize> {
    let (header, name) = buffer.split_at_mut_checked(HEADER_SIZE).ok_or(Error::new(EINVAL))?;
    let count = files::pread(cx, fd, Buffer::from_slice_mut(name), from)?.min(name.len());
    if count == 0 {
        return Ok(0);
    }
    let (len, advance) = match name[..count].iter().position(|byte| *byte == b'\n') {
        Some(len) => (len, len + 1),
        None if count == name.len() => return Err(Error::new(EINVAL)),
        None => (count, name.len()),
    };
    name[len] = 0;
    let record_len = u16::try_from(HEADER_SIZE + len + 1).map_err(|_| Error::new(ENAMETOOLONG))?;
    header.copy_from_slice(&DirentHeader {
        inode: 0,
        next_opaque_id: from + advance as u64,
        record_len,
        kind: DirentKind::Unspecified as u8,
    });
    Ok(record_len.into())
}
