//! The C symbols that `libredox` and `redox_event` import.
//!
//! Each enters the kernel for the calling thread's process and gives back a word: the result, or
//! an errno below zero.

mod call;
mod event;
mod file;
mod memory;
mod process;
mod stat;

use syscall::error::{EFAULT, Error, Result};

/// A result in one word.
pub(crate) fn mux(result: Result<usize>) -> usize {
    Error::mux(result)
}

/// The caller's bytes. EFAULT for a null pointer with a length.
///
/// # Safety
/// A pointer that is not null is valid for reads of `len` bytes.
unsafe fn bytes<'a>(base: *const u8, len: usize) -> Result<&'a [u8]> {
    match (base.is_null(), len) {
        (_, 0) => Ok(&[]),
        (true, _) => Err(Error::new(EFAULT)),
        // SAFETY: promised by the caller.
        (false, _) => Ok(unsafe { std::slice::from_raw_parts(base, len) }),
    }
}

/// The caller's buffer to fill. EFAULT for a null pointer with a length.
///
/// # Safety
/// A pointer that is not null is valid for writes of `len` bytes, and nothing else refers to
/// them.
unsafe fn bytes_mut<'a>(base: *mut u8, len: usize) -> Result<&'a mut [u8]> {
    match (base.is_null(), len) {
        (_, 0) => Ok(&mut []),
        (true, _) => Err(Error::new(EFAULT)),
        // SAFETY: promised by the caller.
        (false, _) => Ok(unsafe { std::slice::from_raw_parts_mut(base, len) }),
    }
}

/// A path. EFAULT as for [`bytes`], EINVAL if it is not UTF-8.
///
/// # Safety
/// As for [`bytes`].
unsafe fn path<'a>(base: *const u8, len: usize) -> Result<&'a str> {
    // SAFETY: promised by the caller.
    let bytes = unsafe { bytes(base, len) }?;
    str::from_utf8(bytes).map_err(|_| Error::new(syscall::error::EINVAL))
}
