//! Directory entries as they lie in a sink.
//!
//! The layout is the one that Redox's `getdents` uses, so a listing crosses without being
//! rewritten: `inode: u64, next: u64, len: u16, kind: u8`, native byte order, unaligned, then
//! the name and a NUL; `len` counts all of it.

use alloc::vec::Vec;

use agent::{Errno, Status};

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
        if self.name.len() > MAX_NAME {
            return Err(Errno::ENAMETOOLONG);
        }
        let mut bytes = alloc::vec![0; HEADER + self.name.len() + 1];
        self.encode(&mut bytes);
        Ok(bytes)
    }

    fn encode(&self, out: &mut [u8]) -> usize {
        let len = HEADER + self.name.len() + 1;
        out[..8].copy_from_slice(&self.inode.to_ne_bytes());
        out[8..16].copy_from_slice(&self.next.to_ne_bytes());
        out[16..18].copy_from_slice(&(len as u16).to_ne_bytes());
        out[18] = kind_code(self.kind);
        out[HEADER..len - 1].copy_from_slice(self.name);
        out[len - 1] = 0;
        len
    }
}

/// Puts entries into a request's sink, one after the other.
#[derive(Debug, Default)]
pub struct Writer {
    at: usize,
    full: bool,
}

impl Writer {
    /// At the sink's beginning.
    pub fn new() -> Writer {
        Writer::default()
    }

    /// Puts an entry in; `false` where it does not fit any more, and then none after it does.
    /// `ENAMETOOLONG` for a name past [`MAX_NAME`]; else as [`Exchange::fill`].
    pub fn push(&mut self, request: &mut Request<'_>, entry: &Dirent<'_>) -> Result<bool, Errno> {
        if entry.name.len() > MAX_NAME {
            return Err(Errno::ENAMETOOLONG);
        }
        let mut bytes = [0; HEADER + MAX_NAME + 1];
        let len = entry.encode(&mut bytes);
        self.full |= request.len() - self.at < len;
        if self.full {
            return Ok(false);
        }
        request.fill(self.at, &bytes[..len])?;
        self.at += len;
        Ok(true)
    }

    /// The status of the readdir: bytes put in; `EINVAL` where not even one entry fitted.
    pub fn status(&self) -> Status {
        if self.full && self.at == 0 { Errno::EINVAL.into() } else { Status::ok(self.at) }
    }
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
        let mut bytes = [0; 128];
        let first = all[0].encode(&mut bytes);
        let second = all[1].encode(&mut bytes[first..]);
        assert!(entries(&bytes[..first + second]).eq(all));
    }

    #[test]
    fn malformed_entries_end_the_listing() {
        assert_eq!(entries(&[0; 40]).count(), 0);
        assert_eq!(entries(&[0xff; 40]).count(), 0);
        assert_eq!(entries(&[1; 18]).count(), 0);
    }
}
