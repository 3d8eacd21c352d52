//! Attributes, opens, sizes.

use driver::{Attr, Errno, FileKind, Node, Op, OpenFlags, Reply, Rights, SetAttr, Time};

use crate::{record::Perm, session::Session};

impl Session<'_> {
    pub(crate) fn setattr(&mut self, node: Node, set: &SetAttr, now: Time) -> Result<Attr, Errno> {
        let before = self.attr(node)?;
        let mut after = before;
        set.apply(&mut after, self.cred, now)?;
        // The times are the lower port's, which has the change noted.
        let times = SetAttr { atime: set.atime, mtime: set.mtime, ..SetAttr::default() };
        let Reply::Attr(attr) = self.ask(Op::Setattr { node, set: times }, &[])? else {
            return Err(Errno::EPROTO);
        };
        if Perm::of(&after) != Perm::of(&before) {
            self.set(attr.inode, Perm::of(&after))?;
        }
        Ok(self.over(attr))
    }

    pub(crate) fn open(&mut self, node: Node, flags: OpenFlags) -> Result<(), Errno> {
        flags.check()?;
        let attr = self.attr(node)?;
        if attr.links == 0 {
            return Err(Errno::ENOENT);
        }
        attr.allow_open(flags, self.cred)?;
        self.ask(Op::Open { node, flags }, &[]).map(|_| ())
    }

    pub(crate) fn close(&mut self, node: Node) -> Result<(), Errno> {
        self.ask(Op::Close { node }, &[])?;
        if self.log.is_unnamed(node)
            && self.below.attr(self.origin, node).err() == Some(Errno::ESTALE)
        {
            self.log.forget(node);
        }
        Ok(())
    }

    pub(crate) fn truncate(&mut self, node: Node, len: u64) -> Result<(), Errno> {
        let attr = self.attr(node)?;
        match attr.kind {
            FileKind::Directory => return Err(Errno::EISDIR),
            FileKind::Symlink => return Err(Errno::EINVAL),
            _ => attr.allow(self.cred, Rights::WRITE)?,
        }
        self.ask(Op::Truncate { node, len }, &[]).map(|_| ())
    }

    /// What is flushed is no safer than its owner.
    pub(crate) fn flush(&mut self, node: Node) -> Result<(), Errno> {
        self.log.flush(self.below, self.origin)?;
        self.ask(Op::Flush { node }, &[]).map(|_| ())
    }
}
