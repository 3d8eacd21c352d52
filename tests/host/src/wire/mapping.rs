//! Memory that is shared with the kernel and other programs.

use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr;

use syscall::data::Map;
use syscall::error::{EEXIST, ENOMEM, Error, Result};
use syscall::flag::MapFlags;

use crate::kernel::memory::PAGE;
use crate::kernel::mmap::protection;
use crate::kernel::space::ARENA;

/// Addresses that nothing else gets. They are free again when this goes, unless they were filled.
pub(super) struct Room {
    base: usize,
    size: usize,
}

impl Room {
    /// Room for a mapping, where it has to be or anywhere. ENOMEM, EEXIST.
    pub(super) fn of(map: &Map) -> Result<Self> {
        let fixed = map.flags.contains(MapFlags::MAP_FIXED);
        let kind = if fixed { libc::MAP_FIXED_NOREPLACE } else { 0 };
        Self::new(map.address, map.size.next_multiple_of(PAGE), kind)
    }

    /// Room for an arena. ENOMEM.
    pub(super) fn arena() -> Result<Self> {
        Self::new(0, ARENA, 0)
    }

    fn new(at: usize, size: usize, kind: i32) -> Result<Self> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | kind;
        // SAFETY: the mapping replaces nothing.
        let base = unsafe { libc::mmap(at as *mut _, size, libc::PROT_NONE, flags, -1, 0) };
        if base == libc::MAP_FAILED {
            let taken = std::io::Error::last_os_error().raw_os_error() == Some(libc::EEXIST);
            return Err(Error::new(if taken { EEXIST } else { ENOMEM }));
        }
        Ok(Self { base: base as usize, size })
    }

    /// Where it is.
    pub(super) fn base(&self) -> usize {
        self.base
    }

    /// Fills it with what a descriptor has behind it. ENOMEM.
    pub(super) fn fill(self, file: &OwnedFd, offset: u64, flags: MapFlags) -> Result<usize> {
        let kind =
            if flags.contains(MapFlags::MAP_SHARED) { libc::MAP_SHARED } else { libc::MAP_PRIVATE };
        let kind = kind | libc::MAP_FIXED | libc::MAP_NORESERVE;
        let (at, fd) = (self.base as *mut _, file.as_raw_fd());
        // SAFETY: only this room is replaced.
        let base = unsafe { libc::mmap(at, self.size, protection(flags), kind, fd, offset as i64) };
        if base == libc::MAP_FAILED {
            return Err(Error::new(ENOMEM));
        }
        std::mem::forget(self);
        Ok(base as usize)
    }

    /// Fills it with an arena, which a copy of the process doesn't get. ENOMEM.
    pub(super) fn fill_arena(self, file: &OwnedFd) -> Result<()> {
        let flags = MapFlags::PROT_READ | MapFlags::PROT_WRITE | MapFlags::MAP_SHARED;
        let base = self.fill(file, 0, flags)?;
        // SAFETY: the range is the arena, which the kernel alone says what to do with.
        unsafe { libc::madvise(base as *mut _, ARENA, libc::MADV_DONTFORK) };
        Ok(())
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        unmap(self.base, self.size);
    }
}

/// Unmaps a range that the kernel says is the process's own.
pub(super) fn unmap(base: usize, size: usize) {
    // SAFETY: the caller of munmap vouches for the range; a room is its holder's.
    unsafe { libc::munmap(ptr::without_provenance_mut(base), size) };
}
