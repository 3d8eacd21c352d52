//! What is in files and links: read, write, truncate.

use driver::{Access, Errno, Exchange, Node, Op, Request, Rights, Time};

use crate::{
    inode::{Inode, changed},
    state::{Asker, State},
};

/// Bytes that a file may have.
const MAX_SIZE: u64 = i64::MAX as u64;

impl Inode {
    /// Fills the request with the file's bytes from `offset` on.
    pub(crate) fn read(&self, request: &mut Request<'_>, offset: u64) -> Result<usize, Errno> {
        let pages = self.file()?;
        let len = up_to(request.len(), self.fixed.size.saturating_sub(offset));
        pages.read(request, offset, len)?;
        Ok(len)
    }

    /// Fills the request with where the link leads.
    pub(crate) fn readlink(&self, request: &mut Request<'_>) -> Result<usize, Errno> {
        let pages = self.link()?;
        let len = up_to(request.len(), self.fixed.size);
        pages.read(request, 0, len)?;
        Ok(len)
    }
}

impl State {
    pub(crate) fn write(
        &mut self,
        request: &mut Request<'_>,
        node: Node,
        offset: u64,
        now: Time,
    ) -> Result<usize, Errno> {
        let inode = self.nodes.get_mut(&node).ok_or(Errno::ESTALE)?;
        let (pages, attr) = inode.file_mut()?;
        if request.is_empty() {
            return Ok(0);
        }
        // A page must not be made for bytes that can't be had.
        if !request.access().contains(Access::FETCH) {
            return Err(Errno::EFAULT);
        }
        let offset = if offset == Op::END { attr.size } else { offset };
        let len = up_to(request.len(), MAX_SIZE.saturating_sub(offset));
        if len == 0 {
            return Err(Errno::EFBIG);
        }
        let count = pages.write(request, offset, len, &mut self.room)?;
        attr.size = attr.size.max(offset + count as u64);
        changed(attr, now);
        Ok(count)
    }

    pub(crate) fn truncate(&mut self, node: Node, len: u64, by: Asker) -> Result<(), Errno> {
        let (_, attr) = self.get_mut(node)?.file_mut()?;
        attr.allow(by.cred, Rights::WRITE)?;
        if len > MAX_SIZE {
            return Err(Errno::EFBIG);
        }
        self.resize(node, len, by.now)
    }

    pub(crate) fn resize(&mut self, node: Node, len: u64, now: Time) -> Result<(), Errno> {
        let inode = self.nodes.get_mut(&node).ok_or(Errno::ESTALE)?;
        let (pages, attr) = inode.file_mut()?;
        pages.truncate(len, &mut self.room);
        attr.size = len;
        changed(attr, now);
        Ok(())
    }
}

/// `len`, cut to what there is.
fn up_to(len: usize, there: u64) -> usize {
    usize::try_from(there).map_or(len, |there| there.min(len))
}
