//! Opening and closing.

use driver::{Attr, Errno, FileKind, Node, OpenFlags};

use crate::{
    node::{Inode, attr, id, lib, load, stamp},
    size::resize,
    volume::{Asker, Volume},
};

impl Volume {
    /// Opens a node that still has a name; `ENOENT` where it has none.
    pub(crate) fn open(&mut self, node: Node, flags: OpenFlags, by: Asker) -> Result<(), Errno> {
        flags.check()?;
        let attr = self.attr(node)?;
        if attr.links == 0 {
            return Err(Errno::ENOENT);
        }
        attr.allow_open(flags, by.cred)?;
        if self.read_only && flags.contains(OpenFlags::WRITE) {
            return Err(Errno::EROFS);
        }
        if flags.contains(OpenFlags::TRUNCATE) {
            self.empty(node, by)?;
        }
        self.count_open(node)
    }

    /// Counts one open more.
    pub(crate) fn count_open(&mut self, node: Node) -> Result<(), Errno> {
        self.view(|tx| lib(tx.on_open_node(id(node)?)))
    }

    fn empty(&mut self, node: Node, by: Asker) -> Result<(), Errno> {
        self.change(|tx| {
            let mut inode = load(tx, node)?;
            resize(tx, &mut inode, 0)?;
            stamp(&mut inode, by.now);
            lib(tx.sync_tree(inode))
        })
    }

    /// Ends one open; the last one of a node without a name frees it. `EBADF` where there is
    /// none.
    pub(crate) fn close(&mut self, node: Node) -> Result<(), Errno> {
        let inode: Attr = self.attr(node)?;
        let opens = self.opens(node)?;
        if opens == 0 {
            return Err(Errno::EBADF);
        }
        if self.read_only || opens > 1 || inode.links > 0 {
            return self.view(|tx| lib(tx.on_close_node(id(node)?)));
        }
        self.change(|tx| {
            let mut inode: Inode = load(tx, node)?;
            if attr(&inode).kind == FileKind::Regular {
                resize(tx, &mut inode, 0)?;
                lib(tx.sync_tree(inode))?;
            }
            lib(tx.on_close_node(id(node)?))
        })
    }

    /// How often a node is open.
    pub(crate) fn opens(&self, node: Node) -> Result<u64, Errno> {
        Ok(self.fs.node_usages.get(&id(node)?.id()).copied().unwrap_or(0))
    }
}
