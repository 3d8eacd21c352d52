//! Listing the root directory without what is hidden there.

use alloc::{vec, vec::Vec};

use driver::{
    Data, Errno, Exchange, Node, Op, Request,
    dirent::{self, Dirent, Writer},
};

use crate::{below::Session, is_hidden};

impl Session<'_> {
    /// Entries after `cookie`, as they lie in a sink of `len` bytes.
    pub(crate) fn list(&mut self, node: Node, cookie: u64, len: usize) -> Result<Vec<u8>, Errno> {
        let mut cookie = cookie;
        let mut sink = vec![0; len];
        loop {
            let op = Op::Readdir { node, cookie };
            let (count, _) = self.below.ask(self.origin, op, &[], Data::sink(&mut sink))?;
            let filled = &sink[..count.min(len)];
            let shown = |entry: &Dirent<'_>| !is_hidden(node, entry.name);
            let last = dirent::entries(filled).last().map(|entry| entry.next);
            // Where all that fitted is hidden, the listing is not at its end.
            match last {
                Some(last) if !dirent::entries(filled).any(|entry| shown(&entry)) => cookie = last,
                _ => {
                    let mut entries = Vec::new();
                    for entry in dirent::entries(filled).filter(shown) {
                        entries.extend_from_slice(&entry.to_bytes()?);
                    }
                    return Ok(entries);
                }
            }
        }
    }
}

/// Puts entries into the request's sink. They fit: they are part of what filled one as large.
pub(crate) fn fill(request: &mut Request<'_>, entries: &[u8]) -> Result<usize, Errno> {
    let mut writer = Writer::new();
    for entry in dirent::entries(entries) {
        writer.push(request, &entry)?;
    }
    debug_assert!(entries.len() <= request.len());
    writer.finish(request)
}
