//! Making names and taking them away.

use driver::{
    Attr, Cred, Errno, FileKind, MAX_PATH, Node, OpenFlags, Reply, Rights, Time, check_name,
};

use crate::{
    dir::{Dir, Entry},
    inode::{Content, Inode, changed},
    pages::Pages,
    state::{Asker, State, at},
};

impl State {
    pub(crate) fn create(
        &mut self,
        parent: Node,
        name: &[u8],
        mode: u16,
        flags: OpenFlags,
        by: Asker,
    ) -> Result<Reply, Errno> {
        flags.check()?;
        match self.search(parent, by.cred)?.get(name) {
            Ok(_) if flags.contains(OpenFlags::EXCLUSIVE) => Err(Errno::EEXIST),
            Ok(entry) => self.reopen(entry, flags, by),
            Err(_) => {
                self.vacant(parent, name, by.cred)?;
                let attr = self.attr_below(parent, FileKind::Regular, mode, by)?;
                self.add(parent, name, attr, Content::Bytes(Pages::default()), 1)
            }
        }
    }

    fn reopen(&mut self, entry: Entry, flags: OpenFlags, by: Asker) -> Result<Reply, Errno> {
        match entry.kind {
            FileKind::Directory => Err(Errno::EISDIR),
            FileKind::Symlink => Err(Errno::ELOOP),
            _ => self.open(entry.node, flags, by).and_then(|()| self.entry(entry.node)),
        }
    }

    pub(crate) fn mkdir(
        &mut self,
        parent: Node,
        name: &[u8],
        mode: u16,
        by: Asker,
    ) -> Result<Reply, Errno> {
        self.vacant(parent, name, by.cred)?;
        let attr = self.attr_below(parent, FileKind::Directory, mode, by)?;
        self.add(parent, name, attr, Content::Dir(Dir::new(parent)), 0)
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
        let attr = self.attr_below(parent, FileKind::Symlink, 0o777, by)?;
        let pages = Pages::with(target, &mut self.room)?;
        let attr = Attr { size: target.len() as u64, ..attr };
        self.add(parent, name, attr, Content::Bytes(pages), 0)
    }

    pub(crate) fn link(
        &mut self,
        node: Node,
        parent: Node,
        name: &[u8],
        by: Asker,
    ) -> Result<(), Errno> {
        let Attr { kind, links, .. } = self.get(node)?.fixed;
        if kind == FileKind::Directory {
            return Err(Errno::EPERM);
        }
        self.vacant(parent, name, by.cred)?;
        if links == 0 {
            return Err(Errno::ENOENT);
        }
        self.names.take()?;
        self.enter(parent, name, node, by.now)?;
        let attr = &mut self.get_mut(node)?.fixed;
        attr.links += 1;
        attr.ctime = by.now;
        Ok(())
    }

    pub(crate) fn unlink(
        &mut self,
        parent: Node,
        name: &[u8],
        dir: bool,
        by: Asker,
    ) -> Result<(), Errno> {
        check_name(name)?;
        let entry = self.search(parent, by.cred)?.get(name)?;
        let inode = self.get(entry.node)?;
        self.get(parent)?.fixed.allow_removal(by.cred, &inode.fixed)?;
        match (dir, entry.kind == FileKind::Directory) {
            (false, true) => return Err(Errno::EISDIR),
            (true, false) => return Err(Errno::ENOTDIR),
            (true, true) if !inode.dir()?.is_empty() => return Err(Errno::ENOTEMPTY),
            _ => {}
        }
        self.leave(parent, name, entry, by.now)?;
        self.drop_name(entry, by.now)
    }

    /// The directory `parent`, for one who may search it. `ENOTDIR`, `EACCES`.
    pub(crate) fn search(&self, parent: Node, cred: Cred) -> Result<&Dir, Errno> {
        let inode = self.get(parent)?;
        let dir = inode.dir()?;
        inode.fixed.allow(cred, Rights::EXECUTE)?;
        Ok(dir)
    }

    /// Checks that a new entry can be made in `parent`: `ENOENT` where the directory itself has
    /// been removed, `EACCES`.
    pub(crate) fn allow_entry(&self, parent: Node, cred: Cred) -> Result<(), Errno> {
        let attr = &self.get(parent)?.fixed;
        if attr.links == 0 {
            return Err(Errno::ENOENT);
        }
        attr.allow(cred, Rights::WRITE)
    }

    /// Checks that `name` can be made in `parent`.
    fn vacant(&self, parent: Node, name: &[u8], cred: Cred) -> Result<(), Errno> {
        check_name(name)?;
        if self.search(parent, cred)?.get(name).is_ok() {
            return Err(Errno::EEXIST);
        }
        self.allow_entry(parent, cred)?;
        if self.names.free() == 0 { Err(Errno::ENOSPC) } else { Ok(()) }
    }

    /// Attributes of what `by` makes in `parent`. A set-group-id directory hands its group down,
    /// and to directories the bit as well.
    fn attr_below(
        &self,
        parent: Node,
        kind: FileKind,
        mode: u16,
        by: Asker,
    ) -> Result<Attr, Errno> {
        let above = &self.get(parent)?.fixed;
        let inherits = above.mode & 0o2000;
        let gid = if inherits != 0 { above.gid } else { by.cred.gid };
        let bit = if kind == FileKind::Directory { inherits } else { 0 };
        Ok(Attr { kind, mode: mode & 0o7777 | bit, uid: by.cred.uid, gid, ..at(by.now) })
    }

    /// Makes a node, open `opens` times, with its first name, which is known to be vacant.
    fn add(
        &mut self,
        parent: Node,
        name: &[u8],
        attr: Attr,
        content: Content,
        opens: u64,
    ) -> Result<Reply, Errno> {
        self.names.take()?;
        let node = self.adopt(Inode::new(attr, content, opens));
        self.enter(parent, name, node, attr.ctime)?;
        self.entry(node)
    }

    /// Enters a node into a directory.
    pub(crate) fn enter(
        &mut self,
        parent: Node,
        name: &[u8],
        node: Node,
        now: Time,
    ) -> Result<(), Errno> {
        let kind = self.get(node)?.fixed.kind;
        let above = self.get_mut(parent)?;
        above.dir_mut()?.insert(name, node, kind)?;
        above.fixed.links += u32::from(kind == FileKind::Directory);
        changed(&mut above.fixed, now);
        Ok(())
    }

    /// Takes an entry out of a directory; the node keeps its count of names.
    pub(crate) fn leave(
        &mut self,
        parent: Node,
        name: &[u8],
        entry: Entry,
        now: Time,
    ) -> Result<(), Errno> {
        let above = self.get_mut(parent)?;
        above.dir_mut()?.remove(name);
        above.fixed.links -= u32::from(entry.kind == FileKind::Directory);
        changed(&mut above.fixed, now);
        Ok(())
    }

    /// Counts one name less. A directory has no other.
    pub(crate) fn drop_name(&mut self, entry: Entry, now: Time) -> Result<(), Errno> {
        let attr = &mut self.get_mut(entry.node)?.fixed;
        attr.links = if entry.kind == FileKind::Directory { 0 } else { attr.links - 1 };
        attr.ctime = now;
        self.names.give(1);
        self.reap(entry.node);
        Ok(())
    }
}

fn check_target(target: &[u8]) -> Result<(), Errno> {
    match target.len() {
        0 => Err(Errno::ENOENT),
        len if len > MAX_PATH => Err(Errno::ENAMETOOLONG),
        _ if target.contains(&0) => Err(Errno::EINVAL),
        _ => Ok(()),
    }
}
