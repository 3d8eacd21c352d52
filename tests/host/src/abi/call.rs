//! `SYS_CALL`.

use syscall::error::{EFAULT, EINVAL, Error, Result};
use syscall::flag::CallFlags;

use super::mux;
use crate::kernel::memory::{Access, Buffer};
use crate::thread::enter;
use crate::trap::{Trap, WORDS};

const GET_TOKEN: u64 = 7;

/// One call: the direction decides whether there is a payload at all.
///
/// # Safety
/// The payload is valid until the call is over, for writes too if the flags say READ.
unsafe fn sys_call(
    fd: usize,
    base: *mut u8,
    len: usize,
    flags: usize,
    metadata: &[u64],
) -> Result<usize> {
    let known = CallFlags::from_bits_retain(flags);
    let (reads, writes) = (known.contains(CallFlags::READ), known.contains(CallFlags::WRITE));
    let payload = match reads || writes {
        // SAFETY: promised by the caller; the payload of a call that only writes may be read-only.
        true => unsafe { Buffer::new(base as usize, len, Access::Both) }?,
        false => Buffer::nothing(),
    };
    let mut words = [0; WORDS];
    words.iter_mut().zip(metadata).for_each(|(to, word)| *to = *word);
    let count = metadata.len();
    let trap = match (known.contains(CallFlags::FD), reads, writes) {
        (true, true, false) => Trap::ReceiveFds { fd, flags, count, words },
        (true, false, true) => Trap::SendFds { fd, flags, count, words },
        _ => Trap::Call { fd, flags, count, words },
    };
    enter(Some(fd), trap, payload)
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
    if metadata.is_null() && metadata_len > 0 {
        return mux(Err(Error::new(EFAULT)));
    }
    let words = match metadata_len {
        0 => &[][..],
        // SAFETY: the caller passes valid words.
        _ => unsafe { std::slice::from_raw_parts(metadata, metadata_len) },
    };
    // SAFETY: the caller passes a payload that is valid until the call is over.
    mux(unsafe { sys_call(fd, base, len, flags, words) })
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
    mux(unsafe { sys_call(fd, base, len, flags, &[GET_TOKEN]) })
}
