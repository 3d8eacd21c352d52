//! Making names.

use driver::{Attr, Cred, Errno, FileKind, MAX_PATH, Node, OpenFlags, Reply, Rights, check_name};

use crate::{
    node::{self, Inode, attr, child, id, lib, load, load_dir, new_name, number, set_attr, touch},
    volume::{Asker, Tx, Volume},
};

/// Free blocks that a new name may need.
const NEEDS: u64 = 32;

impl Volume {
    pub(crate) fn create(
        &mut self,
        parent: Node,
        name: &[u8],
        mode: u16,
        flags: OpenFlags,
        by: Asker,
    ) -> Result<Reply, Errno> {
        flags.check()?;
        match self.search(parent, name, by.cred)?.1 {
            Some(_) if flags.contains(OpenFlags::EXCLUSIVE) => Err(Errno::EEXIST),
            Some(there) => self.reopen(&there, flags, by),
            None => {
                let reply = self.make(parent, name, FileKind::Regular, mode, &[], by)?;
                if let Reply::Entry { node, .. } = reply {
                    self.count_open(node)?;
                }
                Ok(reply)
            }
        }
    }

    fn reopen(&mut self, there: &Attr, flags: OpenFlags, by: Asker) -> Result<Reply, Errno> {
        let node = number(there.inode as u32);
        match there.kind {
            FileKind::Directory => return Err(Errno::EISDIR),
            FileKind::Symlink => return Err(Errno::ELOOP),
            _ => self.open(node, flags, by)?,
        }
        Ok(Reply::Entry { node, attr: self.attr(node)? })
    }

    pub(crate) fn mkdir(
        &mut self,
        parent: Node,
        name: &[u8],
        mode: u16,
        by: Asker,
    ) -> Result<Reply, Errno> {
        self.vacant(parent, name, by.cred)?;
        let reply = self.make(parent, name, FileKind::Directory, mode, &[], by)?;
        if let Reply::Entry { node, .. } = reply {
            self.parents.insert(id(node)?.id(), id(parent)?.id());
        }
        Ok(reply)
    }

    pub(crate) fn symlink(
        &mut self,
        parent: Node,
        name: &[u8],
        target: &[u8],
        by: Asker,
    ) -> Result<Reply, Errno> {
        check_target(target)?;
        self.vacant(parent, name, by.cred)?;
        self.make(parent, name, FileKind::Symlink, 0o777, target, by)
    }

    pub(crate) fn link(
        &mut self,
        node: Node,
        parent: Node,
        name: &[u8],
        by: Asker,
    ) -> Result<(), Errno> {
        let Attr { kind, links, .. } = self.attr(node)?;
        if kind == FileKind::Directory {
            return Err(Errno::EPERM);
        }
        self.vacant(parent, name, by.cred)?;
        match links {
            0 => return Err(Errno::ENOENT),
            u32::MAX => return Err(Errno::EMLINK),
            _ => self.room()?,
        }
        let name = new_name(name)?;
        self.change(|tx| {
            lib(tx.link_node(id(parent)?, name, id(node)?))?;
            let mut inode = load(tx, node)?;
            node::set_ctime(&mut inode, by.now);
            lib(tx.sync_tree(inode))?;
            touch(tx, parent, by.now)
        })
    }

    /// The attributes of the directory `parent`, for one who may search it, and of the entry
    /// `name`, if there is one. `ENOTDIR`, `EACCES`.
    pub(crate) fn search(
        &mut self,
        parent: Node,
        name: &[u8],
        cred: Cred,
    ) -> Result<(Attr, Option<Attr>), Errno> {
        check_name(name)?;
        let name = node::text(name)?;
        self.view(|tx| {
            let dir = attr(&load_dir(tx, parent)?);
            dir.allow(cred, Rights::EXECUTE)?;
            Ok((dir, child(tx, parent, name)?.as_ref().map(attr)))
        })
    }

    /// Checks that `name` can be made in `parent`.
    fn vacant(&mut self, parent: Node, name: &[u8], cred: Cred) -> Result<(), Errno> {
        match self.search(parent, name, cred)? {
            (_, Some(_)) => Err(Errno::EEXIST),
            (dir, None) => allow_entry(&dir, cred),
        }
    }

    /// `ENOSPC` where only removals may still use what is free.
    pub(crate) fn room(&self) -> Result<(), Errno> {
        if self.free() < NEEDS && !self.read_only { Err(Errno::ENOSPC) } else { Ok(()) }
    }

    /// Makes a node with its first name, which is known to be vacant.
    fn make(
        &mut self,
        parent: Node,
        name: &[u8],
        kind: FileKind,
        mode: u16,
        contents: &[u8],
        by: Asker,
    ) -> Result<Reply, Errno> {
        let name = new_name(name)?;
        self.room()?;
        self.change(|tx| {
            let above = attr(&load_dir(tx, parent)?);
            allow_entry(&above, by.cred)?;
            let new = attr_below(&above, kind, mode, by);
            let inode = create(tx, parent, name, &new, contents)?;
            let (node, attr) = (number(inode.id()), attr(&inode));
            lib(tx.sync_tree(inode))?;
            touch(tx, parent, by.now)?;
            Ok(Reply::Entry { node, attr })
        })
    }
}

fn create(
    tx: &mut Tx<'_>,
    parent: Node,
    name: &str,
    new: &Attr,
    contents: &[u8],
) -> Result<Inode, Errno> {
    let mode = new.kind.mode_bits() | new.mode;
    let made = tx.create_node(id(parent)?, name, mode, new.ctime.sec, new.ctime.nsec);
    let mut inode = lib(made)?;
    set_attr(&mut inode, new);
    if !contents.is_empty() {
        lib(tx.write_node_inner(&mut inode, &mut 0, contents))?;
    }
    Ok(inode)
}

/// Permission to make an entry: `ENOENT` where the directory itself has been removed, `EACCES`.
pub(crate) fn allow_entry(dir: &Attr, cred: Cred) -> Result<(), Errno> {
    if dir.links == 0 {
        return Err(Errno::ENOENT);
    }
    dir.allow(cred, Rights::WRITE | Rights::EXECUTE)
}

/// Attributes of what `by` makes in a directory. One with the set-group-id bit hands its group
/// down, and to directories the bit as well.
fn attr_below(above: &Attr, kind: FileKind, mode: u16, by: Asker) -> Attr {
    let inherits = above.mode & 0o2000;
    let gid = if inherits != 0 { above.gid } else { by.cred.gid };
    let bit = if kind == FileKind::Directory { inherits } else { 0 };
    let (atime, mtime, ctime) = (by.now, by.now, by.now);
    let mode = mode & 0o7777 | bit;
    Attr { kind, mode, uid: by.cred.uid, gid, atime, mtime, ctime, ..Attr::default() }
}

fn check_target(target: &[u8]) -> Result<(), Errno> {
    match target.len() {
        0 => Err(Errno::ENOENT),
        len if len > MAX_PATH => Err(Errno::ENAMETOOLONG),
        _ if target.contains(&0) => Err(Errno::EINVAL),
        _ => Ok(()),
    }
}
