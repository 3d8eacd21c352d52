//! Lending a caller's memory to a daemon for the length of a request.
//!
//! Another process's memory appears in a mapping of its own, at the same offset within the page,
//! and disappears when the caller has its answer: a daemon that looks later faults.

use std::ptr;

use syscall::error::{EFAULT, EINVAL, ENOMEM, Error, Result};

use super::memory::{Access, Buffer, PAGE};
use super::stats::Stats;

/// The address that stands for "no memory": nothing can be mapped there.
pub(crate) const DANGLING: usize = 1 << 62;

/// Pages that are gone when this is.
pub(crate) struct Mapping {
    base: usize,
    pages: usize,
}

impl Mapping {
    /// Fresh zeroed pages. ENOMEM.
    fn new(pages: usize) -> Result<Self> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a fresh anonymous mapping touches no memory in use.
        let base = unsafe { libc::mmap(ptr::null_mut(), pages * PAGE, protection, flags, -1, 0) };
        if base == libc::MAP_FAILED {
            return Err(Error::new(ENOMEM));
        }
        Ok(Self { base: base as usize, pages })
    }

    fn make_read_only(&self) {
        // SAFETY: the pages are this mapping's own.
        unsafe { libc::mprotect(self.base as *mut _, self.pages * PAGE, libc::PROT_READ) };
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the pages are this mapping's own, and whoever still looks is meant to fault.
        unsafe { libc::munmap(self.base as *mut _, self.pages * PAGE) };
    }
}

/// A caller's memory while a daemon may use it.
pub(crate) struct Loan {
    addr: usize,
    len: usize,
    source: Option<Buffer>,
    mapping: Option<Mapping>,
    cost: Stats,
}

/// How a buffer falls into pages.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Layout {
    offset: usize,
    head: usize,
    middle: usize,
    tail: usize,
}

impl Layout {
    fn of(addr: usize, len: usize) -> Self {
        let offset = addr % PAGE;
        let head = if offset == 0 { 0 } else { len.min(PAGE - offset) };
        let tail = (len - head) % PAGE;
        Self { offset, head, middle: len - head - tail, tail }
    }

    fn ragged_pages(&self) -> usize {
        usize::from(self.head > 0) + usize::from(self.tail > 0)
    }

    fn pages(&self) -> usize {
        self.middle / PAGE + self.ragged_pages()
    }
}

impl Loan {
    /// Nothing is lent.
    pub(crate) fn nothing() -> Self {
        let cost = Stats { requests: 1, without_memory: 1, ..Stats::default() };
        Self { addr: DANGLING, len: 0, source: None, mapping: None, cost }
    }

    /// Lends a buffer. `same_space` says that the daemon sees the caller's memory anyway.
    /// ENOMEM.
    pub(crate) fn buffer(buffer: Buffer, same_space: bool) -> Result<Self> {
        if buffer.is_empty() {
            return Ok(Self::nothing());
        }
        if same_space {
            let cost = Stats { requests: 1, same_space: 1, ..Stats::default() };
            let (addr, len) = (buffer.addr(), buffer.len());
            return Ok(Self { addr, len, source: None, mapping: None, cost });
        }
        Self::mapped(buffer)
    }

    fn mapped(buffer: Buffer) -> Result<Self> {
        let layout = Layout::of(buffer.addr(), buffer.len());
        let mapping = Mapping::new(layout.pages())?;
        let addr = mapping.base + layout.offset;
        let reads = buffer.access() != Access::Write;
        // The whole pages are shared, so they show what is there; the ragged ends show it only
        // if the caller gives data.
        let (from, len) = match reads {
            true => (0, buffer.len()),
            false => (layout.head, layout.middle),
        };
        // SAFETY: source and target are valid for the length of the buffer and don't overlap.
        unsafe {
            let source = (buffer.addr() + from) as *const _;
            libc::memcpy((addr + from) as *mut _, source, len);
        }
        if buffer.access() == Access::Read {
            mapping.make_read_only();
        }
        let cost = Self::cost(&layout, buffer.access());
        let len = buffer.len();
        Ok(Self { addr, len, source: Some(buffer), mapping: Some(mapping), cost })
    }

    fn cost(layout: &Layout, access: Access) -> Stats {
        let ragged = (layout.head + layout.tail) as u64;
        Stats {
            requests: 1,
            pages_shared: (layout.middle / PAGE) as u64,
            pages_bounced: layout.ragged_pages() as u64,
            bytes_in: if access == Access::Write { 0 } else { ragged },
            bytes_out: if access == Access::Read { 0 } else { ragged },
            ..Stats::default()
        }
    }

    /// Lends a path: always a copy in a page of its own. EINVAL if it is longer than the page.
    pub(crate) fn path(path: &str) -> Result<Self> {
        if path.len() > PAGE {
            return Err(Error::new(EINVAL));
        }
        let mapping = Mapping::new(1)?;
        // SAFETY: the mapping is fresh and one page long, the path is no longer.
        unsafe { libc::memcpy(mapping.base as *mut _, path.as_ptr().cast(), path.len()) };
        mapping.make_read_only();
        let cost = Stats {
            requests: 1,
            pages_bounced: 1,
            bytes_in: path.len() as u64,
            ..Stats::default()
        };
        let (addr, len) = (mapping.base, path.len());
        Ok(Self { addr, len, source: None, mapping: Some(mapping), cost })
    }

    /// Where the daemon finds it.
    pub(crate) fn addr(&self) -> u64 {
        self.addr as u64
    }

    /// How much there is.
    pub(crate) fn len(&self) -> u64 {
        self.len as u64
    }

    /// What it costs.
    pub(crate) fn stats(&self) -> &Stats {
        &self.cost
    }

    /// Leaves the pages to the daemon: the caller dies before the answer.
    pub(crate) fn abandon(&mut self) -> Option<Mapping> {
        self.mapping.take()
    }

    /// Ends the loan: what the daemon wrote goes back to the caller, the pages go away.
    ///
    /// EFAULT if the caller's memory is read-only and has a ragged end.
    pub(crate) fn release(self) -> Result<()> {
        let (Some(buffer), Some(_pages)) = (self.source, &self.mapping) else { return Ok(()) };
        match buffer.access() {
            Access::Read => Ok(()),
            Access::Write => {
                // SAFETY: both sides are valid for the length of the buffer.
                unsafe {
                    libc::memcpy(buffer.addr() as *mut _, self.addr as *const _, buffer.len())
                };
                Ok(())
            }
            Access::Both => self.copy_back(&buffer),
        }
    }

    /// Copies the ragged ends back in any case, and those whole pages that the daemon changed.
    fn copy_back(&self, buffer: &Buffer) -> Result<()> {
        let layout = Layout::of(buffer.addr(), buffer.len());
        self.give(buffer, 0, layout.head)?;
        for page in 0..layout.middle / PAGE {
            let at = layout.head + page * PAGE;
            if self.differs(buffer, at) {
                self.give(buffer, at, PAGE)?;
            }
        }
        self.give(buffer, layout.head + layout.middle, layout.tail)
    }

    fn differs(&self, buffer: &Buffer, at: usize) -> bool {
        let (ours, theirs) = ((self.addr + at) as *const _, (buffer.addr() + at) as *const _);
        // SAFETY: `at` is the start of a whole page of both.
        unsafe { libc::memcmp(ours, theirs, PAGE) != 0 }
    }

    fn give(&self, buffer: &Buffer, at: usize, len: usize) -> Result<()> {
        // SAFETY: the mapping is valid for the length of the buffer.
        unsafe { write_checked(self.addr + at, buffer.addr() + at, len) }
    }
}

/// Copies within this process, to memory that may turn out to be read-only: EFAULT.
///
/// # Safety
/// `from` is valid for `len` bytes, and nothing else uses the memory at `to`.
unsafe fn write_checked(from: usize, to: usize, len: usize) -> Result<()> {
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
        unsafe { libc::memcpy(to as *mut _, from as *const _, len) };
        return Ok(());
    }
    Err(Error::new(EFAULT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_falls_into_head_whole_pages_and_tail() {
        let layout = |addr, len| {
            let Layout { head, middle, tail, .. } = Layout::of(addr, len);
            (head, middle, tail)
        };
        assert_eq!(layout(PAGE, PAGE), (0, PAGE, 0));
        assert_eq!(layout(PAGE, 10), (0, 0, 10));
        assert_eq!(layout(PAGE + 8, 10), (10, 0, 0));
        assert_eq!(layout(PAGE + 8, 2 * PAGE), (PAGE - 8, PAGE, 8));
    }

    #[test]
    fn a_ragged_loan_of_read_only_memory_ends_with_efault() {
        static DATA: [u8; 3] = *b"abc";
        // SAFETY: static memory stays valid, and `Both` may turn out to be read-only.
        let buffer = unsafe { Buffer::new(DATA.as_ptr() as usize, 3, Access::Both) }.unwrap();
        let loan = Loan::buffer(buffer, false).unwrap();
        assert_eq!(loan.release(), Err(Error::new(EFAULT)));
    }

    #[test]
    fn an_output_buffer_shows_zeros_in_its_ragged_ends() {
        let mut bytes = [7_u8; 16];
        let loan = Loan::buffer(Buffer::from_slice_mut(&mut bytes), false).unwrap();
        // SAFETY: the loan is valid until it is released.
        let shown = unsafe { std::slice::from_raw_parts(loan.addr as *const u8, loan.len) };
        assert_eq!(shown, [0; 16]);
        loan.release().unwrap();
        assert_eq!(bytes, [0; 16]);
    }
}
