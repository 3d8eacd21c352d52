//! Windows: memory that a handle's two sides share for as long as the handle is open.
//!
//! A window is mapped once; data inside it then crosses as a reference. The other side can change
//! it at any time, so what is given out is [`Lent`], never a slice.

use alloc::{sync::Arc, vec::Vec};
use core::{ops::Range, ptr::NonNull};

use libredox::{
    Fd,
    call::{MmapArgs, mmap, munmap},
    flag::{MAP_SHARED, PROT_READ, PROT_WRITE},
};

use crate::{
    data::{Access, Lent},
    status::Errno,
    sync::Mutex,
};

/// How many windows a handle can have; they are numbered from 1 on.
pub const MAX_WINDOWS: u16 = 8;
/// The most bytes of a window.
pub const MAX_WINDOW: usize = 16 << 20;

/// Bytes of a page.
const PAGE: usize = 4096;
/// What is mapped at least, so that many small pieces have room in one window.
const LEAST: usize = 256 << 10;
/// What small pieces begin at a multiple of.
const LINE: usize = 64;

/// Where in the handle a window is mapped from: numbers in the upper half, places in the lower.
pub const fn window_at(number: u16) -> u64 {
    (number as u64) << 32
}

/// Memory of this process' own, to be shared with others by a scheme: `len` bytes, rounded up to
/// whole pages, all zeros. The errors are the system's.
pub fn pages(len: usize) -> Result<Lent, Errno> {
    Pages::map(usize::MAX, len, 0).map(|pages| pages.lend(0, pages.len))
}

/// A mapping.
struct Pages {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: an address range, reached by `Lent` only.
unsafe impl Send for Pages {}
// SAFETY: as above.
unsafe impl Sync for Pages {}

impl Pages {
    /// Maps a window of a handle, or fresh memory where `fd` is all ones.
    fn map(fd: usize, len: usize, offset: u64) -> Result<Arc<Pages>, Errno> {
        let length = len.checked_next_multiple_of(PAGE).ok_or(Errno::ENOMEM)?;
        let (addr, prot) = (core::ptr::null_mut(), PROT_READ | PROT_WRITE);
        // SAFETY: at no particular place, so nothing is replaced.
        let base = unsafe { mmap(MmapArgs { addr, length, prot, flags: MAP_SHARED, fd, offset }) };
        let base = NonNull::new(base.map_err(Errno::from)?.cast()).ok_or(Errno::ENOMEM)?;
        Ok(Arc::new(Pages { base, len: length }))
    }

    /// A part of the memory; cut where there is no more.
    fn lend(self: &Arc<Pages>, at: usize, len: usize) -> Lent {
        let at = at.min(self.len);
        let owner: Arc<dyn Send + Sync> = Arc::<Pages>::clone(self);
        let access = Access::FETCH | Access::FILL;
        // SAFETY: inside the mapping, which the owner keeps, and of which nobody in this program
        // makes a reference to the bytes.
        unsafe { Lent::new(self.base.add(at), len.min(self.len - at), access) }.owned(owner)
    }

    fn place_of(&self, address: usize, len: usize) -> Option<usize> {
        let at = address.checked_sub(self.base.as_ptr() as usize)?;
        (at.checked_add(len)? <= self.len).then_some(at)
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: mapped by `map`, and nobody has a reference to it any more. Nothing is left to
        // be done about an error.
        let _ = unsafe { munmap(self.base.as_ptr().cast(), self.len) };
    }
}

/// A window that this side has mapped.
struct Window {
    number: u16,
    pages: Arc<Pages>,
    /// What is given out, in order.
    used: Mutex<Vec<Range<usize>>>,
}

/// A piece that is given out; dropped, it is there to be given out again.
struct Piece {
    window: Arc<Window>,
    start: usize,
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.window.used.lock().retain(|used| used.start != self.start);
    }
}

impl Window {
    /// A piece of `len` bytes that begins at a multiple of `align`, where there is one.
    fn take(self: &Arc<Window>, len: usize, align: usize) -> Option<Lent> {
        let mut used = self.used.lock();
        let (place, start) = free(&used, self.pages.len, len, align)?;
        used.insert(place, start..start + len.max(1));
        drop(used);
        let piece = Arc::new(Piece { window: Arc::clone(self), start });
        // The piece keeps the window, and that the pages.
        Some(self.pages.lend(start, len).owned(piece))
    }
}

/// The first gap of `len` bytes: its place in the list, and where it begins.
fn free(used: &[Range<usize>], room: usize, len: usize, align: usize) -> Option<(usize, usize)> {
    let mut start = 0;
    for (place, taken) in used.iter().enumerate() {
        if start + len <= taken.start {
            return Some((place, start));
        }
        start = taken.end.next_multiple_of(align);
    }
    (start + len <= room).then_some((used.len(), start))
}

/// The windows of one handle.
#[derive(Default)]
pub(crate) struct Windows(Mutex<Table>);

#[derive(Default)]
struct Table {
    windows: Vec<Arc<Window>>,
    /// Numbers in use, by bit.
    numbers: u16,
}

impl Windows {
    /// Where data lies in one of the windows: its number, and the place there.
    pub(crate) fn find(&self, address: usize, len: usize) -> Option<(u16, u32)> {
        self.0.lock().windows.iter().find_map(|window| {
            let at = window.pages.place_of(address, len)?;
            Some((window.number, u32::try_from(at).ok()?))
        })
    }

    /// A piece of what is mapped already.
    pub(crate) fn room(&self, len: usize) -> Option<Lent> {
        let align = if len < PAGE { LINE } else { PAGE };
        self.0.lock().windows.iter().find_map(|window| window.take(len, align))
    }

    /// A piece of `len` bytes; another window is mapped where none has room. `EFBIG` where no
    /// window is as large, `EMFILE` where there are too many already; else as the other side
    /// answers.
    pub(crate) fn take(&self, handle: &Fd, len: usize) -> Result<Lent, Errno> {
        if len > MAX_WINDOW {
            return Err(Errno::EFBIG);
        }
        if let Some(lent) = self.room(len) {
            return Ok(lent);
        }
        let number = self.0.lock().reserve().ok_or(Errno::EMFILE)?;
        // Not under the lock: the other side takes its time.
        let pages = Pages::map(handle.raw(), len.max(LEAST), window_at(number));
        let mut table = self.0.lock();
        let pages = pages.inspect_err(|_| table.numbers &= !(1 << number))?;
        let window = Arc::new(Window { number, pages, used: Mutex::new(Vec::new()) });
        let lent = window.take(len, PAGE).ok_or(Errno::ENOMEM);
        table.windows.push(window);
        lent
    }
}

impl Table {
    fn reserve(&mut self) -> Option<u16> {
        let number = (1..=MAX_WINDOWS).find(|number| self.numbers & 1 << number == 0)?;
        self.numbers |= 1 << number;
        Some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_fill_gaps_and_never_overlap() {
        let used = [0..64, 128..4096, 8192..8193];
        assert_eq!(free(&used, 16384, 64, 64), Some((1, 64)));
        assert_eq!(free(&used, 16384, 65, 64), Some((2, 4096)));
        assert_eq!(free(&used, 16384, 4096, 4096), Some((2, 4096)));
        assert_eq!(free(&used, 20480, 4097, 4096), Some((3, 12288)));
        assert_eq!(free(&used, 16384, 4097, 4096), None);
        assert_eq!(free(&[], 100, 100, 64), Some((0, 0)));
        assert_eq!(free(&[], 100, 101, 64), None);
    }
}
