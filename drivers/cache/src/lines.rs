//! The lines that are kept, and which of them are newer than the disk.

use alloc::{boxed::Box, collections::BTreeSet, vec, vec::Vec};
use core::ops::Range;

use lru::LruCache;

/// Lines by number, the one that was not used for longest first to go.
pub(crate) struct Lines {
    kept: LruCache<u64, Box<[u8]>>,
    /// Newer than the disk.
    dirty: BTreeSet<u64>,
    most: u64,
    line: u64,
    /// Bytes of the disk; its last line may be short of a whole one.
    size: u64,
    /// The line that a read in order would begin at.
    next: u64,
}

/// The part of one line that a range of bytes covers.
pub(crate) struct Span {
    pub(crate) line: u64,
    pub(crate) within: Range<usize>,
    /// Where that is in the range.
    pub(crate) at: usize,
}

impl Lines {
    pub(crate) fn new(most: u64, line: u64, size: u64) -> Lines {
        // Bounded here, where dirty ones can be written first.
        let kept = LruCache::unbounded();
        Lines { kept, dirty: BTreeSet::new(), most, line, size, next: u64::MAX }
    }

    pub(crate) fn len(&self) -> u64 {
        self.kept.len() as u64
    }

    pub(crate) fn dirty(&self) -> u64 {
        self.dirty.len() as u64
    }

    /// Bytes that go past the cache: more than half of it.
    pub(crate) fn is_too_much(&self, len: u64) -> bool {
        len / self.line + 2 > self.most / 2
    }

    /// The bytes of the disk that lines are about.
    pub(crate) fn range(&self, lines: &Range<u64>) -> Range<u64> {
        lines.start * self.line..(lines.end * self.line).min(self.size)
    }

    /// The lines that bytes of the disk touch.
    pub(crate) fn touched(&self, bytes: &Range<u64>) -> Range<u64> {
        bytes.start / self.line..bytes.end.div_ceil(self.line)
    }

    /// The lines of the disk.
    pub(crate) fn all(&self) -> Range<u64> {
        0..self.size.div_ceil(self.line)
    }

    pub(crate) fn spans(&self, bytes: &Range<u64>) -> impl Iterator<Item = Span> + use<> {
        let (bytes, size) = (bytes.clone(), self.line);
        self.touched(&bytes).map(move |line| {
            let base = line * size;
            let (start, end) = (bytes.start.max(base), bytes.end.min(base + size));
            let within = (start - base) as usize..(end - base) as usize;
            Span { line, within, at: (start - bytes.start) as usize }
        })
    }

    pub(crate) fn has(&self, line: u64) -> bool {
        self.kept.contains(&line)
    }

    /// Those of these lines that are here are used now, and not what goes to make room.
    pub(crate) fn touch(&mut self, lines: &Range<u64>) {
        for line in lines.clone() {
            self.kept.promote(&line);
        }
    }

    /// Bytes of the disk in a line.
    pub(crate) fn line_len(&self, line: u64) -> u64 {
        let range = self.range(&(line..line + 1));
        range.end - range.start
    }

    /// True where a span covers all of its line.
    pub(crate) fn is_whole(&self, span: &Span) -> bool {
        span.within.len() as u64 == self.line_len(span.line)
    }

    /// A read of bytes is to be answered; true where it goes on from the last.
    pub(crate) fn goes_on(&mut self, bytes: &Range<u64>) -> bool {
        let expected = core::mem::replace(&mut self.next, bytes.end / self.line);
        expected == bytes.start / self.line
    }

    /// A line, which is used now.
    pub(crate) fn get(&mut self, line: u64) -> Option<&[u8]> {
        self.kept.get(&line).map(|bytes| &**bytes)
    }

    pub(crate) fn get_mut(&mut self, line: u64) -> Option<&mut [u8]> {
        self.kept.get_mut(&line).map(|bytes| &mut **bytes)
    }

    /// Keeps a line as `bytes` say; the rest of a short one is zeros.
    pub(crate) fn put(&mut self, line: u64, bytes: &[u8]) {
        let mut whole = vec![0; self.line as usize].into_boxed_slice();
        whole[..bytes.len()].copy_from_slice(bytes);
        self.kept.put(line, whole);
    }

    pub(crate) fn mark(&mut self, line: u64) {
        self.dirty.insert(line);
    }

    /// Lines that have to go before `more` have room.
    pub(crate) fn excess(&self, more: u64) -> u64 {
        (self.len() + more).saturating_sub(self.most)
    }

    /// Lets go of the line that was not used for longest; says which, where that must be written
    /// first.
    pub(crate) fn drop_oldest(&mut self) -> Result<(), u64> {
        match self.kept.peek_lru() {
            Some((line, _)) if self.dirty.contains(line) => Err(*line),
            _ => {
                self.kept.pop_lru();
                Ok(())
            }
        }
    }

    /// Lets go of lines, whatever they hold.
    pub(crate) fn forget(&mut self, lines: Range<u64>) {
        let gone: Vec<u64> = if lines.end - lines.start <= self.len() {
            lines.collect()
        } else {
            let kept = self.kept.iter().map(|(line, _)| *line);
            kept.filter(|line| lines.contains(line)).collect()
        };
        for line in gone {
            self.kept.pop(&line);
            self.dirty.remove(&line);
        }
    }

    /// The first run of dirty lines among these, of `most` at most.
    pub(crate) fn dirty_run(&self, among: &Range<u64>, most: u64) -> Option<Range<u64>> {
        let first = *self.dirty.range(among.clone()).next()?;
        let end = among.end.min(first + most);
        let end = (first..end).find(|line| !self.dirty.contains(line)).unwrap_or(end);
        Some(first..end)
    }

    /// The bytes of kept lines in a row.
    pub(crate) fn gather(&self, lines: &Range<u64>) -> Vec<u8> {
        let mut bytes = Vec::new();
        for line in lines.clone() {
            bytes.extend_from_slice(self.kept.peek(&line).map_or(&[], |bytes| &**bytes));
        }
        let range = self.range(lines);
        bytes.truncate((range.end - range.start) as usize);
        bytes
    }

    pub(crate) fn clean(&mut self, lines: Range<u64>) {
        lines.for_each(|line| {
            self.dirty.remove(&line);
        });
    }
}
