//! A caller's memory, as the kernel sees it: an address and a length that are a claim.

use syscall::error::{EFAULT, EINVAL, Error, Result};

/// Size of a page.
pub(crate) const PAGE: usize = 4096;
const USER_END: usize = 1 << 47;

/// What the kernel may do with the memory.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Access {
    /// Only read it.
    Read,
    /// Only write it.
    Write,
    /// Both.
    Both,
}

/// A piece of a caller's memory. It is valid while the caller is in the kernel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Buffer {
    addr: usize,
    len: usize,
    access: Access,
}

impl Buffer {
    /// EFAULT for an address that no user memory has.
    ///
    /// # Safety
    /// The memory is valid for `access` until the caller leaves the kernel. Memory that is
    /// declared `Both` may in truth be read-only.
    pub(crate) unsafe fn new(addr: usize, len: usize, access: Access) -> Result<Self> {
        let end = addr.saturating_add(len);
        if addr >= USER_END || end >= USER_END || (len > 0 && addr < PAGE) {
            return Err(Error::new(EFAULT));
        }
        Ok(Self { addr, len, access })
    }

    /// A slice that the caller reads from.
    pub(crate) fn from_slice(bytes: &[u8]) -> Self {
        Self { addr: bytes.as_ptr() as usize, len: bytes.len(), access: Access::Read }
    }

    /// A slice that the caller wants filled.
    pub(crate) fn from_slice_mut(bytes: &mut [u8]) -> Self {
        Self { addr: bytes.as_mut_ptr() as usize, len: bytes.len(), access: Access::Write }
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

    /// The part from `offset` on.
    pub(crate) fn skip(&self, offset: usize) -> Self {
        let offset = offset.min(self.len);
        Self { addr: self.addr + offset, len: self.len - offset, ..*self }
    }

    /// Copies as much as both sides have; says how much.
    pub(crate) fn read(&self, to: &mut [u8]) -> usize {
        let len = self.len.min(to.len());
        // SAFETY: `new` was promised that the memory is valid, and `len` is within both sides.
        unsafe { libc::memcpy(to.as_mut_ptr().cast(), self.addr as *const _, len) };
        len
    }

    /// Copies as much as both sides have; says how much.
    pub(crate) fn write(&self, from: &[u8]) -> usize {
        debug_assert_ne!(self.access, Access::Read);
        let len = self.len.min(from.len());
        // SAFETY: as in `read`; the memory was declared writable.
        unsafe { libc::memcpy(self.addr as *mut _, from.as_ptr().cast(), len) };
        len
    }

    /// A copy of it all.
    pub(crate) fn to_vec(self) -> Vec<u8> {
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
