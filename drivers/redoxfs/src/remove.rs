//! Taking names away, and moving them.

use driver::{Attr, Errno, FileKind, Node, Time};

use crate::{
    names::allow_entry,
    node::{id, lib, load, new_name, number, set_ctime, text, touch},
    size::resize,
    volume::{Asker, Tx, Volume},
};

/// Directories between one and the root that are believed.
const MAX_DEPTH: usize = 4096;

impl Volume {
    pub(crate) fn unlink(
        &mut self,
        parent: Node,
        name: &[u8],
        dir: bool,
        by: Asker,
    ) -> Result<(), Errno> {
        let (above, entry) = self.search(parent, name, by.cred)?;
        let entry = entry.ok_or(Errno::ENOENT)?;
        above.allow_removal(by.cred, &entry)?;
        match (dir, entry.kind == FileKind::Directory) {
            (false, true) => return Err(Errno::EISDIR),
            (true, false) => return Err(Errno::ENOTDIR),
            _ => {}
        }
        let removal = self.removal(&entry)?;
        let name = text(name)?;
        self.change(|tx| {
            removal.run(tx, parent, name, by.now)?;
            touch(tx, parent, by.now)
        })?;
        self.parents.remove(&(entry.inode as u32));
        Ok(())
    }

    /// Moves (directory, name) to (directory, name), in place of what is there.
    pub(crate) fn rename(
        &mut self,
        (parent, name): (Node, &[u8]),
        (to, new): (Node, &[u8]),
        by: Asker,
    ) -> Result<(), Errno> {
        let (above, moved) = self.search(parent, name, by.cred)?;
        let moved = moved.ok_or(Errno::ENOENT)?;
        let (target, there) = self.search(to, new, by.cred)?;
        if there.is_some_and(|there| there.inode == moved.inode) {
            return Ok(());
        }
        let is_dir = moved.kind == FileKind::Directory;
        if is_dir && self.is_within(to, moved.inode as u32)? {
            return Err(Errno::EINVAL);
        }
        above.allow_removal(by.cred, &moved)?;
        let removal = match &there {
            Some(there) => Some(self.replacing(&target, &moved, there, by)?),
            None => allow_entry(&target, by.cred).map(|()| None)?,
        };
        self.room()?;
        let (name, new) = (text(name)?, new_name(new)?);
        self.change(|tx| {
            if let Some(removal) = removal {
                removal.run(tx, to, new, by.now)?;
            }
            lib(tx.rename_node(id(parent)?, name, id(to)?, new))?;
            let mut inode = load(tx, number(moved.inode as u32))?;
            set_ctime(&mut inode, by.now);
            lib(tx.sync_tree(inode))?;
            touch(tx, parent, by.now)?;
            touch(tx, to, by.now)
        })?;
        if let Some(there) = there {
            self.parents.remove(&(there.inode as u32));
        }
        if is_dir {
            self.parents.insert(moved.inode as u32, id(to)?.id());
        }
        Ok(())
    }

    fn replacing(
        &self,
        dir: &Attr,
        moved: &Attr,
        there: &Attr,
        by: Asker,
    ) -> Result<Removal, Errno> {
        dir.allow_removal(by.cred, there)?;
        let is_dir = |attr: &Attr| attr.kind == FileKind::Directory;
        match (is_dir(moved), is_dir(there)) {
            (true, false) => Err(Errno::ENOTDIR),
            (false, true) => Err(Errno::EISDIR),
            _ => self.removal(there),
        }
    }

    /// True where `dir` is `top`, or below it. Whoever names a directory has come by all those
    /// above it; `ESTALE` where nobody has since the driver was made.
    fn is_within(&self, dir: Node, top: u32) -> Result<bool, Errno> {
        let root = id(Node::ROOT)?.id();
        let mut at = id(dir)?.id();
        for _ in 0..MAX_DEPTH {
            if at == top || at == root {
                return Ok(at == top);
            }
            at = *self.parents.get(&at).ok_or(Errno::ESTALE)?;
        }
        Err(Errno::ELOOP)
    }

    fn removal(&self, entry: &Attr) -> Result<Removal, Errno> {
        let node = number(entry.inode as u32);
        let open = self.opens(node)? > 0;
        Ok(Removal { node, kind: entry.kind, last: entry.links <= 1, open })
    }
}

/// What has to be known to take a name away.
struct Removal {
    node: Node,
    kind: FileKind,
    last: bool,
    open: bool,
}

impl Removal {
    fn run(&self, tx: &mut Tx<'_>, dir: Node, name: &str, now: Time) -> Result<(), Errno> {
        if self.last && !self.open && self.kind == FileKind::Regular {
            let mut inode = load(tx, self.node)?;
            resize(tx, &mut inode, 0)?;
            lib(tx.sync_tree(inode))?;
        }
        lib(tx.remove_node(id(dir)?, name, self.kind.mode_bits()))?;
        if self.last && !self.open {
            return Ok(());
        }
        let mut inode = load(tx, self.node)?;
        if self.last {
            // The library leaves the count of what is still open as it was.
            inode.data_mut().set_links(0);
        }
        set_ctime(&mut inode, now);
        lib(tx.sync_tree(inode))
    }
}
