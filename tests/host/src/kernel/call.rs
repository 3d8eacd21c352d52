//! `SYS_CALL`: calls of a scheme's own, standard file calls, and passing descriptors.

use std::sync::Arc;

use syscall::error::{EBUSY, EINVAL, EOPNOTSUPP, Error, Result};
use syscall::flag::{CallFlags, StdFsCallKind};

use super::files;
use super::memory::Buffer;
use super::process::Cx;
use super::scheme::{self, StdFs};

/// Words of metadata that arrive.
const MAX_METADATA: usize = 3;

/// The flags that this season's kernel knows. Direct switch and calls on two descriptors came
/// later.
const KNOWN: CallFlags = CallFlags::CONSUME
    .union(CallFlags::WRITE)
    .union(CallFlags::READ)
    .union(CallFlags::FD)
    .union(CallFlags::FD_EXCLUSIVE)
    .union(CallFlags::FD_CLONE)
    .union(CallFlags::FD_UPPER)
    .union(CallFlags::FD_CLOEXEC)
    .union(CallFlags::STD_FS);
/// Standard file calls that came later.
const LATER: [StdFsCallKind; 3] =
    [StdFsCallKind::Unlinkat, StdFsCallKind::Frenameat, StdFsCallKind::Flinkat];
/// The low byte is the number of metadata words.
const COUNT_MASK: usize = 0xff;

/// One call. EINVAL for unknown flags; metadata over three words is dropped.
pub(crate) fn call(
    cx: &Cx,
    fd: usize,
    payload: Buffer,
    flags: usize,
    metadata: &[u64],
) -> Result<usize> {
    // Count and flags travel in one word.
    let word = flags | metadata.len();
    let flags = CallFlags::from_bits(word & !COUNT_MASK).ok_or(Error::new(EINVAL))?;
    if !KNOWN.contains(flags) {
        return Err(Error::new(EINVAL));
    }
    let count = (word & COUNT_MASK).min(MAX_METADATA).min(metadata.len());
    let metadata = &metadata[..count];
    if flags.contains(CallFlags::FD | CallFlags::WRITE) {
        send_fds(cx, fd, payload, flags, metadata)
    } else if flags.contains(CallFlags::FD | CallFlags::READ) {
        let (id, number) = files::target(cx, fd)?;
        scheme::get(id)?.fd_read(cx, number, payload, flags, metadata)
    } else {
        plain(cx, fd, payload, flags, metadata)
    }
}

fn plain(cx: &Cx, fd: usize, payload: Buffer, flags: CallFlags, metadata: &[u64]) -> Result<usize> {
    let file = match flags.contains(CallFlags::CONSUME) {
        true => cx.task.table(|table| table.take(fd))?,
        false => cx.task.file(fd)?,
    };
    let scheme = scheme::get(file.scheme)?;
    if flags.contains(CallFlags::STD_FS) {
        scheme.std_fs(cx, &file, payload, std_fs(metadata)?)
    } else {
        scheme.call(cx, file.number, payload, metadata)
    }
}

/// EINVAL for fewer than three words, EOPNOTSUPP for a kind that this season's kernel doesn't
/// know.
fn std_fs(metadata: &[u64]) -> Result<StdFs> {
    let &[kind, arg1, arg2] = metadata else { return Err(Error::new(EINVAL)) };
    let unknown = Error::new(EOPNOTSUPP);
    let kind = StdFsCallKind::try_from_raw(kind as u8).ok_or(unknown)?;
    if LATER.contains(&kind) {
        return Err(unknown);
    }
    Ok(StdFs { kind, arg1, arg2 })
}

/// Gives descriptors away. EBADF and then none is taken; EBUSY if they are to be exclusive and
/// are not, and then they are lost.
fn send_fds(
    cx: &Cx,
    fd: usize,
    payload: Buffer,
    flags: CallFlags,
    metadata: &[u64],
) -> Result<usize> {
    let fds = payload.words();
    let (id, number) = files::target(cx, fd)?;
    let scheme = scheme::get(id)?;
    let sent = files::take_all(cx, &fds, flags.contains(CallFlags::FD_CLONE))?;
    let exclusive = flags & CallFlags::FD_EXCLUSIVE;
    if !exclusive.is_empty() && sent.iter().any(|file| Arc::strong_count(file) > 1) {
        return Err(Error::new(EBUSY));
    }
    scheme.fd_write(cx, number, sent, exclusive, metadata)?;
    Ok(fds.len())
}
