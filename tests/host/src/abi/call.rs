//! `SYS_CALL`.

use syscall::error::{EFAULT, EINVAL, Error, Result};
use syscall::flag::CallFlags;

use super::mux;
use crate::kernel::call::call;
use crate::kernel::memory::{Access, Buffer};
use crate::kernel::process::Cx;
use crate::rt::fds;
use crate::thread::with_fd;

const GET_TOKEN: u64 = 7;

/// One call: the direction decides whether there is a payload at all.
///
/// # Safety
/// The payload is valid until the call is over, for writes too if the flags say READ.
unsafe fn sys_call(
    cx: &Cx,
    fd: usize,
    base: *mut u8,
    len: usize,
    flags: usize,
    metadata: &[u64],
) -> Result<usize> {
    let known = CallFlags::from_bits_retain(flags);
    let (reads, writes) = (known.contains(CallFlags::READ), known.contains(CallFlags::WRITE));
    if !reads && !writes {
        return call(cx, fd, Buffer::from_slice(&[]), flags, metadata);
    }
    // SAFETY: promised by the caller; the payload of a call that only writes may be read-only.
    let payload = unsafe { Buffer::new(base as usize, len, Access::Both) }?;
    match (known.contains(CallFlags::FD), reads, writes) {
        (true, true, false) => fds::receive(cx, fd, payload, flags, metadata),
        (true, false, true) => fds::send(cx, fd, payload, flags, metadata),
        _ => call(cx, fd, payload, flags, metadata),
    }
}

/// A call of the scheme's own, a standard file call, or one that passes descriptors.
#[unsafe(no_mangle)]
unsafe extern "C" fn redox_sys_call_v0(
    fd: usize,
    base: *mut u8,
    len: usize,
    flags: usize,
    metadata: *const u64,
    metadata_len: usize,
) -> usize {
    mux(with_fd(fd, |cx| {
        if metadata.is_null() && metadata_len > 0 {
            return Err(Error::new(EFAULT));
        }
        let words = match metadata_len {
            0 => &[][..],
            // SAFETY: the caller passes valid words.
            _ => unsafe { std::slice::from_raw_parts(metadata, metadata_len) },
        };
        // SAFETY: the caller passes a payload that is valid until the call is over.
        unsafe { sys_call(cx, fd, base, len, flags, words) }
    }))
}

/// A call on several descriptors, which this season's kernel refuses: EINVAL.
#[unsafe(no_mangle)]
extern "C" fn redox_sys_call_multiple_v0(
    _fds: *const usize,
    _fds_len: usize,
    _base: *mut u8,
    _len: usize,
    _flags: usize,
    _metadata: *const u64,
    _metadata_len: usize,
) -> usize {
    mux(Err(Error::new(EINVAL)))
}

/// A token that stands for a socket.
#[unsafe(no_mangle)]
unsafe extern "C" fn redox_get_socket_token_v0(fd: usize, base: *mut u8, len: usize) -> usize {
    let flags = CallFlags::READ.bits();
    // SAFETY: the caller passes a buffer that is valid until the call is over.
    mux(with_fd(fd, |cx| unsafe { sys_call(cx, fd, base, len, flags, &[GET_TOKEN]) }))
}
