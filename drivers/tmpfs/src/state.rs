//! All nodes, and the room that they share.

use alloc::{collections::BTreeMap, vec::Vec};

use driver::{Attr, Cred, Errno, FileKind, Node, Reply, SetAttr, Statfs, Time, Tree};

use crate::{
    config::Config,
    dir::Dir,
    inode::{Content, Inode, number},
    pages::{PAGE, Room},
};

/// Who asks for a change, and when.
#[derive(Clone, Copy)]
pub(crate) struct Asker {
    pub(crate) cred: Cred,
    pub(crate) now: Time,
}

/// The file system.
pub(crate) struct State {
    pub(crate) nodes: BTreeMap<Node, Inode>,
    next: u64,
    /// In pages.
    pub(crate) room: Room,
    /// In names: data alone would leave empty files unlimited.
    pub(crate) names: Room,
}

impl State {
    pub(crate) fn new(config: &Config, now: Time) -> State {
        let root = Attr {
            inode: number(Node::ROOT),
            kind: FileKind::Directory,
            mode: config.mode & 0o7777,
            uid: config.uid,
            gid: config.gid,
            ..at(now)
        };
        let root = Inode::new(root, Content::Dir(Dir::new(Node::ROOT)), 0);
        // Link counts have 32 bits.
        let names = (config.size / 1024).clamp(1024, 1 << 31);
        State {
            nodes: BTreeMap::from([(Node::ROOT, root)]),
            next: 2,
            room: Room::new(config.size / PAGE as u64),
            names: Room::new(names),
        }
    }

    /// `ESTALE` for a node that isn't there.
    pub(crate) fn get(&self, node: Node) -> Result<&Inode, Errno> {
        self.nodes.get(&node).ok_or(Errno::ESTALE)
    }

    /// `ESTALE` for a node that isn't there.
    pub(crate) fn get_mut(&mut self, node: Node) -> Result<&mut Inode, Errno> {
        self.nodes.get_mut(&node).ok_or(Errno::ESTALE)
    }

    /// Takes a node in, under a number of its own.
    pub(crate) fn adopt(&mut self, mut inode: Inode) -> Node {
        let node = Node(self.next);
        self.next += 1;
        inode.fixed.inode = number(node);
        self.nodes.insert(node, inode);
        node
    }

    /// Frees a node that has no name and is not open.
    pub(crate) fn reap(&mut self, node: Node) {
        let unused = |inode: &Inode| inode.fixed.links == 0 && inode.opens == 0;
        if !self.nodes.get(&node).is_some_and(unused) {
            return;
        }
        if let Some(Inode { content: Content::Bytes(pages), .. }) = self.nodes.remove(&node) {
            self.room.give(pages.count());
        }
    }

    /// Notes an access, if the node is still there.
    pub(crate) fn accessed(&mut self, node: Node, now: Time) {
        if let Ok(inode) = self.get_mut(node) {
            inode.fixed.atime = now;
        }
    }

    pub(crate) fn setattr(&mut self, node: Node, set: &SetAttr, by: Asker) -> Result<Reply, Errno> {
        let inode = self.get_mut(node)?;
        set.apply(&mut inode.fixed, by.cred, by.now)?;
        Ok(Reply::Attr(inode.attr()))
    }

    /// The reply that names a node.
    pub(crate) fn entry(&self, node: Node) -> Result<Reply, Errno> {
        Ok(Reply::Entry { node, attr: self.get(node)?.attr() })
    }

    pub(crate) fn statfs(&self) -> Statfs {
        Statfs { block_size: PAGE as u32, blocks: self.room.all(), free: self.room.free() }
    }
}

/// Attributes with all three times set, and nothing else.
pub(crate) fn at(now: Time) -> Attr {
    Attr { atime: now, mtime: now, ctime: now, ..Attr::default() }
}

impl Tree for State {
    fn attr(&mut self, node: Node) -> Result<Attr, Errno> {
        Ok(self.get(node)?.attr())
    }

    fn child(&mut self, dir: Node, name: &[u8]) -> Result<Node, Errno> {
        Ok(self.get(dir)?.dir()?.get(name)?.node)
    }

    fn parent(&mut self, dir: Node) -> Result<Node, Errno> {
        Ok(self.get(dir)?.dir()?.parent)
    }

    fn target(&mut self, link: Node) -> Result<Vec<u8>, Errno> {
        let inode = self.get(link)?;
        Ok(inode.link()?.head(inode.fixed.size as usize))
    }
}
