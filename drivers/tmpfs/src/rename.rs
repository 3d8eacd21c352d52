//! Renaming.

use driver::{Cred, Errno, FileKind, Node, check_name};

use crate::{
    dir::Entry,
    state::{Asker, State},
};

impl State {
    pub(crate) fn rename(
        &mut self,
        parent: Node,
        name: &[u8],
        to: Node,
        new_name: &[u8],
        by: Asker,
    ) -> Result<(), Errno> {
        check_name(name)?;
        check_name(new_name)?;
        let moved = self.search(parent, by.cred)?.get(name)?;
        let there = self.search(to, by.cred)?.get(new_name).ok();
        if there.is_some_and(|there| there.node == moved.node) {
            return Ok(());
        }
        if moved.kind == FileKind::Directory && self.is_within(to, moved.node)? {
            return Err(Errno::EINVAL);
        }
        self.allow_taking(parent, moved, by.cred)?;
        match there {
            Some(there) => self.allow_replacing(to, moved, there, by.cred)?,
            None => self.allow_entry(to, by.cred)?,
        }
        if let Some(there) = there {
            self.leave(to, new_name, there, by.now)?;
            self.drop_name(there, by.now)?;
        }
        self.leave(parent, name, moved, by.now)?;
        self.enter(to, new_name, moved.node, by.now)?;
        self.arrived(moved, to, by)
    }

    /// What the node itself learns of its move.
    fn arrived(&mut self, moved: Entry, to: Node, by: Asker) -> Result<(), Errno> {
        let inode = self.get_mut(moved.node)?;
        inode.fixed.ctime = by.now;
        if moved.kind == FileKind::Directory {
            inode.dir_mut()?.parent = to;
        }
        Ok(())
    }

    fn allow_taking(&self, parent: Node, entry: Entry, cred: Cred) -> Result<(), Errno> {
        self.get(parent)?.fixed.allow_removal(cred, &self.get(entry.node)?.fixed)
    }

    fn allow_replacing(
        &self,
        to: Node,
        moved: Entry,
        there: Entry,
        cred: Cred,
    ) -> Result<(), Errno> {
        self.allow_taking(to, there, cred)?;
        let is_dir = |entry: Entry| entry.kind == FileKind::Directory;
        match (is_dir(moved), is_dir(there)) {
            (true, false) => Err(Errno::ENOTDIR),
            (false, true) => Err(Errno::EISDIR),
            (true, true) if !self.get(there.node)?.dir()?.is_empty() => Err(Errno::ENOTEMPTY),
            _ => Ok(()),
        }
    }

    /// True where `dir` is `top`, or below it. A removed directory is below nothing once its
    /// parent is gone.
    fn is_within(&self, mut dir: Node, top: Node) -> Result<bool, Errno> {
        while dir != top && dir != Node::ROOT {
            let Ok(inode) = self.get(dir) else { return Ok(false) };
            dir = inode.dir()?.parent;
        }
        Ok(dir == top)
    }
}
