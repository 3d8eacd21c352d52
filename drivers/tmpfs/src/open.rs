//! Opening and closing.

use driver::{Attr, Cred, Errno, FileKind, Node, OpenFlags, Rights};

use crate::state::{Asker, State};

impl State {
    /// Opens a node that still has a name; `ENOENT` where it has none.
    pub(crate) fn open(&mut self, node: Node, flags: OpenFlags, by: Asker) -> Result<(), Errno> {
        check_flags(flags)?;
        let attr = &self.get(node)?.fixed;
        if attr.links == 0 {
            return Err(Errno::ENOENT);
        }
        allow(attr, flags, by.cred)?;
        if flags.contains(OpenFlags::TRUNCATE) {
            self.resize(node, 0, by.now)?;
        }
        self.get_mut(node)?.opens += 1;
        Ok(())
    }

    /// Ends one open. `EBADF` where there is none.
    pub(crate) fn close(&mut self, node: Node) -> Result<(), Errno> {
        let inode = self.get_mut(node)?;
        inode.opens = inode.opens.checked_sub(1).ok_or(Errno::EBADF)?;
        self.reap(node);
        Ok(())
    }
}

/// `EINVAL` where a file is to be made empty without being written.
pub(crate) fn check_flags(flags: OpenFlags) -> Result<(), Errno> {
    let writes = flags & (OpenFlags::WRITE | OpenFlags::STAT) == OpenFlags::WRITE;
    if flags.contains(OpenFlags::TRUNCATE) && !writes { Err(Errno::EINVAL) } else { Ok(()) }
}

/// `EISDIR` and `ELOOP` for a directory or a link to be written, `EACCES`.
fn allow(attr: &Attr, flags: OpenFlags, cred: Cred) -> Result<(), Errno> {
    if flags.contains(OpenFlags::STAT) {
        return Ok(());
    }
    let mut rights = Rights::empty();
    rights.set(Rights::READ, flags.contains(OpenFlags::READ));
    rights.set(Rights::WRITE, flags.contains(OpenFlags::WRITE));
    match attr.kind {
        FileKind::Directory if rights.contains(Rights::WRITE) => Err(Errno::EISDIR),
        FileKind::Symlink if rights.contains(Rights::WRITE) => Err(Errno::ELOOP),
        _ => attr.allow(cred, rights),
    }
}
