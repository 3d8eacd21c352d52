//! Opening, reading, writing, closing.

use syscall::error::Result;
use syscall::flag::{F_GETFD, F_GETFL, F_SETFD, F_SETFL};

use super::{bytes, mux, path};
use crate::kernel::memory::{Access, Buffer};
use crate::rt::flags;
use crate::sys;
use crate::thread::enter;
use crate::trap::Trap;

/// Opens a path through the namespace.
#[unsafe(no_mangle)]
unsafe extern "C" fn redox_open_v1(
    base: *const u8,
    len: usize,
    host_flags: u32,
    mode: u16,
) -> usize {
    let flags = flags::open_to_redox(host_flags as usize) | usize::from(mode);
    // SAFETY: the caller passes a valid string.
    let path = unsafe { bytes(base, len) };
    mux(path.and_then(|path| enter(None, Trap::Open { flags }, Buffer::from_slice(path))))
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
    let trap = Trap::Openat { fd, flags, fcntl_flags };
    // SAFETY: the caller passes a valid string.
    let path = unsafe { bytes(base, len) };
    mux(path.and_then(|path| enter(Some(fd), trap, Buffer::from_slice(path))))
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

/// A call on a descriptor that needs no memory.
fn bare(fd: usize, trap: Trap) -> Result<usize> {
    enter(Some(fd), trap, Buffer::nothing())
}

/// Another descriptor, with a verb for the scheme or without.
#[unsafe(no_mangle)]
unsafe extern "C" fn redox_dup_v1(fd: usize, base: *const u8, len: usize) -> usize {
    // SAFETY: the caller passes valid bytes.
    let verb = unsafe { bytes(base, len) };
    mux(verb.and_then(|verb| enter(Some(fd), Trap::Dup { fd }, Buffer::from_slice(verb))))
}

/// Another descriptor, in place of one that is there.
#[unsafe(no_mangle)]
unsafe extern "C" fn redox_dup2_v1(fd: usize, new_fd: usize, base: *const u8, len: usize) -> usize {
    let trap = Trap::Dup2 { fd, to: new_fd };
    // SAFETY: the caller passes valid bytes.
    let verb = unsafe { bytes(base, len) };
    mux(verb.and_then(|verb| enter(Some(fd), trap, Buffer::from_slice(verb))))
}

/// Another descriptor, in place of one that is there, without a verb.
#[unsafe(no_mangle)]
extern "C" fn redox_dup2_v2(fd: usize, new_fd: usize) -> usize {
    mux(bare(fd, Trap::Dup2 { fd, to: new_fd }))
}

/// Reads at the description's offset.
#[unsafe(no_mangle)]
unsafe extern "C" fn redox_read_v1(fd: usize, base: *mut u8, len: usize) -> usize {
    // SAFETY: the caller passes a buffer that is valid until the call is over.
    let to = unsafe { Buffer::new(base as usize, len, Access::Write) };
    mux(to.and_then(|to| enter(Some(fd), Trap::Read { fd }, to)))
}

/// Writes at the description's offset.
#[unsafe(no_mangle)]
unsafe extern "C" fn redox_write_v1(fd: usize, base: *const u8, len: usize) -> usize {
    // SAFETY: the caller passes bytes that are valid until the call is over.
    let from = unsafe { Buffer::new(base as usize, len, Access::Read) };
    mux(from.and_then(|from| enter(Some(fd), Trap::Write { fd }, from)))
}

/// Lets go of a descriptor.
#[unsafe(no_mangle)]
extern "C" fn redox_close_v1(fd: usize) -> usize {
    mux(bare(fd, Trap::Close { fd }))
}

/// The path of what is open.
#[unsafe(no_mangle)]
unsafe extern "C" fn redox_fpath_v1(fd: usize, base: *mut u8, len: usize) -> usize {
    // SAFETY: the caller passes a buffer that is valid until the call is over.
    let to = unsafe { Buffer::new(base as usize, len, Access::Write) };
    mux(to.and_then(|to| enter(Some(fd), Trap::Fpath { fd }, to)))
}

/// Flags, in the host's numbers, and duplicates.
#[unsafe(no_mangle)]
extern "C" fn redox_fcntl_v0(fd: usize, cmd: usize, arg: usize) -> usize {
    let arg = match cmd {
        F_SETFL => flags::status_to_redox(arg),
        F_SETFD => flags::descriptor_to_redox(arg),
        _ => arg,
    };
    let done = bare(fd, Trap::Fcntl { fd, cmd, arg });
    mux(match cmd {
        F_GETFL => done.map(flags::to_host),
        F_GETFD => done.map(flags::descriptor_to_host),
        _ => done,
    })
}

/// Changes owner and group.
#[unsafe(no_mangle)]
extern "C" fn redox_fchown_v1(fd: usize, uid: u32, gid: u32) -> usize {
    mux(bare(fd, Trap::Fchown { fd, uid, gid }))
}
