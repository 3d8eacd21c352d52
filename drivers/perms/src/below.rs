//! Questions to the lower port, all as root, and what they mean to an asker.

use alloc::{vec, vec::Vec};

use driver::{
    Attr, Body, Call, Cred, Data, Errno, Lower, MAX_PATH, Node, Op, Origin, Reply, Rights, Tree,
    Wait,
};

use crate::{
    is_hidden,
    log::{Log, SELF},
    record::Perm,
};

pub(crate) struct Below {
    pub(crate) lower: Lower,
    pub(crate) wait: &'static (dyn Wait + Sync),
}

impl Below {
    pub(crate) fn ask(
        &self,
        origin: &mut Origin,
        op: Op,
        names: &[&[u8]],
        data: Data<'_>,
    ) -> Result<(usize, Reply), Errno> {
        let mut call = Call::new(Body::new(op, SELF), data);
        for name in names {
            call = call.name(name);
        }
        let status = self.lower.port.call(origin, self.wait, &mut call);
        Ok((status.result()?, call.body().reply))
    }

    /// Asks what has no names and no reply.
    pub(crate) fn plain(&self, origin: &mut Origin, op: Op) -> Result<(), Errno> {
        self.ask(origin, op, &[], Data::NONE).map(|_| ())
    }

    pub(crate) fn find(
        &self,
        origin: &mut Origin,
        parent: Node,
        name: &[u8],
    ) -> Result<(Node, Attr), Errno> {
        let op = Op::Lookup { parent, follow: false };
        match self.ask(origin, op, &[name], Data::NONE)?.1 {
            Reply::Entry { node, attr } => Ok((node, attr)),
            _ => Err(Errno::EPROTO),
        }
    }

    pub(crate) fn attr(&self, origin: &mut Origin, node: Node) -> Result<Attr, Errno> {
        match self.ask(origin, Op::Getattr { node }, &[], Data::NONE)?.1 {
            Reply::Attr(attr) => Ok(attr),
            _ => Err(Errno::EPROTO),
        }
    }
}

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
