//! Sparse storage: the pages of one file, and the room that all files share.

use alloc::{boxed::Box, collections::BTreeMap, vec::Vec};

use driver::{Errno, Exchange, Request};

/// Bytes of a page.
pub(crate) const PAGE: usize = 4096;

/// A number of units to hand out.
#[derive(Debug)]
pub(crate) struct Room {
    all: u64,
    free: u64,
}

impl Room {
    pub(crate) const fn new(all: u64) -> Room {
        Room { all, free: all }
    }

    pub(crate) fn all(&self) -> u64 {
        self.all
    }

    pub(crate) fn free(&self) -> u64 {
        self.free
    }

    /// Takes one unit. `ENOSPC` where none is left.
    pub(crate) fn take(&mut self) -> Result<(), Errno> {
        self.free = self.free.checked_sub(1).ok_or(Errno::ENOSPC)?;
        Ok(())
    }

    pub(crate) fn give(&mut self, units: u64) {
        self.free += units;
    }
}

/// The pages of one file. Bytes past the file's end are zero in every page, so that growing
/// needs no clearing.
#[derive(Debug, Default)]
pub(crate) struct Pages(BTreeMap<u64, Box<[u8; PAGE]>>);

/// A stretch of a file that lies in one piece.
enum Piece<'a> {
    Bytes(&'a [u8]),
    Hole(usize),
}

impl Pages {
    /// One page that begins with `bytes`, which fit. `ENOSPC`.
    pub(crate) fn with(bytes: &[u8], room: &mut Room) -> Result<Pages, Errno> {
        let mut pages = Pages::default();
        pages.part(0, bytes.len(), room)?.copy_from_slice(bytes);
        Ok(pages)
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u64 {
        self.0.len() as u64
    }

    /// The first `len` bytes, for a file of at most one page.
    pub(crate) fn head(&self, len: usize) -> Vec<u8> {
        self.0.get(&0).map_or_else(Vec::new, |page| page[..len.min(PAGE)].to_vec())
    }

    /// Fills the first `len` bytes of the request with those from `offset` on.
    pub(crate) fn read(
        &self,
        request: &mut Request<'_>,
        offset: u64,
        len: usize,
    ) -> Result<(), Errno> {
        let mut done = 0;
        while done < len {
            done += match self.piece(offset + done as u64, len - done) {
                Piece::Bytes(bytes) => {
                    request.fill(done, bytes)?;
                    bytes.len()
                }
                Piece::Hole(hole) => {
                    request.fill_zero(done..done + hole)?;
                    hole
                }
            };
        }
        Ok(())
    }

    /// What lies at `offset`, `len` bytes at most. A hole reaches up to the next page there is.
    fn piece(&self, offset: u64, len: usize) -> Piece<'_> {
        let (index, start) = locate(offset);
        if let Some(page) = self.0.get(&index) {
            return Piece::Bytes(&page[start..PAGE.min(start.saturating_add(len))]);
        }
        match self.0.range(index..).next() {
            Some((at, _)) => {
                let hole = at * PAGE as u64 - offset;
                Piece::Hole(usize::try_from(hole).map_or(len, |hole| hole.min(len)))
            }
            None => Piece::Hole(len),
        }
    }

    /// Fetches `len` bytes of the request to `offset` on, as far as there is room; the count of
    /// those that fitted. `ENOSPC` where that is none.
    pub(crate) fn write(
        &mut self,
        request: &mut Request<'_>,
        offset: u64,
        len: usize,
        room: &mut Room,
    ) -> Result<usize, Errno> {
        let mut done = 0;
        while done < len {
            match self.part(offset + done as u64, len - done, room) {
                Ok(part) => {
                    request.fetch(done, part)?;
                    done += part.len();
                }
                Err(errno) if done == 0 => return Err(errno),
                Err(_) => break,
            }
        }
        Ok(done)
    }

    /// The bytes at `offset` within one page, `len` at most. The page is made where there is
    /// none.
    fn part(&mut self, offset: u64, len: usize, room: &mut Room) -> Result<&mut [u8], Errno> {
        let (index, start) = locate(offset);
        if !self.0.contains_key(&index) {
            room.take()?;
        }
        let page = self.0.entry(index).or_insert_with(|| Box::new([0; PAGE]));
        Ok(&mut page[start..PAGE.min(start.saturating_add(len))])
    }

    /// Gives back what lies past `len`.
    pub(crate) fn truncate(&mut self, len: u64, room: &mut Room) {
        let (index, start) = locate(len);
        let first_gone = if start == 0 { index } else { index + 1 };
        room.give(self.0.split_off(&first_gone).len() as u64);
        if start != 0
            && let Some(page) = self.0.get_mut(&index)
        {
            page[start..].fill(0);
        }
    }
}

/// The page of an offset, and the place in it.
fn locate(offset: u64) -> (u64, usize) {
    (offset / PAGE as u64, (offset % PAGE as u64) as usize)
}
