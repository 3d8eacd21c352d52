//! The library's file system, and what this driver knows beside it.

use alloc::collections::BTreeMap;

use driver::{Attr, Cred, Errno, Exchange, Node, Op, Reply, Request, SetAttr, Statfs, Time};
use redoxfs::{BLOCK_SIZE, FileSystem, Transaction};
use redoxfs_disk::{Error, PortDisk};

use crate::node::{self, Inode, attr, id, lib, load, number};

/// The library's transaction.
pub(crate) type Tx<'a> = Transaction<'a, PortDisk>;

/// Calls to the disk that any request may cause, beside those for its data.
const CALLS: u64 = 1 << 16;
/// The same for a listing, which costs the library up to 170 KiB of memory a call.
const LIST_CALLS: u64 = 1 << 12;
/// Free blocks that only removals may use: without any, nothing could be removed either.
const RESERVE: u64 = 64;

/// Who asks, and when.
#[derive(Clone, Copy)]
pub(crate) struct Asker {
    pub(crate) cred: Cred,
    pub(crate) now: Time,
}

pub(crate) struct Volume {
    pub(crate) fs: FileSystem<PortDisk>,
    /// Where the directories are that somebody has come by: RedoxFS itself does not say.
    pub(crate) parents: BTreeMap<u32, u32>,
    pub(crate) read_only: bool,
    /// A request is being worked on; found on entering, it never came to its end.
    inside: bool,
}

impl Volume {
    pub(crate) fn new(fs: FileSystem<PortDisk>, read_only: bool) -> Volume {
        Volume { fs, parents: BTreeMap::new(), read_only, inside: false }
    }

    /// Starts to work on a request. `EIO` where the library has panicked.
    pub(crate) fn enter(&mut self, request: &mut Request<'_>) -> Result<(), Errno> {
        if self.inside {
            return Err(Errno::EIO);
        }
        self.inside = true;
        let len = request.len() as u64;
        self.fs.disk.limit(match request.body().op {
            Op::Readdir { .. } => LIST_CALLS + len,
            _ => CALLS + len / BLOCK_SIZE * 4,
        });
        self.fs.disk.set_origin(request.origin());
        Ok(())
    }

    /// The end of it.
    pub(crate) fn leave(&mut self, request: &mut Request<'_>) {
        request.rejoin(self.fs.disk.take_origin());
        self.inside = false;
    }

    /// Looks, and changes nothing: not even what the library thinks is due.
    pub(crate) fn view<T>(
        &mut self,
        look: impl FnOnce(&mut Tx<'_>) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        let mut seen = Err(Errno::EIO);
        // An error keeps the library from committing.
        let _ = self.fs.tx(|tx| -> Result<(), Error> {
            seen = look(tx);
            Err(foreign(Errno::EROFS))
        });
        seen
    }

    /// Changes everything that `change` does, or nothing.
    pub(crate) fn change<T>(
        &mut self,
        change: impl FnOnce(&mut Tx<'_>) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        if self.read_only {
            return Err(Errno::EROFS);
        }
        lib(self.fs.tx(|tx| change(tx).map_err(foreign)))
    }

    /// Blocks that there are for new contents.
    pub(crate) fn free(&self) -> u64 {
        let reserve = RESERVE.min(self.fs.header.size() / BLOCK_SIZE / 16);
        self.fs.allocator().free().saturating_sub(reserve)
    }

    pub(crate) fn attr(&mut self, node: Node) -> Result<Attr, Errno> {
        self.view(|tx| Ok(attr(&load(tx, node)?)))
    }

    pub(crate) fn setattr(&mut self, node: Node, set: &SetAttr, by: Asker) -> Result<Attr, Errno> {
        self.change(|tx| {
            let mut inode = load(tx, node)?;
            let mut new = attr(&inode);
            set.apply(&mut new, by.cred, by.now)?;
            node::set_attr(&mut inode, &new);
            lib(tx.sync_tree(inode))?;
            Ok(new)
        })
    }

    pub(crate) fn flush(&mut self, node: Node) -> Result<(), Errno> {
        self.attr(node)?;
        self.fs.disk.flush()
    }

    pub(crate) fn statfs(&self) -> Statfs {
        Statfs {
            block_size: BLOCK_SIZE as u32,
            blocks: self.fs.header.size() / BLOCK_SIZE,
            free: self.free(),
        }
    }

    pub(crate) fn lookup(
        &mut self,
        parent: Node,
        path: &[u8],
        follow: bool,
        cred: Cred,
    ) -> Result<Reply, Errno> {
        let mut parents = core::mem::take(&mut self.parents);
        let found = self.view(|tx| {
            let mut walk = Walk { tx, parents: &mut parents, seen: BTreeMap::new() };
            driver::walk(&mut walk, parent, path, follow, cred)
        });
        self.parents = parents;
        let found = found?;
        Ok(Reply::Entry { node: found.node, attr: found.attr })
    }
}

fn foreign(errno: Errno) -> Error {
    Error::new(errno.0.into())
}

/// A walk through the tree, which notes where the directories on its way are.
struct Walk<'a, 'tx> {
    tx: &'a mut Tx<'tx>,
    parents: &'a mut BTreeMap<u32, u32>,
    /// Attributes of nodes come by: to read one again is five blocks.
    seen: BTreeMap<Node, Attr>,
}

impl driver::Tree for Walk<'_, '_> {
    fn attr(&mut self, node: Node) -> Result<Attr, Errno> {
        if let Some(attr) = self.seen.get(&node) {
            return Ok(*attr);
        }
        let attr = attr(&load(self.tx, node)?);
        self.seen.insert(node, attr);
        Ok(attr)
    }

    fn child(&mut self, dir: Node, name: &[u8]) -> Result<Node, Errno> {
        let parent = id(dir)?;
        let found = node::child(self.tx, dir, node::text(name)?)?.ok_or(Errno::ENOENT)?;
        if found.data().is_dir() {
            self.parents.insert(found.id(), parent.id());
        }
        self.seen.insert(number(found.id()), attr(&found));
        Ok(number(found.id()))
    }

    fn parent(&mut self, dir: Node) -> Result<Node, Errno> {
        if dir == Node::ROOT {
            return Ok(dir);
        }
        self.parents.get(&id(dir)?.id()).map(|parent| number(*parent)).ok_or(Errno::EXDEV)
    }

    fn target(&mut self, link: Node) -> Result<alloc::vec::Vec<u8>, Errno> {
        let inode: Inode = load(self.tx, link)?;
        node::target(self.tx, &inode)
    }
}
