//! The system calls on descriptors.

use std::sync::Arc;

use redox_path::RedoxPath;
use syscall::error::{EBADF, EINVAL, EMFILE, ENAMETOOLONG, EOVERFLOW, Error, Result};
use syscall::flag::{
    EventFlags, F_DUPFD, F_GETFD, F_GETFL, F_SETFD, F_SETFL, O_ACCMODE, SEEK_CUR, SEEK_END,
    SEEK_SET,
};

use super::description::Description;
use super::memory::{Buffer, PAGE};
use super::process::Cx;
use super::scheme::{self, NO_OFFSET};

const STAT_DEV_SIZE: usize = 8;
/// Close-on-exec; schemes are told of it with the other flags.
pub(crate) const O_CLOEXEC: usize = 0x0100_0000;
/// Duplicates and sets close-on-exec.
const F_DUPFD_CLOEXEC: usize = 1030;

/// A path from the caller. ENAMETOOLONG over a page, EINVAL if it is not UTF-8.
pub(crate) fn path(raw: &[u8]) -> Result<&str> {
    if raw.len() > PAGE {
        return Err(Error::new(ENAMETOOLONG));
    }
    str::from_utf8(raw).map_err(|_| Error::new(EINVAL))
}

/// Opens below a directory or a scheme's root. EBADF, EMFILE, ENODEV, and what the scheme says.
pub(crate) fn openat(
    cx: &Cx,
    fd: usize,
    raw_path: &[u8],
    flags: usize,
    fcntl_flags: u32,
) -> Result<usize> {
    let number = cx.task.table(|table| table.reserve())?;
    let opened = openat_description(cx, fd, raw_path, flags, fcntl_flags);
    let number = fill_or_release(cx, number, opened)?;
    set_cloexec(cx, number, flags & O_CLOEXEC != 0)?;
    Ok(number)
}

fn set_cloexec(cx: &Cx, fd: usize, on: bool) -> Result<()> {
    cx.task.table(|table| table.cloexec(fd).map(|cloexec| *cloexec = on))
}

fn openat_description(
    cx: &Cx,
    fd: usize,
    raw_path: &[u8],
    flags: usize,
    fcntl_flags: u32,
) -> Result<Arc<Description>> {
    let path = path(raw_path)?;
    let (id, number) = target(cx, fd)?;
    let opened = scheme::get(id)?.openat(cx, number, path, flags, fcntl_flags)?;
    Ok(opened.into_description(id, flags as u32))
}

fn fill_or_release(cx: &Cx, number: usize, opened: Result<Arc<Description>>) -> Result<usize> {
    cx.task.table(|table| match opened {
        Ok(description) => table.fill(number, description).map(|()| number),
        Err(error) => {
            table.release(number);
            Err(error)
        }
    })
}

/// Scheme and number, without holding the description.
pub(crate) fn target(cx: &Cx, fd: usize) -> Result<(usize, usize)> {
    let file = cx.task.file(fd)?;
    Ok((file.scheme, file.number))
}

/// Another descriptor: of the same description without a verb, of what the scheme makes of it
/// with one. EBADF, EMFILE, ENODEV, and what the scheme says.
pub(crate) fn dup(cx: &Cx, fd: usize, verb: Buffer) -> Result<usize> {
    let number = cx.task.table(|table| table.reserve())?;
    let opened = duplicate(cx, fd, verb);
    fill_or_release(cx, number, opened)
}

/// Like [`dup`], in place of what is behind `new_fd`.
pub(crate) fn dup2(cx: &Cx, fd: usize, new_fd: usize, verb: Buffer) -> Result<usize> {
    if fd == new_fd && verb.is_empty() {
        return cx.task.file(fd).map(|_| new_fd);
    }
    let description = duplicate(cx, fd, verb)?;
    let old = cx.task.table(|table| {
        let old = table.take(new_fd).ok();
        // A number that is reserved already will do as well.
        let _ = table.reserve_at(new_fd);
        table.fill(new_fd, description).map(|()| old).map_err(|_| Error::new(EMFILE))
    })?;
    if let Some(old) = old {
        // As on Redox: the caller never hears of trouble with what was replaced.
        let _ = old.detach(cx.task.pid);
    }
    Ok(new_fd)
}

fn duplicate(cx: &Cx, fd: usize, verb: Buffer) -> Result<Arc<Description>> {
    let file = cx.task.file(fd)?;
    if verb.is_empty() {
        return Ok(file);
    }
    let opened = scheme::get(file.scheme)?.dup(cx, file.number, verb)?;
    Ok(opened.into_description(file.scheme, file.state().flags))
}

/// EBADF; ENODEV if the scheme is gone, and then the number stays taken until it is closed again.
pub(crate) fn close(cx: &Cx, fd: usize) -> Result<usize> {
    match cx.task.table(|table| table.take(fd)) {
        Ok(file) => file.detach(cx.task.pid)?,
        Err(error) => {
            cx.task.table(|table| table.release(fd));
            return Err(error);
        }
    }
    cx.task.table(|table| table.release(fd));
    Ok(0)
}

/// Reads at the description's offset, which moves on, or without one.
pub(crate) fn read(cx: &Cx, fd: usize, to: Buffer) -> Result<usize> {
    let file = cx.task.file(fd)?;
    let (offset, flags) = position(&file);
    let done = scheme::get(file.scheme)?.read(cx, file.number, to, offset, flags)?;
    advance(&file, done);
    Ok(done)
}

/// Writes at the description's offset, which moves on, or without one.
pub(crate) fn write(cx: &Cx, fd: usize, from: Buffer) -> Result<usize> {
    let file = cx.task.file(fd)?;
    let (offset, flags) = position(&file);
    let done = scheme::get(file.scheme)?.write(cx, file.number, from, offset, flags)?;
    advance(&file, done);
    Ok(done)
}

fn position(file: &Description) -> (u64, u32) {
    let state = file.state();
    (if state.positioned { state.offset } else { NO_OFFSET }, state.flags)
}

fn advance(file: &Description, done: usize) {
    file.update(|state| {
        if state.positioned {
            state.offset = state.offset.saturating_add(done as u64);
        }
    });
}

/// Reads at a place; the description's offset stays.
pub(crate) fn pread(cx: &Cx, fd: usize, to: Buffer, offset: u64) -> Result<usize> {
    let file = cx.task.file(fd)?;
    scheme::get(file.scheme)?.read(cx, file.number, to, offset, file.state().flags)
}

/// Writes at a place; the description's offset stays.
pub(crate) fn pwrite(cx: &Cx, fd: usize, from: Buffer, offset: u64) -> Result<usize> {
    let file = cx.task.file(fd)?;
    scheme::get(file.scheme)?.write(cx, file.number, from, offset, file.state().flags)
}

/// Moves the offset. Only the end is asked of the scheme. EINVAL for an unknown `whence` or a
/// place before the start, EOVERFLOW.
pub(crate) fn lseek(cx: &Cx, fd: usize, by: i64, whence: usize) -> Result<usize> {
    let file = cx.task.file(fd)?;
    let scheme = scheme::get(file.scheme)?;
    let base = match whence {
        SEEK_SET => 0,
        SEEK_CUR => file.state().offset,
        SEEK_END => scheme.fsize(cx, file.number)?,
        _ => return Err(Error::new(EINVAL)),
    };
    let place = by.checked_add_unsigned(base).ok_or(Error::new(EOVERFLOW))?;
    let place = u64::try_from(place).map_err(|_| Error::new(EINVAL))?;
    file.update(|state| state.offset = place);
    Ok(place as usize)
}

/// Flags of a descriptor or description. The scheme is asked first, except about close-on-exec.
pub(crate) fn fcntl(cx: &Cx, fd: usize, cmd: usize, arg: usize) -> Result<usize> {
    let file = cx.task.file(fd)?;
    match cmd {
        F_DUPFD => return cx.task.install(file),
        F_DUPFD_CLOEXEC => {
            let number = cx.task.install(file)?;
            return set_cloexec(cx, number, true).map(|()| number);
        }
        F_GETFD => {
            let on = cx.task.table(|table| table.cloexec(fd).map(|cloexec| *cloexec))?;
            return Ok(if on { O_CLOEXEC } else { 0 });
        }
        F_SETFD => return set_cloexec(cx, fd, arg & O_CLOEXEC != 0).map(|()| 0),
        _ => {}
    }
    scheme::get(file.scheme)?.fcntl(cx, file.number, cmd, arg)?;
    match cmd {
        F_GETFL => Ok(file.state().flags as usize),
        F_SETFL => {
            let access = O_ACCMODE as u32;
            file.update(|state| {
                state.flags = (state.flags & access) | (arg as u32 & !access);
            });
            Ok(0)
        }
        _ => Err(Error::new(EINVAL)),
    }
}

pub(crate) fn fpath(cx: &Cx, fd: usize, to: Buffer) -> Result<usize> {
    let file = cx.task.file(fd)?;
    scheme::get(file.scheme)?.fpath(cx, file.number, to)
}

pub(crate) fn fchown(cx: &Cx, fd: usize, uid: u32, gid: u32) -> Result<usize> {
    let file = cx.task.file(fd)?;
    scheme::get(file.scheme)?.fchown(cx, file.number, uid, gid).map(|()| 0)
}

/// The old system call, with the opcode of its own: the kernel puts the scheme's id into
/// `st_dev`.
pub(crate) fn fstat(cx: &Cx, fd: usize, to: Buffer) -> Result<usize> {
    let file = cx.task.file(fd)?;
    scheme::get(file.scheme)?.fstat(cx, file.number, to.clone())?;
    let device = (file.scheme as u64).to_ne_bytes();
    if to.len() < STAT_DEV_SIZE {
        return Err(Error::new(syscall::error::EIO));
    }
    to.write(&device);
    Ok(0)
}

/// The old system call, with the opcode of its own.
pub(crate) fn fsync(cx: &Cx, fd: usize) -> Result<usize> {
    let file = cx.task.file(fd)?;
    scheme::get(file.scheme)?.fsync(cx, file.number).map(|()| 0)
}

pub(crate) fn fevent(cx: &Cx, fd: usize, flags: EventFlags) -> Result<usize> {
    let file = cx.task.file(fd)?;
    Ok(scheme::get(file.scheme)?.fevent(cx, file.number, flags)?.bits())
}

/// Gives the object another name in its scheme; `raw_path` is absolute and only the part behind
/// the scheme's name counts. EINVAL for a path that is not absolute.
pub(crate) fn flink(cx: &Cx, fd: usize, raw_path: &[u8]) -> Result<usize> {
    let file = cx.task.file(fd)?;
    let reference = reference(raw_path)?;
    scheme::get(file.scheme)?.flink(cx, file.number, &reference).map(|()| 0)
}

/// Renames the object within its scheme; the path as in [`flink`].
pub(crate) fn frename(cx: &Cx, fd: usize, raw_path: &[u8]) -> Result<usize> {
    let file = cx.task.file(fd)?;
    let reference = reference(raw_path)?;
    scheme::get(file.scheme)?.frename(cx, file.number, &reference).map(|()| 0)
}

fn reference(raw_path: &[u8]) -> Result<String> {
    let path = RedoxPath::from_absolute(path(raw_path)?).ok_or(Error::new(EINVAL))?;
    let (_, reference) = path.as_parts().ok_or(Error::new(EINVAL))?;
    Ok(reference.as_ref().to_owned())
}

pub(crate) fn unlinkat(cx: &Cx, fd: usize, raw_path: &[u8], flags: usize) -> Result<usize> {
    let path = path(raw_path)?;
    let (id, number) = target(cx, fd)?;
    scheme::get(id)?.unlinkat(cx, number, path, flags).map(|()| 0)
}

/// The descriptions behind numbers, to be given away: moved out of the table, or cloned. EBADF,
/// and then none is taken.
pub(crate) fn take_all(cx: &Cx, fds: &[usize], clone: bool) -> Result<Vec<Arc<Description>>> {
    cx.task.table(|table| {
        table.check_all(fds)?;
        fds.iter().map(|&fd| if clone { table.get(fd) } else { table.take(fd) }).collect()
    })
}

/// EBADF unless something is open there.
pub(crate) fn check(cx: &Cx, fd: usize) -> Result<()> {
    cx.task.file(fd).map(drop).map_err(|_| Error::new(EBADF))
}
