//! File operations that `libredox` has no function for, and those that take Redox's own numbers.

use redox_path::RedoxPath;
use syscall::data::Stat;
use syscall::error::{EINVAL, Error, Result};
use syscall::flag::{
    AT_REMOVEDIR, EventFlags, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_WRONLY,
};
pub use syscall::flag::{O_STAT, O_SYMLINK};

use crate::kernel::memory::Buffer;
use crate::rt::flags::{self, REDOX_O_CLOEXEC};
use crate::thread::enter;
use crate::trap::Trap;

/// A call on a descriptor that needs no memory.
fn bare(fd: usize, trap: Trap) -> Result<usize> {
    enter(Some(fd), trap, Buffer::nothing())
}

/// Opens a path with the host's flags. As `libredox::call::open`.
pub fn open(path: &str, host_flags: i32, mode: u16) -> Result<usize> {
    let flags = flags::open_to_redox(host_flags as usize) | usize::from(mode);
    enter(None, Trap::Open { flags }, Buffer::from_slice(path.as_bytes()))
}

/// Opens below a descriptor with Redox's own flags, a mode in their low 16 bits:
/// `libredox::call::openat` on the host has no room for a mode.
pub fn openat(fd: usize, path: &str, redox_flags: usize, fcntl_flags: u32) -> Result<usize> {
    let trap = Trap::Openat { fd, flags: redox_flags, fcntl_flags };
    enter(Some(fd), trap, Buffer::from_slice(path.as_bytes()))
}

/// The descriptor of the namespace. As `libredox::call::getns`.
pub fn namespace() -> Result<usize> {
    enter(None, Trap::Namespace, Buffer::nothing())
}

/// Reads at a place; the description's offset stays.
pub fn pread(fd: usize, to: &mut [u8], offset: u64) -> Result<usize> {
    enter(Some(fd), Trap::Pread { fd, offset }, Buffer::from_slice_mut(to))
}

/// Writes at a place; the description's offset stays.
pub fn pwrite(fd: usize, from: &[u8], offset: u64) -> Result<usize> {
    enter(Some(fd), Trap::Pwrite { fd, offset }, Buffer::from_slice(from))
}

/// Moves the description's offset: from the start (0), from where it is (1), from the end (2),
/// which asks the scheme for the size. EINVAL, EOVERFLOW.
pub fn lseek(fd: usize, by: i64, whence: usize) -> Result<usize> {
    bare(fd, Trap::Lseek { fd, by, whence })
}

/// Closes a descriptor. As `libredox::call::close`.
pub fn close(fd: usize) -> Result<()> {
    bare(fd, Trap::Close { fd }).map(drop)
}

/// Opens a path with Redox's own flags, does something, closes it again.
fn with_open<T>(
    path: &str,
    redox_flags: usize,
    work: impl FnOnce(usize) -> Result<T>,
) -> Result<T> {
    let flags = redox_flags | REDOX_O_CLOEXEC;
    let fd = enter(None, Trap::Open { flags }, Buffer::from_slice(path.as_bytes()))?;
    let done = work(fd);
    // The work is done or not, whatever closing says.
    let _ = close(fd);
    done
}

/// Renames an object within its scheme: the scheme sees an open of the old path without following
/// links, then `Frename` with the new path.
pub fn rename(from: &str, to: &str) -> Result<()> {
    let to = absolute(to)?;
    with_open(from, O_NOFOLLOW | O_STAT, |fd| {
        enter(Some(fd), Trap::Frename { fd }, Buffer::from_slice(to.as_bytes())).map(drop)
    })
}

/// Gives an object another name in its scheme: an open as for [`rename`], then `Flink`.
pub fn link(from: &str, to: &str) -> Result<()> {
    let to = absolute(to)?;
    with_open(from, O_NOFOLLOW | O_STAT, |fd| {
        enter(Some(fd), Trap::Flink { fd }, Buffer::from_slice(to.as_bytes())).map(drop)
    })
}

fn absolute(path: &str) -> Result<String> {
    let path = RedoxPath::from_absolute(path).ok_or(Error::new(EINVAL))?;
    Ok(path.to_string())
}

/// Removes a name that is no directory.
pub fn unlink(path: &str) -> Result<()> {
    remove(path, 0)
}

/// Removes a directory.
pub fn rmdir(path: &str) -> Result<()> {
    remove(path, AT_REMOVEDIR)
}

fn remove(path: &str, flags: usize) -> Result<()> {
    enter(None, Trap::Unlink { flags }, Buffer::from_slice(path.as_bytes())).map(drop)
}

/// Removes a name below a descriptor, with the flags of `unlinkat`. On a namespace's descriptor
/// with `/scheme/NAME` it removes a scheme's name.
pub fn unlinkat(fd: usize, path: &str, flags: usize) -> Result<()> {
    let path = Buffer::from_slice(path.as_bytes());
    enter(Some(fd), Trap::Unlinkat { fd, flags }, path).map(drop)
}

/// The mode of what the C library makes whatever its caller wants: 0777 without the bits of a
/// process's first umask, 022. `libredox` knows no umask.
const MADE: usize = 0o755;

/// Makes a directory: an exclusive, creating open for a directory, without an access mode.
pub fn mkdir(path: &str) -> Result<()> {
    with_open(path, O_CREAT | O_EXCL | O_DIRECTORY | MADE, |_| Ok(()))
}

/// Makes a symbolic link: a creating open with `O_SYMLINK`, then a write of the target.
pub fn symlink(target: &str, path: &str) -> Result<()> {
    with_open(path, O_CREAT | O_SYMLINK | O_WRONLY | MADE, |fd| {
        enter(Some(fd), Trap::Write { fd }, Buffer::from_slice(target.as_bytes())).map(drop)
    })
}

/// Reads a symbolic link: an open with `O_SYMLINK`, then a read.
pub fn readlink(path: &str, to: &mut [u8]) -> Result<usize> {
    with_open(path, O_SYMLINK | O_RDONLY, |fd| {
        enter(Some(fd), Trap::Read { fd }, Buffer::from_slice_mut(to))
    })
}

/// What an object is, in Redox's own record: the standard file call that the C library makes.
pub fn fstat(fd: usize) -> Result<Stat> {
    let mut stat = Stat::default();
    enter(Some(fd), Trap::Fstat { fd }, Buffer::from_slice_mut(&mut stat))?;
    Ok(stat)
}

/// The old system call, which reaches the scheme as an opcode of its own; the kernel fills in
/// `st_dev`.
pub fn raw_fstat(fd: usize) -> Result<Stat> {
    let mut stat = Stat::default();
    enter(Some(fd), Trap::RawFstat { fd }, Buffer::from_slice_mut(&mut stat))?;
    Ok(stat)
}

/// The old system call, which reaches the scheme as an opcode of its own.
pub fn raw_fsync(fd: usize) -> Result<()> {
    bare(fd, Trap::RawFsync { fd }).map(drop)
}

/// Asks a scheme directly what of `flags` is ready.
pub fn fevent(fd: usize, flags: EventFlags) -> Result<EventFlags> {
    let ready = bare(fd, Trap::Fevent { fd, flags: flags.bits() })?;
    Ok(EventFlags::from_bits_truncate(ready))
}

/// A descriptor for what another is open on: with a verb, what the scheme makes of it. As
/// `libredox::call::dup`.
pub fn dup(fd: usize, verb: &[u8]) -> Result<usize> {
    enter(Some(fd), Trap::Dup { fd }, Buffer::from_slice(verb))
}
