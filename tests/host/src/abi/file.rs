//! Opening, reading, writing, closing.

use syscall::error::Result;
use syscall::flag::{F_GETFL, F_SETFL};

use super::{bytes, mux, path};
use crate::kernel::files;
use crate::kernel::memory::{Access, Buffer};
use crate::rt::{flags, open};
use crate::sys;
use crate::thread::{in_kernel, with_fd};

/// The command of `fcntl` that duplicates and sets close-on-exec.
const F_DUPFD_CLOEXEC: usize = 1030;

/// Opens a path through the namespace.
#[unsafe(no_mangle)]
unsafe extern "C" fn redox_open_v1(
    base: *const u8,
    len: usize,
    host_flags: u32,
    mode: u16,
) -> usize {
    let flags = flags::open_to_redox(host_flags as usize) | usize::from(mode);
    mux(in_kernel(|cx| {
        // SAFETY: the caller passes a valid string.
        let path = unsafe { path(base, len) }?;
        open::open(cx, path, flags)
    }))
}

/// Opens below a descriptor.
#[unsafe(no_mangle)]
unsafe extern "C" fn redox_openat_v1(
    fd: usize,
    base: *const u8,
    len: usize,
    host_flags: u32,
    host_fcntl_flags: u32,
) -> usize {
    let flags = flags::open_to_redox(host_flags as usize);
    let fcntl_flags = flags::status_to_redox(host_fcntl_flags as usize) as u32;
    mux(with_fd(fd, |cx| {
        // SAFETY: the caller passes a valid string.
        let path = unsafe { bytes(base, len) }?;
        files::openat(cx, fd, path, flags, fcntl_flags)
    }))
}

/// Gives what a path names another name in its scheme. `libredox` has no function for it, so this
/// is a symbol of the host's own; programs of Redox use libc's `rename`.
#[unsafe(no_mangle)]
unsafe extern "C" fn redox_host_rename_v0(
    from: *const u8,
    from_len: usize,
    to: *const u8,
    to_len: usize,
) -> usize {
    // SAFETY: the caller passes valid strings.
    let paths = unsafe { path(from, from_len).and_then(|from| Ok((from, path(to, to_len)?))) };
    mux(paths.and_then(|(from, to)| sys::rename(from, to)).map(|()| 0))
}

/// Gives what a path names one more name in its scheme, as [`redox_host_rename_v0`].
#[unsafe(no_mangle)]
unsafe extern "C" fn redox_host_link_v0(
    from: *const u8,
    from_len: usize,
    to: *const u8,
    to_len: usize,
) -> usize {
    // SAFETY: the caller passes valid strings.
    let paths = unsafe { path(from, from_len).and_then(|from| Ok((from, path(to, to_len)?))) };
    mux(paths.and_then(|(from, to)| sys::link(from, to)).map(|()| 0))
}

fn dup(fd: usize, verb: Result<&[u8]>) -> Result<usize> {
    with_fd(fd, |cx| files::dup(cx, fd, Buffer::from_slice(verb?)))
}

/// Another descriptor, with a verb for the scheme or without.
#[unsafe(no_mangle)]
unsafe extern "C" fn redox_dup_v1(fd: usize, base: *const u8, len: usize) -> usize {
    // SAFETY: the caller passes valid bytes.
    mux(dup(fd, unsafe { bytes(base, len) }))
}

/// Another descriptor, in place of one that is there.
#[unsafe(no_mangle)]
unsafe extern "C" fn redox_dup2_v1(fd: usize, new_fd: usize, base: *const u8, len: usize) -> usize {
    mux(with_fd(fd, |cx| {
        // SAFETY: the caller passes valid bytes.
        let verb = unsafe { bytes(base, len) }?;
        files::dup2(cx, fd, new_fd, Buffer::from_slice(verb))
    }))
}

/// Another descriptor, in place of one that is there, without a verb.
#[unsafe(no_mangle)]
extern "C" fn redox_dup2_v2(fd: usize, new_fd: usize) -> usize {
    mux(with_fd(fd, |cx| files::dup2(cx, fd, new_fd, Buffer::from_slice(&[]))))
}

/// Reads at the description's offset.
#[unsafe(no_mangle)]
unsafe extern "C" fn redox_read_v1(fd: usize, base: *mut u8, len: usize) -> usize {
    mux(with_fd(fd, |cx| {
        // SAFETY: the caller passes a buffer that is valid until the call is over.
        let to = unsafe { Buffer::new(base as usize, len, Access::Write) }?;
        files::read(cx, fd, to)
    }))
}

/// Writes at the description's offset.
#[unsafe(no_mangle)]
unsafe extern "C" fn redox_write_v1(fd: usize, base: *const u8, len: usize) -> usize {
    mux(with_fd(fd, |cx| {
        // SAFETY: the caller passes bytes that are valid until the call is over.
        let from = unsafe { Buffer::new(base as usize, len, Access::Read) }?;
        files::write(cx, fd, from)
    }))
}

/// Lets go of a descriptor.
#[unsafe(no_mangle)]
extern "C" fn redox_close_v1(fd: usize) -> usize {
    mux(with_fd(fd, |cx| files::close(cx, fd)))
}

/// The path of what is open.
#[unsafe(no_mangle)]
unsafe extern "C" fn redox_fpath_v1(fd: usize, base: *mut u8, len: usize) -> usize {
    mux(with_fd(fd, |cx| {
        // SAFETY: the caller passes a buffer that is valid until the call is over.
        let to = unsafe { Buffer::new(base as usize, len, Access::Write) }?;
        files::fpath(cx, fd, to)
    }))
}

/// Flags, in the host's numbers, and duplicates.
#[unsafe(no_mangle)]
extern "C" fn redox_fcntl_v0(fd: usize, cmd: usize, arg: usize) -> usize {
    mux(with_fd(fd, |cx| match cmd {
        F_DUPFD_CLOEXEC => files::fcntl(cx, fd, syscall::flag::F_DUPFD, arg),
        F_GETFL => files::fcntl(cx, fd, cmd, arg).map(flags::to_host),
        F_SETFL => files::fcntl(cx, fd, cmd, flags::status_to_redox(arg)),
        _ => files::fcntl(cx, fd, cmd, arg),
    }))
}

/// Changes owner and group.
#[unsafe(no_mangle)]
extern "C" fn redox_fchown_v1(fd: usize, uid: u32, gid: u32) -> usize {
    mux(with_fd(fd, |cx| files::fchown(cx, fd, uid, gid)))
}
