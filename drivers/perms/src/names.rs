//! Making names, taking them away, moving them.

use driver::{Attr, Errno, FileKind, Node, Op, OpenFlags, Reply, Rights, check_name};

use crate::{is_hidden, record::Perm, session::Session};

impl Session<'_> {
    pub(crate) fn create(
        &mut self,
        parent: Node,
        name: &[u8],
        mode: u16,
        flags: OpenFlags,
    ) -> Result<Reply, Errno> {
        flags.check()?;
        let above = self.search(parent)?;
        let there = if check_name(name).is_ok() { self.entry(parent, name)? } else { None };
        let op = Op::Create { parent, mode, flags };
        let Some((_, attr)) = there else {
            self.vacant(&above, parent, name)?;
            return self.make(op, parent, &[name], self.below_of(&above, FileKind::Regular, mode));
        };
        match attr.kind {
            _ if flags.contains(OpenFlags::EXCLUSIVE) => Err(Errno::EEXIST),
            FileKind::Directory => Err(Errno::EISDIR),
            FileKind::Symlink => Err(Errno::ELOOP),
            _ => {
                attr.allow_open(flags, self.cred)?;
                let reply = self.ask(op, &[name])?;
                Ok(self.over_reply(reply))
            }
        }
    }

    pub(crate) fn mkdir(&mut self, parent: Node, name: &[u8], mode: u16) -> Result<Reply, Errno> {
        let above = self.free(parent, name)?;
        let perm = self.below_of(&above, FileKind::Directory, mode);
        self.make(Op::Mkdir { parent, mode }, parent, &[name], perm)
    }

    pub(crate) fn symlink(
        &mut self,
        parent: Node,
        name: &[u8],
        target: &[u8],
    ) -> Result<Reply, Errno> {
        let above = self.free(parent, name)?;
        let perm = self.below_of(&above, FileKind::Symlink, 0o777);
        self.make(Op::Symlink { parent }, parent, &[name, target], perm)
    }

    pub(crate) fn link(&mut self, node: Node, parent: Node, name: &[u8]) -> Result<(), Errno> {
        if self.attr(node)?.kind == FileKind::Directory {
            return Err(Errno::EPERM);
        }
        self.free(parent, name)?;
        self.ask(Op::Link { node, parent }, &[name]).map(|_| ())
    }

    pub(crate) fn unlink(&mut self, parent: Node, name: &[u8], dir: bool) -> Result<(), Errno> {
        check_name(name)?;
        let above = self.search(parent)?;
        let (node, attr) = self.entry(parent, name)?.ok_or(Errno::ENOENT)?;
        above.allow_removal(self.cred, &attr)?;
        self.ask(Op::Unlink { parent, dir }, &[name])?;
        self.lost_name(node, &attr);
        Ok(())
    }

    pub(crate) fn rename(
        &mut self,
        (parent, name): (Node, &[u8]),
        (to, new): (Node, &[u8]),
    ) -> Result<(), Errno> {
        check_name(name)?;
        check_name(new)?;
        let from = self.search(parent)?;
        let (node, attr) = self.entry(parent, name)?.ok_or(Errno::ENOENT)?;
        let above = self.search(to)?;
        let there = self.entry(to, new)?;
        if there.is_some_and(|(there, _)| there == node) {
            return Ok(());
        }
        if attr.kind == FileKind::Directory && self.is_within(to, node)? {
            return Err(Errno::EINVAL);
        }
        from.allow_removal(self.cred, &attr)?;
        match &there {
            Some((_, there)) => above.allow_removal(self.cred, there)?,
            None => self.allow_entry(&above, to, new)?,
        }
        self.ask(Op::Rename { parent, to }, &[name, new])?;
        if let Some((there, attr)) = there {
            self.lost_name(there, &attr);
        }
        Ok(())
    }

    /// A directory's attributes, for one who may make a name in it that isn't there.
    fn free(&mut self, parent: Node, name: &[u8]) -> Result<Attr, Errno> {
        check_name(name)?;
        let above = self.search(parent)?;
        if self.entry(parent, name)?.is_some() {
            return Err(Errno::EEXIST);
        }
        self.vacant(&above, parent, name)?;
        Ok(above)
    }

    fn vacant(&self, above: &Attr, parent: Node, name: &[u8]) -> Result<(), Errno> {
        check_name(name)?;
        self.allow_entry(above, parent, name)
    }

    fn allow_entry(&self, above: &Attr, parent: Node, name: &[u8]) -> Result<(), Errno> {
        if above.links == 0 {
            return Err(Errno::ENOENT);
        }
        above.allow(self.cred, Rights::WRITE)?;
        if is_hidden(parent, name) { Err(Errno::EACCES) } else { Ok(()) }
    }

    /// What a node has that the asker makes in a directory. A set-group-id directory hands its
    /// group down, and to directories the bit as well.
    fn below_of(&self, above: &Attr, kind: FileKind, mode: u16) -> Perm {
        let inherits = above.mode & 0o2000;
        let gid = if inherits != 0 { above.gid } else { self.cred.gid };
        let bit = if kind == FileKind::Directory { inherits } else { 0 };
        Perm { uid: self.cred.uid, gid, mode: mode & 0o7777 | bit }
    }

    /// Makes a node, and says whose it is; where that can't be written, it is taken away again.
    fn make(&mut self, op: Op, parent: Node, names: &[&[u8]], perm: Perm) -> Result<Reply, Errno> {
        let reply = self.ask(op, names)?;
        let Reply::Entry { node, attr } = reply else { return Err(Errno::EPROTO) };
        self.log.made(attr.inode);
        if let Err(errno) = self.set(attr.inode, perm) {
            let dir = attr.kind == FileKind::Directory;
            let _ = self.ask(Op::Unlink { parent, dir }, &names[..1]);
            if matches!(op, Op::Create { .. }) {
                let _ = self.ask(Op::Close { node }, &[]);
            }
            return Err(errno);
        }
        Ok(self.over_reply(reply))
    }

    fn over_reply(&self, reply: Reply) -> Reply {
        match reply {
            Reply::Entry { node, attr } => Reply::Entry { node, attr: self.over(attr) },
            other => other,
        }
    }

    /// A node has a name less than its attributes say.
    fn lost_name(&mut self, node: Node, attr: &Attr) {
        if attr.kind == FileKind::Directory || attr.links <= 1 {
            self.log.unnamed(self.below, self.origin, node, attr.inode);
            if self.below.attr(self.origin, node).err() == Some(Errno::ESTALE) {
                self.log.forget(node);
            }
        }
    }

    /// True where `dir` is `top`, or below it.
    fn is_within(&mut self, mut dir: Node, top: Node) -> Result<bool, Errno> {
        while dir != top && dir != Node::ROOT {
            let Ok((above, _)) = self.below.find(self.origin, dir, b"..") else {
                return Ok(false);
            };
            if above == dir {
                break;
            }
            dir = above;
        }
        Ok(dir == top)
    }
}
