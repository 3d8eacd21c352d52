//! Writes to a disk that are kept back, so that all of them happen or none, and in whole blocks.

use std::{
    collections::BTreeMap,
    fmt,
    io::{self, Read, Seek, SeekFrom, Write},
};

use crate::disk::Disk;

/// A disk as a stream of bytes; what is written to it stays here until it is committed.
pub(crate) struct Staged<'a> {
    disk: &'a Disk,
    at: u64,
    blocks: BTreeMap<u64, Block>,
}

struct Block {
    bytes: Vec<u8>,
    written: bool,
}

impl<'a> Staged<'a> {
    /// Nothing written yet.
    pub(crate) fn new(disk: &'a Disk) -> Staged<'a> {
        Staged { disk, at: 0, blocks: BTreeMap::new() }
    }

    /// Writes everything to the disk, its beginning last, and waits until it is safe: what is at
    /// the beginning says that the rest is there.
    pub(crate) fn commit(&self) -> io::Result<()> {
        for (number, block) in self.blocks.iter().rev().filter(|(_, block)| block.written) {
            self.disk.write(number * self.disk.block_size(), &block.bytes)?;
        }
        self.disk.flush()
    }

    /// The block that the stream is in, and where in it.
    fn here(&mut self) -> io::Result<(&mut Block, usize)> {
        let size = self.disk.block_size();
        let (number, inside) = (self.at / size, (self.at % size) as usize);
        if let std::collections::btree_map::Entry::Vacant(vacant) = self.blocks.entry(number) {
            let mut bytes = vec![0; size as usize];
            self.disk.read(number * size, &mut bytes)?;
            vacant.insert(Block { bytes, written: false });
        }
        let block = self.blocks.get_mut(&number).ok_or(io::ErrorKind::NotFound)?;
        Ok((block, inside))
    }

    fn is_at_end(&self) -> bool {
        self.at >= self.disk.size()
    }
}

impl Read for Staged<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        if self.is_at_end() {
            return Ok(0);
        }
        let (block, inside) = self.here()?;
        let count = room.len().min(block.bytes.len() - inside);
        room[..count].copy_from_slice(&block.bytes[inside..inside + count]);
        self.at += count as u64;
        Ok(count)
    }
}

impl Write for Staged<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_at_end() {
            return Ok(0);
        }
        let (block, inside) = self.here()?;
        let count = bytes.len().min(block.bytes.len() - inside);
        block.bytes[inside..inside + count].copy_from_slice(&bytes[..count]);
        block.written = true;
        self.at += count as u64;
        Ok(count)
    }

    /// Nothing: see [`Staged::commit`].
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Staged<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let to = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.disk.size().checked_add_signed(by),
        };
        self.at = to.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

impl fmt::Debug for Staged<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with {} blocks touched", self.disk.path, self.blocks.len())
    }
}
