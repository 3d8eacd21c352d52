//! A request that is being worked on: questions to the lower port, and what they mean to the asker.

use alloc::{vec, vec::Vec};

use driver::{Attr, Below, Cred, Data, Errno, MAX_PATH, Node, Op, Origin, Reply, Rights, Tree};

use crate::{is_hidden, log::Log, record::Perm};

/// One request being worked on.
pub(crate) struct Session<'a> {
    pub(crate) below: &'a Below,
    pub(crate) origin: &'a mut Origin,
    pub(crate) log: &'a mut Log,
    /// Who asks.
    pub(crate) cred: Cred,
}

impl Session<'_> {
    pub(crate) fn ask(&mut self, op: Op, names: &[&[u8]]) -> Result<Reply, Errno> {
        Ok(self.below.ask(self.origin, op, names, Data::NONE)?.1)
    }

    /// Attributes with the owner, group and mode that count here.
    pub(crate) fn over(&self, attr: Attr) -> Attr {
        match self.log.get(attr.inode) {
            Some(Perm { uid, gid, mode }) => Attr { uid, gid, mode, ..attr },
            None => attr,
        }
    }

    pub(crate) fn attr(&mut self, node: Node) -> Result<Attr, Errno> {
        let attr = self.below.attr(self.origin, node)?;
        Ok(self.over(attr))
    }

    /// An entry of a directory, if it is there.
    pub(crate) fn entry(&mut self, dir: Node, name: &[u8]) -> Result<Option<(Node, Attr)>, Errno> {
        if is_hidden(dir, name) {
            return Ok(None);
        }
        match self.below.find(self.origin, dir, name) {
            Ok((node, attr)) => Ok(Some((node, self.over(attr)))),
            Err(Errno::ENOENT) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    /// A directory's attributes, for one who may search it. `ENOTDIR`, `EACCES`.
    pub(crate) fn search(&mut self, dir: Node) -> Result<Attr, Errno> {
        let attr = self.attr(dir)?;
        if attr.kind != driver::FileKind::Directory {
            return Err(Errno::ENOTDIR);
        }
        attr.allow(self.cred, Rights::EXECUTE)?;
        Ok(attr)
    }

    pub(crate) fn set(&mut self, inode: u64, perm: Perm) -> Result<(), Errno> {
        self.log.set(self.below, self.origin, inode, perm)
    }
}

impl Tree for Session<'_> {
    fn attr(&mut self, node: Node) -> Result<Attr, Errno> {
        Session::attr(self, node)
    }

    fn child(&mut self, dir: Node, name: &[u8]) -> Result<Node, Errno> {
        self.entry(dir, name)?.map(|(node, _)| node).ok_or(Errno::ENOENT)
    }

    fn parent(&mut self, dir: Node) -> Result<Node, Errno> {
        self.below.find(self.origin, dir, b"..").map(|(node, _)| node)
    }

    fn target(&mut self, node: Node) -> Result<Vec<u8>, Errno> {
        let mut room = vec![0; MAX_PATH];
        let op = Op::Readlink { node };
        let (count, _) = self.below.ask(self.origin, op, &[], Data::sink(&mut room))?;
        room.truncate(count);
        Ok(room)
    }
}
