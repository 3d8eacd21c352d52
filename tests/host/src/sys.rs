//! File operations that `libredox` has no function for, and those that take Redox's own numbers.

use redox_path::RedoxPath;
use syscall::data::Stat;
use syscall::error::{EINVAL, Error, Result};
use syscall::flag::{
    AT_REMOVEDIR, EventFlags, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_WRONLY,
};
pub use syscall::flag::{O_STAT, O_SYMLINK};

use crate::kernel::files;
use crate::kernel::memory::Buffer;
use crate::kernel::process::Cx;
use crate::rt::flags::{self, REDOX_O_CLOEXEC};
use crate::rt::{open, std_fs};
use crate::thread::{in_kernel, with_fd};

/// Opens a path with the host's flags. As `libredox::call::open`.
pub fn open(path: &str, host_flags: i32, mode: u16) -> Result<usize> {
    let flags = flags::open_to_redox(host_flags as usize) | usize::from(mode);
    in_kernel(|cx| open::open(cx, path, flags))
}

/// Opens below a descriptor with Redox's own flags, a mode in their low 16 bits:
/// `libredox::call::openat` on the host has no room for a mode.
pub fn openat(fd: usize, path: &str, redox_flags: usize, fcntl_flags: u32) -> Result<usize> {
    with_fd(fd, |cx| files::openat(cx, fd, path.as_bytes(), redox_flags, fcntl_flags))
}

/// Reads at a place; the description's offset stays.
pub fn pread(fd: usize, to: &mut [u8], offset: u64) -> Result<usize> {
    with_fd(fd, |cx| files::pread(cx, fd, Buffer::from_slice_mut(to), offset))
}

/// Writes at a place; the description's offset stays.
pub fn pwrite(fd: usize, from: &[u8], offset: u64) -> Result<usize> {
    with_fd(fd, |cx| files::pwrite(cx, fd, Buffer::from_slice(from), offset))
}

/// Moves the description's offset: from the start (0), from where it is (1), from the end (2),
/// which asks the scheme for the size. EINVAL, EOVERFLOW.
pub fn lseek(fd: usize, by: i64, whence: usize) -> Result<usize> {
    with_fd(fd, |cx| files::lseek(cx, fd, by, whence))
}

/// Closes a descriptor. As `libredox::call::close`.
pub fn close(fd: usize) -> Result<()> {
    with_fd(fd, |cx| files::close(cx, fd).map(drop))
}

/// Opens a path with Redox's own flags, does something, closes it again.
fn with_open<T>(
    path: &str,
    redox_flags: usize,
    work: impl FnOnce(&Cx, usize) -> Result<T>,
) -> Result<T> {
    in_kernel(|cx| {
        let fd = open::open(cx, path, redox_flags | REDOX_O_CLOEXEC)?;
        let done = work(cx, fd);
        // The work is done or not, whatever closing says.
        let _ = files::close(cx, fd);
        done
    })
}

/// Renames an object within its scheme: the scheme sees an open of the old path without following
/// links, then `Frename` with the new path.
pub fn rename(from: &str, to: &str) -> Result<()> {
    let to = absolute(to)?;
    with_open(from, O_NOFOLLOW | O_STAT, |cx, fd| files::frename(cx, fd, to.as_bytes()).map(drop))
}

/// Gives an object another name in its scheme: an open as for [`rename`], then `Flink`.
pub fn link(from: &str, to: &str) -> Result<()> {
    let to = absolute(to)?;
    with_open(from, O_NOFOLLOW | O_STAT, |cx, fd| files::flink(cx, fd, to.as_bytes()).map(drop))
}

fn absolute(path: &str) -> Result<String> {
    let path = RedoxPath::from_absolute(path).ok_or(Error::new(EINVAL))?;
    Ok(path.to_string())
}

/// Removes a name that is no directory.
pub fn unlink(path: &str) -> Result<()> {
    in_kernel(|cx| open::unlink(cx, path, 0).map(drop))
}

/// Removes a directory.
pub fn rmdir(path: &str) -> Result<()> {
    in_kernel(|cx| open::unlink(cx, path, AT_REMOVEDIR).map(drop))
}

/// Removes a name below a descriptor, with the flags of `unlinkat`. On a namespace's descriptor
/// with `/scheme/NAME` it removes a scheme's name.
pub fn unlinkat(fd: usize, path: &str, flags: usize) -> Result<()> {
    with_fd(fd, |cx| files::unlinkat(cx, fd, path.as_bytes(), flags).map(drop))
}

/// The mode of what the C library makes whatever its caller wants: 0777 without the bits of a
/// process's first umask, 022. `libredox` knows no umask.
const MADE: usize = 0o755;

/// Makes a directory: an exclusive, creating open for a directory, without an access mode.
pub fn mkdir(path: &str) -> Result<()> {
    with_open(path, O_CREAT | O_EXCL | O_DIRECTORY | MADE, |_, _| Ok(()))
}

/// Makes a symbolic link: a creating open with `O_SYMLINK`, then a write of the target.
pub fn symlink(target: &str, path: &str) -> Result<()> {
    with_open(path, O_CREAT | O_SYMLINK | O_WRONLY | MADE, |cx, fd| {
        files::write(cx, fd, Buffer::from_slice(target.as_bytes())).map(drop)
    })
}

/// Reads a symbolic link: an open with `O_SYMLINK`, then a read.
pub fn readlink(path: &str, to: &mut [u8]) -> Result<usize> {
    with_open(path, O_SYMLINK | O_RDONLY, |cx, fd| files::read(cx, fd, Buffer::from_slice_mut(to)))
}

/// What an object is, in Redox's own record: the standard file call that the C library makes.
pub fn fstat(fd: usize) -> Result<Stat> {
    with_fd(fd, |cx| std_fs::fstat(cx, fd))
}

/// The old system call, which reaches the scheme as an opcode of its own; the kernel fills in
/// `st_dev`.
pub fn raw_fstat(fd: usize) -> Result<Stat> {
    let mut stat = Stat::default();
    with_fd(fd, |cx| files::fstat(cx, fd, Buffer::from_slice_mut(&mut stat)))?;
    Ok(stat)
}

/// The old system call, which reaches the scheme as an opcode of its own.
pub fn raw_fsync(fd: usize) -> Result<()> {
    with_fd(fd, |cx| files::fsync(cx, fd).map(drop))
}

/// Asks a scheme directly what of `flags` is ready.
pub fn fevent(fd: usize, flags: EventFlags) -> Result<EventFlags> {
    let ready = with_fd(fd, |cx| files::fevent(cx, fd, flags))?;
    Ok(EventFlags::from_bits_truncate(ready))
}
