//! Opening and closing.

use driver::{Errno, Node, OpenFlags};

use crate::state::{Asker, State};

impl State {
    /// Opens a node that still has a name; `ENOENT` where it has none.
    pub(crate) fn open(&mut self, node: Node, flags: OpenFlags, by: Asker) -> Result<(), Errno> {
        flags.check()?;
        let attr = &self.get(node)?.fixed;
        if attr.links == 0 {
            return Err(Errno::ENOENT);
        }
        attr.allow_open(flags, by.cred)?;
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
