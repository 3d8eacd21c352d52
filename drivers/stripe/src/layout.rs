//! Where a stripe's bytes lie.

use core::ops::Range;

/// Chunks in turns over disks. Nothing here may be larger than the stripe.
#[derive(Clone, Copy)]
pub(crate) struct Layout {
    /// A power of two.
    pub(crate) chunk: u64,
    pub(crate) disks: u64,
}

/// Where an offset lies.
pub(crate) struct Place {
    pub(crate) disk: usize,
    pub(crate) offset: u64,
    /// Bytes from there to the end of the chunk.
    pub(crate) left: u64,
}

/// A part of a transfer that lies in one chunk.
pub(crate) struct Piece {
    pub(crate) disk: usize,
    pub(crate) offset: u64,
    /// Its part of the transfer's data.
    pub(crate) range: Range<usize>,
}

impl Layout {
    pub(crate) fn place(self, offset: u64) -> Place {
        let (number, within) = (offset / self.chunk, offset % self.chunk);
        Place {
            disk: (number % self.disks) as usize,
            offset: number / self.disks * self.chunk + within,
            left: self.chunk - within,
        }
    }

    /// The pieces of a transfer, in the order of its data.
    pub(crate) fn pieces(self, offset: u64, len: u64) -> impl Iterator<Item = Piece> {
        let mut at = 0;
        core::iter::from_fn(move || {
            let Place { disk, offset, left } = self.place(offset + at);
            let end = len.min(at + left);
            let range = at as usize..end as usize;
            at = end;
            (!range.is_empty()).then_some(Piece { disk, offset, range })
        })
    }

    /// The one range of a disk that a range of the whole covers: offset and length.
    pub(crate) fn share(self, offset: u64, len: u64, disk: u64) -> Option<(u64, u64)> {
        let (start, end) = (self.before(offset, disk), self.before(offset + len, disk));
        (start < end).then_some((start, end - start))
    }

    /// Bytes of a disk that lie before an offset of the whole.
    fn before(self, offset: u64, disk: u64) -> u64 {
        let (number, within) = (offset / self.chunk, offset % self.chunk);
        let (round, turn) = (number / self.disks, number % self.disks);
        let part = match turn.cmp(&disk) {
            core::cmp::Ordering::Less => 0,
            core::cmp::Ordering::Equal => within,
            core::cmp::Ordering::Greater => self.chunk,
        };
        round * self.chunk + part
    }
}
