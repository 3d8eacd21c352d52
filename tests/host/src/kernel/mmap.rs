//! Windows: a daemon's memory that a client maps.

use std::sync::Arc;

use syscall::data::Map;
use syscall::error::{EBADF, EFAULT, EINVAL, ENOENT, ENOMEM, Error, Result};
use syscall::flag::{MapFlags, MunmapFlags};

use super::description::{Description, Opened};
use super::memory::PAGE;
use super::process::{Cx, Task};
use super::scheme::{self, Scheme};
use super::space::{Backing, Space};

/// The number of the memory scheme's root.
pub(crate) const MEMORY_ROOT: usize = 0;

/// Memory that a process is to map.
pub(crate) enum Window {
    /// It is in this program, and mapped.
    At(usize),
    /// It has a descriptor, which the process maps itself.
    Behind(Backing),
}

/// A window that a process has mapped.
pub(crate) struct Grant {
    base: usize,
    size: usize,
    offset: usize,
    flags: MunmapFlags,
    file: Arc<Description>,
    /// The process has a copy of its own, which the kernel made.
    copied: bool,
}

/// Maps a handle, or fresh memory if `fd` is all ones. `place` puts the memory where the process
/// sees it, a copy of it if asked for one of its own, and says where that is.
///
/// EINVAL for no length, or for an address or offset inside a page; EBUSY for a window of the
/// caller's own process.
pub(crate) fn mmap(
    cx: &Cx,
    fd: usize,
    map: &Map,
    place: impl FnOnce(Window, bool) -> Result<usize>,
) -> Result<usize> {
    check(map)?;
    if fd == usize::MAX {
        return place(anonymous(cx, map)?, false);
    }
    let file = cx.task.file(fd)?;
    let window = scheme::get(file.scheme)?.fmap(cx, file.number, map)?;
    if file.scheme < scheme::FIRST_USER {
        return place(window, false);
    }
    let private = !map.flags.contains(MapFlags::MAP_SHARED);
    let size = map.size.next_multiple_of(PAGE);
    let base = place(window, private)?;
    let mut flags = MunmapFlags::empty();
    let dirty = !private && map.flags.contains(MapFlags::PROT_WRITE);
    flags.set(MunmapFlags::NEEDS_SYNC, dirty);
    let copied = private && matches!(cx.task.space, Space::Here);
    let grant = Grant { base, size, offset: map.offset, flags, file, copied };
    cx.task.grants(|grants| grants.push(grant));
    Ok(base)
}

/// EINVAL as for [`mmap`].
pub(crate) fn check(map: &Map) -> Result<()> {
    let aligned = map.address.is_multiple_of(PAGE) && map.offset.is_multiple_of(PAGE);
    if map.size == 0 || map.size > isize::MAX as usize || !aligned {
        return Err(Error::new(EINVAL));
    }
    Ok(())
}

/// Puts a window where a process of this program sees it.
pub(crate) fn place_here(window: Window, private: bool, size: usize) -> Result<usize> {
    match window {
        Window::At(base) if private => copy(base, size.next_multiple_of(PAGE)),
        Window::At(base) => Ok(base),
        Window::Behind(_) => Err(Error::new(EFAULT)),
    }
}

/// Unmaps what lies in the range: windows as a whole, or other memory. Gives back what a process
/// in a program of its own has to unmap itself: where it begins, and how long it is. EINVAL for an
/// empty range or one that starts inside a page.
pub(crate) fn munmap(cx: &Cx, addr: usize, len: usize) -> Result<Vec<(usize, usize)>> {
    if len == 0 || len > isize::MAX as usize || !addr.is_multiple_of(PAGE) {
        return Err(Error::new(EINVAL));
    }
    let end = addr.saturating_add(len.next_multiple_of(PAGE));
    let hit = |grant: &mut Grant| grant.base < end && addr < grant.base + grant.size;
    let gone: Vec<Grant> = cx.task.grants(|grants| grants.extract_if(.., hit).collect());
    let mut parts: Vec<_> = gone.iter().map(|grant| (grant.base, grant.size)).collect();
    if gone.is_empty() {
        parts.push((addr, end - addr));
    }
    match &cx.task.space {
        Space::Own(own) => parts.iter().for_each(|(base, size)| own.unmap(*base, *size)),
        Space::Here if gone.is_empty() => {
            // SAFETY: the caller of munmap vouches for the range.
            unsafe { libc::munmap(addr as *mut _, end - addr) };
            parts.clear();
        }
        Space::Here => parts.clear(),
    }
    for grant in gone {
        // As on Redox: the memory is gone whatever the scheme says.
        let _ = grant.unmap(cx);
    }
    Ok(parts)
}

/// Fresh memory. In a program of its own it is shared in any case: it may become a window.
fn anonymous(cx: &Cx, map: &Map) -> Result<Window> {
    match &cx.task.space {
        Space::Here => anonymous_here(map).map(Window::At),
        Space::Own(_) => Backing::fresh(map.size.next_multiple_of(PAGE)).map(Window::Behind),
    }
}

/// Linux's numbers for a protection.
pub(crate) fn protection(flags: MapFlags) -> i32 {
    let pairs = [
        (MapFlags::PROT_READ, libc::PROT_READ),
        (MapFlags::PROT_WRITE, libc::PROT_WRITE),
        (MapFlags::PROT_EXEC, libc::PROT_EXEC),
    ];
    let set = pairs.iter().filter(|(ours, _)| flags.contains(*ours));
    set.fold(libc::PROT_NONE, |sum, (_, hosts)| sum | hosts)
}

fn anonymous_here(map: &Map) -> Result<usize> {
    let protection = protection(map.flags);
    let shared = map.flags.contains(MapFlags::MAP_SHARED);
    let kind = if shared { libc::MAP_SHARED } else { libc::MAP_PRIVATE };
    let fixed = if map.flags.contains(MapFlags::MAP_FIXED) { libc::MAP_FIXED_NOREPLACE } else { 0 };
    let flags = kind | fixed | libc::MAP_ANONYMOUS;
    // SAFETY: without MAP_FIXED the mapping replaces nothing.
    let base = unsafe { libc::mmap(map.address as *mut _, map.size, protection, flags, -1, 0) };
    if base == libc::MAP_FAILED { Err(Error::new(ENOMEM)) } else { Ok(base as usize) }
}

/// A private copy of a window as it is now.
fn copy(base: usize, size: usize) -> Result<usize> {
    let flags = MapFlags::PROT_READ | MapFlags::PROT_WRITE | MapFlags::MAP_PRIVATE;
    let copy = anonymous_here(&Map { size, flags, ..Map::default() })?;
    // SAFETY: the daemon offered `size` bytes at `base`, and the copy is as large.
    unsafe { libc::memcpy(copy as *mut _, base as *const _, size) };
    Ok(copy)
}

impl Grant {
    fn free(&self) {
        if self.copied {
            // SAFETY: the copy was mapped for this grant alone.
            unsafe { libc::munmap(self.base as *mut _, self.size) };
        }
    }

    fn unmap(self, cx: &Cx) -> Result<()> {
        self.free();
        let Self { file, offset, size, flags, .. } = self;
        let told = scheme::get(file.scheme)
            .and_then(|scheme| scheme.funmap(cx, file.number, offset, size, flags));
        file.close()?;
        told
    }

    /// The process ends: tells the scheme without waiting.
    pub(crate) fn abandon(self, task: &Task) {
        self.free();
        let args = [self.size as u64, self.flags.bits() as u64, self.offset as u64];
        if let Ok(scheme) = scheme::get(self.file.scheme) {
            scheme.funmap_and_go(task.pid, [task.uid, task.gid], self.file.number, args);
        }
        // As on Redox: nobody is left to hear of trouble with it.
        let _ = self.file.close();
    }
}

/// `/scheme/memory`: fresh zeroed memory.
pub(crate) struct MemoryScheme;

impl Scheme for MemoryScheme {
    fn openat(
        &self,
        _cx: &Cx,
        number: usize,
        path: &str,
        _flags: usize,
        _fcntl_flags: u32,
    ) -> Result<Opened> {
        match path.trim_start_matches('/') {
            "" | "zeroed" if number == MEMORY_ROOT => {
                Ok(Opened::Local { number: MEMORY_ROOT + 1, positioned: false })
            }
            _ => Err(Error::new(ENOENT)),
        }
    }

    fn fmap(&self, cx: &Cx, number: usize, map: &Map) -> Result<Window> {
        if number == MEMORY_ROOT { Err(Error::new(EBADF)) } else { anonymous(cx, map) }
    }
}
