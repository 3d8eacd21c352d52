//! Lending a caller's memory to a daemon for the length of a request.
//!
//! Another process's memory appears in pages of its own, at the same offset within the page, and
//! disappears when the caller has its answer. A daemon that looks later faults, or finds zeros if
//! it is in a program of its own. Where the daemon is dead, its pages go with its last thread: a
//! thread of this program ends where it enters the kernel next, and not at once.

use std::ptr;
use std::sync::Arc;

use syscall::error::{EINVAL, ENOMEM, Error, Result};

use super::memory::{Access, Buffer, PAGE};
use super::process::Task;
use super::space::{Lot, Space};
use super::stats::Stats;

/// The address that stands for "no memory": nothing can be mapped there.
pub(crate) const DANGLING: usize = 1 << 62;

/// Pages that are gone when this is.
pub(crate) struct Mapping {
    base: usize,
    pages: usize,
    /// The daemon that sees them.
    of: Option<Arc<Task>>,
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
        Ok(Self { base: base as usize, pages, of: None })
    }

    fn make_read_only(&self) {
        // SAFETY: the pages are this mapping's own.
        unsafe { libc::mprotect(self.base as *mut _, self.pages * PAGE, libc::PROT_READ) };
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        if let Some(daemon) = self.of.take()
            && daemon.is_dead()
        {
            return daemon.bury(Mapping { of: None, ..*self });
        }
        // SAFETY: the pages are this mapping's own, and whoever still looks is meant to fault.
        unsafe { libc::munmap(self.base as *mut _, self.pages * PAGE) };
    }
}

/// Pages that a daemon sees.
pub(crate) enum Pages {
    /// In this program.
    Here(Mapping),
    /// In a program of the daemon's own.
    Away(Lot),
}

impl Pages {
    /// Fresh zeroed pages in the daemon's memory. ENOMEM.
    fn new(space: &Space, pages: usize) -> Result<Self> {
        match space {
            Space::Here => Mapping::new(pages).map(Pages::Here),
            Space::Own(own) => own.arena().take(pages).map(Pages::Away),
        }
    }

    fn addr(&self) -> usize {
        match self {
            Pages::Here(mapping) => mapping.base,
            Pages::Away(lot) => lot.addr(),
        }
    }

    /// In a program of its own a daemon is not kept from writing; what it writes goes nowhere.
    fn make_read_only(&self) {
        if let Pages::Here(mapping) = self {
            mapping.make_read_only();
        }
    }

    /// Shows `len` bytes of the buffer, from `from` on, at `to`, which is within the pages.
    fn show(&self, buffer: &Buffer, from: usize, to: usize, len: usize) -> Result<()> {
        match self {
            Pages::Here(mapping) => {
                // SAFETY: both sides have the bytes, as the caller says.
                unsafe { buffer.read_raw(from, (mapping.base + to) as *mut _, len) };
                Ok(())
            }
            Pages::Away(lot) => {
                let mut bytes = vec![0; len];
                buffer.skip(from).read(&mut bytes);
                lot.write(to, &bytes)
            }
        }
    }

    /// Gives `work` the address of a copy of `len` bytes from `at` on, or of the bytes themselves.
    fn with<T>(&self, at: usize, len: usize, work: impl FnOnce(*const u8) -> T) -> Result<T> {
        match self {
            Pages::Here(mapping) => Ok(work((mapping.base + at) as *const u8)),
            Pages::Away(lot) => {
                let mut bytes = vec![0; len];
                lot.read(at, &mut bytes)?;
                Ok(work(bytes.as_ptr()))
            }
        }
    }
}

/// A caller's memory while a daemon may use it.
pub(crate) struct Loan {
    addr: usize,
    len: usize,
    source: Option<Buffer>,
    pages: Option<Pages>,
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
        Self { addr: DANGLING, len: 0, source: None, pages: None, cost }
    }

    /// Lends a buffer to a daemon that sees the caller's memory anyway.
    pub(crate) fn as_it_is(buffer: &Buffer) -> Self {
        let cost = Stats { requests: 1, same_space: 1, ..Stats::default() };
        Self { addr: buffer.addr(), len: buffer.len(), source: None, pages: None, cost }
    }

    /// Lends a buffer that is not empty to a daemon. ENOMEM.
    pub(crate) fn buffer(buffer: Buffer, space: &Space) -> Result<Self> {
        let layout = Layout::of(buffer.addr(), buffer.len());
        let pages = Pages::new(space, layout.pages())?;
        // The whole pages are shared, so they show what is there; the ragged ends show it only
        // if the caller gives data.
        let (from, len) = match buffer.access() {
            Access::Write => (layout.head, layout.middle),
            Access::Read | Access::Both => (0, buffer.len()),
        };
        pages.show(&buffer, from, layout.offset + from, len)?;
        if buffer.access() == Access::Read {
            pages.make_read_only();
        }
        let (addr, len) = (pages.addr() + layout.offset, buffer.len());
        let cost = Self::cost(&layout, buffer.access());
        Ok(Self { addr, len, source: Some(buffer), pages: Some(pages), cost })
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
    pub(crate) fn path(path: &str, space: &Space) -> Result<Self> {
        if path.len() > PAGE {
            return Err(Error::new(EINVAL));
        }
        let pages = Pages::new(space, 1)?;
        pages.show(&Buffer::from_slice(path.as_bytes()), 0, 0, path.len())?;
        pages.make_read_only();
        let cost = Stats {
            requests: 1,
            pages_bounced: 1,
            bytes_in: path.len() as u64,
            ..Stats::default()
        };
        let (addr, len) = (pages.addr(), path.len());
        Ok(Self { addr, len, source: None, pages: Some(pages), cost })
    }

    /// Says which daemon sees it.
    pub(crate) fn seen_by(mut self, daemon: &Arc<Task>) -> Self {
        if let Some(Pages::Here(mapping)) = &mut self.pages {
            mapping.of = Some(Arc::clone(daemon));
        }
        self
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
    pub(crate) fn abandon(&mut self) -> Option<Pages> {
        self.pages.take()
    }

    /// Ends the loan: what the daemon wrote goes back to the caller, the pages go away.
    ///
    /// EFAULT if the caller's memory is read-only and has a ragged end.
    pub(crate) fn release(self) -> Result<()> {
        let (Some(buffer), Some(pages)) = (self.source, &self.pages) else { return Ok(()) };
        let layout = Layout::of(buffer.addr(), buffer.len());
        match buffer.access() {
            Access::Read => Ok(()),
            Access::Write => pages.with(layout.offset, buffer.len(), |from| {
                // SAFETY: both sides are valid for the length of the buffer.
                unsafe { buffer.write_raw(0, from, buffer.len()) }
            }),
            Access::Both => copy_back(&buffer, pages, &layout),
        }
    }
}

/// Copies the ragged ends back in any case, and those whole pages that the daemon changed.
fn copy_back(buffer: &Buffer, pages: &Pages, layout: &Layout) -> Result<()> {
    give(buffer, pages, layout, 0, layout.head)?;
    for page in 0..layout.middle / PAGE {
        let at = layout.head + page * PAGE;
        if differs(buffer, pages, layout, at)? {
            give(buffer, pages, layout, at, PAGE)?;
        }
    }
    give(buffer, pages, layout, layout.head + layout.middle, layout.tail)
}

fn differs(buffer: &Buffer, pages: &Pages, layout: &Layout, at: usize) -> Result<bool> {
    let mut theirs = [0; PAGE];
    buffer.skip(at).read(&mut theirs);
    pages.with(layout.offset + at, PAGE, |ours| {
        // SAFETY: `at` is the start of a whole page of both.
        unsafe { libc::memcmp(ours.cast(), theirs.as_ptr().cast(), PAGE) != 0 }
    })
}

fn give(buffer: &Buffer, pages: &Pages, layout: &Layout, at: usize, len: usize) -> Result<()> {
    pages.with(layout.offset + at, len, |from| {
        // SAFETY: the part is within both sides.
        unsafe { buffer.write_checked(at, from, len) }
    })?
}

#[cfg(test)]
mod tests {
    use syscall::error::EFAULT;

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
        let loan = Loan::buffer(buffer, &Space::Here).unwrap();
        assert_eq!(loan.release(), Err(Error::new(EFAULT)));
    }

    #[test]
    fn an_output_buffer_shows_zeros_in_its_ragged_ends() {
        let mut bytes = [7_u8; 16];
        let loan = Loan::buffer(Buffer::from_slice_mut(&mut bytes), &Space::Here).unwrap();
        // SAFETY: the loan is valid until it is released.
        let shown = unsafe { std::slice::from_raw_parts(loan.addr as *const u8, loan.len) };
        assert_eq!(shown, [0; 16]);
        loan.release().unwrap();
        assert_eq!(bytes, [0; 16]);
    }

    #[test]
    fn what_a_daemon_saw_that_is_dead_stays_for_its_threads() {
        let daemon = Task::new(1, "daemon", [0, 0], Space::Here);
        let loan = Loan::path("a path", &Space::Here).unwrap().seen_by(&daemon);
        let addr = loan.addr as *const u8;
        daemon.end();
        drop(loan);
        // SAFETY: there as long as the process is; it was filled by `path`.
        assert_eq!(unsafe { std::slice::from_raw_parts(addr, 6) }, b"a path");
    }
}
