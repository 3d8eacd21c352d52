//! Directory entries as they lie in a sink.
//!
//! The layout is the one that Redox's `getdents` uses, so a listing crosses without being
//! rewritten: `inode: u64, next: u64, len: u16, kind: u8`, native byte order, unaligned, then
//! the name and a NUL; `len` counts all of it.

use alloc::vec::Vec;

use agent::Errno;

use crate::{Exchange, Request, attr::FileKind, op::MAX_NAME};

const HEADER: usize = 19;

/// An entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dirent<'a> {
    /// Inode number.
    pub inode: u64,
    /// The cookie that goes on after this entry. Never 0.
    pub next: u64,
    /// What it is.
    pub kind: FileKind,
    /// Its name.
    pub name: &'a [u8],
}

const fn kind_code(kind: FileKind) -> u8 {
    (kind.mode_bits() >> 12) as u8
}

impl Dirent<'_> {
    /// The entry as it lies in a sink. `ENAMETOOLONG` for a name past [`MAX_NAME`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, Errno> {
        self.check()?;
        let mut bytes = Vec::with_capacity(self.len());
        self.encode(&mut bytes);
        Ok(bytes)
    }

    fn check(&self) -> Result<(), Errno> {
        if self.name.len() > MAX_NAME { Err(Errno::ENAMETOOLONG) } else { Ok(()) }
    }

    /// Bytes that it takes in a sink.
    #[allow(clippy::len_without_is_empty)] // it never is
    pub fn len(&self) -> usize {
        HEADER + self.name.len() + 1
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let mut header = [0; HEADER];
        header[..8].copy_from_slice(&self.inode.to_ne_bytes());
        header[8..16].copy_from_slice(&self.next.to_ne_bytes());
        header[16..18].copy_from_slice(&(self.len() as u16).to_ne_bytes());
        header[18] = kind_code(self.kind);
        out.reserve(self.len());
        out.extend_from_slice(&header);
        out.extend_from_slice(self.name);
        out.push(0);
    }
}

/// Bytes of entries that are put into a sink at once.
const ROOM: usize = 4096;

/// Puts entries into a request's sink, one after the other, many at once.
#[derive(Debug, Default)]
pub struct Writer {
    /// What is in the sink.
    at: usize,
    /// What goes there next.
    next: Vec<u8>,
    full: bool,
}

impl Writer {
    /// At the sink's beginning.
    pub fn new() -> Writer {
        Writer::default()
    }

    /// Adds an entry; `false` where it does not fit any more, and then none after it does.
    /// `ENAMETOOLONG` for a name past [`MAX_NAME`]; else as [`Exchange::fill`].
    pub fn push(&mut self, request: &mut Request<'_>, entry: &Dirent<'_>) -> Result<bool, Errno> {
        entry.check()?;
        let len = entry.len();
        self.full |= request.len() - self.at - self.next.len() < len;
        if self.full {
            return Ok(false);
        }
        if self.next.len() + len > ROOM {
            self.flush(request)?;
        }
        if self.next.capacity() == 0 {
            self.next.reserve(ROOM.min(request.len()));
        }
        entry.encode(&mut self.next);
        Ok(true)
    }

    /// Adds entries as they lie in a sink, as many as fit; `false` where not all of them did, and
    /// then none after them does. Errors as [`Exchange::fill`].
    pub fn push_run(&mut self, request: &mut Request<'_>, run: &[u8]) -> Result<bool, Errno> {
        if self.full {
            return Ok(false);
        }
        self.flush(request)?;
        let fits = fitting(run, request.len() - self.at);
        request.fill(self.at, &run[..fits])?;
        self.at += fits;
        self.full = fits < run.len();
        Ok(!self.full)
    }

    fn flush(&mut self, request: &mut Request<'_>) -> Result<(), Errno> {
        if !self.next.is_empty() {
            request.fill(self.at, &self.next)?;
            self.at += self.next.len();
            self.next.clear();
        }
        Ok(())
    }

    /// Ends the listing: the bytes put in; `EINVAL` where not even one entry fitted, else as
    /// [`Exchange::fill`].
    pub fn finish(mut self, request: &mut Request<'_>) -> Result<usize, Errno> {
        self.flush(request)?;
        if self.full && self.at == 0 { Err(Errno::EINVAL) } else { Ok(self.at) }
    }
}

/// Bytes of the whole entries of a run that fit into `room`.
fn fitting(run: &[u8], room: usize) -> usize {
    if run.len() <= room {
        return run.len();
    }
    let ends = entries(run).scan(0, |end, entry| {
        *end += entry.len();
        Some(*end)
    });
    ends.take_while(|end| *end <= room).last().unwrap_or(0)
}

/// The entries in a filled sink. Ends at the first malformed one.
pub fn entries(bytes: &[u8]) -> impl Iterator<Item = Dirent<'_>> {
    let mut rest = bytes;
    core::iter::from_fn(move || {
        let (entry, len) = decode(rest)?;
        rest = &rest[len..];
        Some(entry)
    })
}

fn decode(bytes: &[u8]) -> Option<(Dirent<'_>, usize)> {
    let len = usize::from(u16::from_ne_bytes(bytes.get(16..18)?.try_into().ok()?));
    let name = bytes.get(HEADER..len.checked_sub(1)?)?;
    bytes.get(len - 1)?;
    let entry = Dirent {
        inode: u64::from_ne_bytes(bytes[..8].try_into().ok()?),
        next: u64::from_ne_bytes(bytes[8..16].try_into().ok()?),
        kind: FileKind::from_mode(u16::from(bytes[18]) << 12).unwrap_or_default(),
        name,
    };
    Some((entry, len))
}

/// All of one listing, owned; for callers who want no iterator.
pub fn names(bytes: &[u8]) -> Vec<Vec<u8>> {
    entries(bytes).map(|entry| entry.name.to_vec()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back_as_they_went_in() {
        let all = [
            Dirent { inode: 1, next: 1, kind: FileKind::Directory, name: b"." },
            Dirent { inode: 77, next: 9, kind: FileKind::Symlink, name: "ümlaut x".as_bytes() },
        ];
        let mut bytes = Vec::new();
        all.iter().for_each(|entry| entry.encode(&mut bytes));
        assert!(entries(&bytes).eq(all));
    }

    #[test]
    fn malformed_entries_end_the_listing() {
        assert_eq!(entries(&[0; 40]).count(), 0);
        assert_eq!(entries(&[0xff; 40]).count(), 0);
        assert_eq!(entries(&[1; 18]).count(), 0);
    }
}
