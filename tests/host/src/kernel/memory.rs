//! A caller's memory, as the kernel sees it: an address and a length that are a claim.
//!
//! The caller is in this program, and its memory is used as it is; or it is in another, and what
//! is here is a copy, with a note of what was written to it.

use std::ops::Range;
use std::ptr;
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};
use syscall::error::{EFAULT, EINVAL, Error, Result};

use crate::sync::lock;

/// Size of a page.
pub(crate) const PAGE: usize = 4096;
const USER_END: usize = 1 << 47;

/// What the kernel may do with the memory.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) enum Access {
    /// Only read it.
    Read,
    /// Only write it.
    Write,
    /// Both.
    Both,
}

/// A copy of memory that another program has, and the parts of it that were written to.
pub(crate) struct Away {
    addr: usize,
    inner: Mutex<Shadow>,
}

struct Shadow {
    bytes: Vec<u8>,
    written: Vec<Range<usize>>,
}

/// A piece of a caller's memory. It is valid while the caller is in the kernel.
#[derive(Clone)]
pub(crate) struct Buffer {
    addr: usize,
    len: usize,
    access: Access,
    away: Option<Arc<Away>>,
}

/// EFAULT for an address that no user memory has.
fn check(addr: usize, len: usize) -> Result<()> {
    let end = addr.saturating_add(len);
    if addr >= USER_END || end >= USER_END || (len > 0 && addr < PAGE) {
        return Err(Error::new(EFAULT));
    }
    Ok(())
}

impl Away {
    /// The parts that were written to: where they begin, and what is there now.
    pub(crate) fn written(&self) -> Vec<(usize, Vec<u8>)> {
        let copy = lock(&self.inner);
        let parts = copy.written.iter();
        parts.map(|range| (range.start, copy.bytes[range.clone()].to_vec())).collect()
    }
}

impl Shadow {
    /// Notes that a part was written to. Neighbours become one.
    fn note(&mut self, part: Range<usize>) {
        match self.written.last_mut() {
            Some(last) if part.start <= last.end && last.start <= part.start => {
                last.end = last.end.max(part.end);
            }
            _ if part.is_empty() => {}
            _ => self.written.push(part),
        }
    }
}

impl Buffer {
    /// EFAULT for an address that no user memory has.
    ///
    /// # Safety
    /// The memory is valid for `access` until the caller leaves the kernel. Memory that is
    /// declared `Both` may in truth be read-only.
    pub(crate) unsafe fn new(addr: usize, len: usize, access: Access) -> Result<Self> {
        check(addr, len)?;
        Ok(Self { addr, len, access, away: None })
    }

    /// Memory at `addr` in another program, of which `bytes` is a copy. EFAULT as for
    /// [`Self::new`].
    pub(crate) fn away(addr: usize, bytes: Vec<u8>, access: Access) -> Result<Self> {
        check(addr, bytes.len())?;
        let len = bytes.len();
        let away = Away { addr, inner: Mutex::new(Shadow { bytes, written: Vec::new() }) };
        Ok(Self { addr, len, access, away: Some(Arc::new(away)) })
    }

    /// No memory.
    pub(crate) fn nothing() -> Self {
        Self::from_slice(&[])
    }

    /// A slice that the caller reads from.
    pub(crate) fn from_slice(bytes: &[u8]) -> Self {
        let addr = bytes.as_ptr() as usize;
        Self { addr, len: bytes.len(), access: Access::Read, away: None }
    }

    /// A slice that the caller wants filled.
    pub(crate) fn from_slice_mut(bytes: &mut [u8]) -> Self {
        let addr = bytes.as_mut_ptr() as usize;
        Self { addr, len: bytes.len(), access: Access::Write, away: None }
    }

    /// A slice that goes both ways.
    pub(crate) fn from_slice_both(bytes: &mut [u8]) -> Self {
        Self { access: Access::Both, ..Self::from_slice_mut(bytes) }
    }

    pub(crate) fn addr(&self) -> usize {
        self.addr
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn access(&self) -> Access {
        self.access
    }

    /// The copy that this is about, if the memory is another program's.
    pub(crate) fn copy(&self) -> Option<Arc<Away>> {
        self.away.clone()
    }

    /// The part from `offset` on.
    pub(crate) fn skip(&self, offset: usize) -> Self {
        let offset = offset.min(self.len);
        let (addr, len) = (self.addr + offset, self.len - offset);
        Self { addr, len, access: self.access, away: self.away.clone() }
    }

    /// The same memory, to be filled.
    pub(crate) fn to_fill(&self) -> Self {
        Self { access: Access::Write, ..self.clone() }
    }

    /// Copies as much as both sides have; says how much.
    pub(crate) fn read(&self, to: &mut [u8]) -> usize {
        let len = self.len.min(to.len());
        // SAFETY: `to` has room for `len` bytes.
        unsafe { self.read_raw(0, to.as_mut_ptr(), len) };
        len
    }

    /// Copies as much as both sides have; says how much.
    pub(crate) fn write(&self, from: &[u8]) -> usize {
        debug_assert_ne!(self.access, Access::Read);
        let len = self.len.min(from.len());
        // SAFETY: `from` has `len` bytes.
        unsafe { self.write_raw(0, from.as_ptr(), len) };
        len
    }

    /// Copies `len` bytes from `at` on.
    ///
    /// # Safety
    /// `at + len` is within the buffer, and `to` is valid for writes of `len` bytes.
    pub(crate) unsafe fn read_raw(&self, at: usize, to: *mut u8, len: usize) {
        let Some(away) = &self.away else {
            // SAFETY: `new` was promised that the memory is valid; the rest by the caller.
            unsafe { libc::memcpy(to.cast(), (self.addr + at) as *const _, len) };
            return;
        };
        let copy = lock(&away.inner);
        let from = &copy.bytes[self.addr - away.addr + at..][..len];
        // SAFETY: the slice is `len` bytes long; `to` by the caller.
        unsafe { ptr::copy_nonoverlapping(from.as_ptr(), to, len) };
    }

    /// Copies `len` bytes to `at`.
    ///
    /// # Safety
    /// `at + len` is within the buffer, and `from` is valid for reads of `len` bytes.
    pub(crate) unsafe fn write_raw(&self, at: usize, from: *const u8, len: usize) {
        match &self.away {
            // SAFETY: as in `read_raw`; the memory was declared writable.
            None => unsafe {
                libc::memcpy((self.addr + at) as *mut _, from.cast(), len);
            },
            // SAFETY: by the caller.
            Some(away) => unsafe { away.write(self.addr - away.addr + at, from, len) },
        }
    }

    /// As [`Self::write_raw`], to memory that may turn out to be read-only: EFAULT. Of memory in
    /// another program, that one finds it out.
    ///
    /// # Safety
    /// As for [`Self::write_raw`].
    pub(crate) unsafe fn write_checked(
        &self,
        at: usize,
        from: *const u8,
        len: usize,
    ) -> Result<()> {
        match &self.away {
            // SAFETY: `from` by the caller.
            None => unsafe { copy_checked(from, self.addr + at, len) },
            Some(_) => {
                // SAFETY: by the caller.
                unsafe { self.write_raw(at, from, len) };
                Ok(())
            }
        }
    }

    /// A copy of it all.
    pub(crate) fn to_vec(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.len];
        self.read(&mut bytes);
        bytes
    }

    /// The first `N` bytes. EINVAL if there are fewer.
    pub(crate) fn array<const N: usize>(&self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        if self.read(&mut bytes) < N {
            return Err(Error::new(EINVAL));
        }
        Ok(bytes)
    }

    /// The machine words in it; a ragged end is ignored.
    pub(crate) fn words(&self) -> Vec<usize> {
        let bytes = self.to_vec();
        bytes.as_chunks().0.iter().map(|word| usize::from_ne_bytes(*word)).collect()
    }
}

impl Away {
    /// # Safety
    /// `from` is valid for reads of `len` bytes.
    unsafe fn write(&self, at: usize, from: *const u8, len: usize) {
        let mut copy = lock(&self.inner);
        let to = &mut copy.bytes[at..][..len];
        // SAFETY: the slice is `len` bytes long; `from` by the caller.
        unsafe { ptr::copy_nonoverlapping(from, to.as_mut_ptr(), len) };
        copy.note(at..at + len);
    }
}

/// Copies within this program, to memory that may turn out to be read-only: EFAULT.
///
/// # Safety
/// `from` is valid for `len` bytes, and nothing else uses the memory at `to`.
pub(crate) unsafe fn copy_checked(from: *const u8, to: usize, len: usize) -> Result<()> {
    if len == 0 {
        return Ok(());
    }
    let local = libc::iovec { iov_base: from as *mut _, iov_len: len };
    let remote = libc::iovec { iov_base: to as *mut _, iov_len: len };
    // SAFETY: the caller vouches for `from`; Linux checks `to`.
    let done = unsafe { libc::process_vm_writev(libc::getpid(), &local, 1, &remote, 1, 0) };
    if done == len as isize {
        return Ok(());
    }
    let refused = std::io::Error::last_os_error().raw_os_error();
    if done < 0 && matches!(refused, Some(libc::EPERM | libc::ENOSYS)) {
        // SAFETY: a Linux that lacks the checked copy gets the plain one; read-only memory then
        // ends the test with a fault.
        unsafe { libc::memcpy(to as *mut _, from.cast(), len) };
        return Ok(());
    }
    Err(Error::new(EFAULT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_to_a_copy_is_noted_as_parts() {
        let buffer = Buffer::away(PAGE, vec![0; 10], Access::Both).unwrap();
        buffer.write(&[1, 2]);
        buffer.skip(2).write(&[3]);
        buffer.skip(7).write(&[4, 5, 6, 7]);
        let parts = buffer.copy().unwrap().written();
        assert_eq!(parts, [(0, vec![1, 2, 3]), (7, vec![4, 5, 6])]);
        assert_eq!(buffer.to_vec(), [1, 2, 3, 0, 0, 0, 0, 4, 5, 6]);
    }

    #[test]
    fn an_address_that_nobody_has_is_efault() {
        for addr in [1, USER_END, usize::MAX] {
            assert!(Buffer::away(addr, vec![0; 1], Access::Read).is_err());
        }
    }
}
