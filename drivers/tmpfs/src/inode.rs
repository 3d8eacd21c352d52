//! One node: its attributes, what is in it, and how often it is open.

use driver::{Attr, Errno, FileKind, Node, Time};

use crate::{
    dir::Dir,
    pages::{PAGE, Pages},
};

/// The inode number of a node, which is never 0.
pub(crate) fn number(node: Node) -> u64 {
    node.0.max(1)
}

/// What is in a node.
#[derive(Debug)]
pub(crate) enum Content {
    /// The bytes of a file, or the target of a link.
    Bytes(Pages),
    /// The entries of a directory.
    Dir(Dir),
}

/// A node.
#[derive(Debug)]
pub(crate) struct Inode {
    /// All but `blocks`, which [`attr`](Inode::attr) adds.
    pub(crate) fixed: Attr,
    pub(crate) opens: u64,
    pub(crate) content: Content,
}

impl Inode {
    pub(crate) fn new(attr: Attr, content: Content, opens: u64) -> Inode {
        let links = if attr.kind == FileKind::Directory { 2 } else { 1 };
        let fixed = Attr { links, block_size: PAGE as u32, ..attr };
        Inode { fixed, opens, content }
    }

    /// The attributes as they are now.
    pub(crate) fn attr(&self) -> Attr {
        let pages = match &self.content {
            Content::Bytes(pages) => pages.count(),
            Content::Dir(_) => 0,
        };
        Attr { blocks: pages * (PAGE as u64 / 512), ..self.fixed }
    }

    /// `ENOTDIR`.
    pub(crate) fn dir(&self) -> Result<&Dir, Errno> {
        match &self.content {
            Content::Dir(dir) => Ok(dir),
            Content::Bytes(_) => Err(Errno::ENOTDIR),
        }
    }

    /// `ENOTDIR`.
    pub(crate) fn dir_mut(&mut self) -> Result<&mut Dir, Errno> {
        match &mut self.content {
            Content::Dir(dir) => Ok(dir),
            Content::Bytes(_) => Err(Errno::ENOTDIR),
        }
    }

    /// The bytes of a regular file. `EISDIR`; `EINVAL` for a link.
    pub(crate) fn file(&self) -> Result<&Pages, Errno> {
        match (&self.content, self.fixed.kind) {
            (Content::Bytes(pages), FileKind::Regular) => Ok(pages),
            (Content::Bytes(_), _) => Err(Errno::EINVAL),
            (Content::Dir(_), _) => Err(Errno::EISDIR),
        }
    }

    /// The same to be changed, and the attributes.
    pub(crate) fn file_mut(&mut self) -> Result<(&mut Pages, &mut Attr), Errno> {
        match (&mut self.content, self.fixed.kind) {
            (Content::Bytes(pages), FileKind::Regular) => Ok((pages, &mut self.fixed)),
            (Content::Bytes(_), _) => Err(Errno::EINVAL),
            (Content::Dir(_), _) => Err(Errno::EISDIR),
        }
    }

    /// The target of a link. `EINVAL` for anything else.
    pub(crate) fn link(&self) -> Result<&Pages, Errno> {
        match &self.content {
            Content::Bytes(pages) if self.fixed.kind == FileKind::Symlink => Ok(pages),
            _ => Err(Errno::EINVAL),
        }
    }

    /// True where no access was noted since the last change.
    pub(crate) fn is_unseen(&self) -> bool {
        let attr = &self.fixed;
        attr.atime <= attr.mtime || attr.atime <= attr.ctime
    }
}

/// The contents changed.
pub(crate) fn changed(attr: &mut Attr, now: Time) {
    (attr.mtime, attr.ctime) = (now, now);
}
