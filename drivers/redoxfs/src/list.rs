//! Listing a directory.
//!
//! RedoxFS has no order that lasts: entries move between blocks as others come and go. So a
//! listing goes by a hash of the name, which is also the cookie; what is neither made nor removed
//! meanwhile is listed once. Names with the same hash count on from it, in their own order.

use alloc::vec::Vec;

use driver::{
    Errno, FileKind, Node, Request,
    dirent::{Dirent, Writer},
};
use redoxfs::DirEntry;

use crate::{
    node::{id, kind, lib, load, load_dir, number},
    volume::{Tx, Volume},
};

/// Cookies of `.` and `..`; entries have later ones.
const DOT: u64 = 1;
const DOT_DOT: u64 = 2;

impl Volume {
    pub(crate) fn readdir(
        &mut self,
        request: &mut Request<'_>,
        node: Node,
        cookie: u64,
    ) -> Result<usize, Errno> {
        let own = id(node)?.id();
        let parent = self.parents.get(&own).copied().unwrap_or(own);
        self.view(|tx| {
            load_dir(tx, node)?;
            let mut writer = Writer::new();
            for (next, name, inode) in [(DOT, &b"."[..], own), (DOT_DOT, b"..", parent)] {
                let kind = FileKind::Directory;
                let entry = Dirent { inode: inode.into(), next, kind, name };
                if next > cookie && !writer.push(request, &entry)? {
                    return writer.finish(request);
                }
            }
            for (next, entry) in children(tx, node)?.iter().filter(|(next, _)| *next > cookie) {
                if !push(tx, &mut writer, request, *next, entry)? {
                    break;
                }
            }
            writer.finish(request)
        })
    }
}

fn push(
    tx: &mut Tx<'_>,
    writer: &mut Writer,
    request: &mut Request<'_>,
    next: u64,
    entry: &DirEntry,
) -> Result<bool, Errno> {
    let inode = entry.node_ptr().id();
    // The name of a damaged node is still one to be seen, and removed.
    let kind = load(tx, number(inode)).map_or(FileKind::Regular, |inode| kind(&inode));
    let name = entry.name().ok_or(Errno::EIO)?.as_bytes();
    writer.push(request, &Dirent { inode: inode.into(), next, kind, name })
}

/// The entries of a directory with their cookies, in the order of those.
fn children(tx: &mut Tx<'_>, dir: Node) -> Result<Vec<(u64, DirEntry)>, Errno> {
    let mut entries = Vec::new();
    lib(tx.child_nodes(id(dir)?, &mut entries))?;
    let hashed = |entry: DirEntry| (hash(entry.name().unwrap_or_default()), entry);
    let mut entries: Vec<_> = entries.into_iter().map(hashed).collect();
    entries.sort_by(|(a, one), (b, other)| a.cmp(b).then_with(|| one.name().cmp(&other.name())));
    let mut last = DOT_DOT;
    for (cookie, _) in &mut entries {
        *cookie = (*cookie).max(last + 1);
        last = *cookie;
    }
    Ok(entries)
}

/// FNV-1a, halved so that counting on never comes to an end.
fn hash(name: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    name.bytes().fold(0xcbf2_9ce4_8422_2325, step) >> 1
}
