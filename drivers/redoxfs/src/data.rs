//! Contents: read, write, truncate, readlink.

use alloc::vec;

use driver::{Access, Counts, Errno, Exchange, Node, Op, Request, Rights, Time};
use redoxfs::{BLOCK_SIZE, RECORD_SIZE};

use crate::{
    node::{Inode, attr, lib, load, load_file, stamp, target},
    size::{limit, resize},
    volume::{Asker, Tx, Volume},
};

/// Bytes that one transaction writes.
const CHUNK: u64 = 8 * RECORD_SIZE;
/// Blocks that a transaction may need beside those for data.
const OVERHEAD: u64 = 32;

impl Volume {
    pub(crate) fn read(
        &mut self,
        request: &mut Request<'_>,
        node: Node,
        offset: u64,
    ) -> Result<usize, Errno> {
        self.view(|tx| {
            let inode = load_file(tx, node)?;
            let len = up_to(request.len(), inode.data().size().saturating_sub(offset));
            read_into(tx, &inode, request, offset, len)
        })
    }

    pub(crate) fn readlink(
        &mut self,
        request: &mut Request<'_>,
        node: Node,
    ) -> Result<usize, Errno> {
        self.view(|tx| {
            let inode = load(tx, node)?;
            let target = target(tx, &inode)?;
            let len = target.len().min(request.len());
            request.fill(0, &target[..len])?;
            Ok(len)
        })
    }

    pub(crate) fn write(
        &mut self,
        request: &mut Request<'_>,
        node: Node,
        offset: u64,
        now: Time,
    ) -> Result<usize, Errno> {
        let (size, limit) = self.view(|tx| {
            let inode = load_file(tx, node)?;
            Ok((inode.data().size(), limit(&inode)))
        })?;
        if request.is_empty() {
            return Ok(0);
        }
        if !request.access().contains(Access::FETCH) {
            return Err(Errno::EFAULT);
        }
        let offset = if offset == Op::END { size } else { offset };
        let len = up_to(request.len(), limit.saturating_sub(offset));
        if len == 0 {
            return Err(Errno::EFBIG);
        }
        if request.access().contains(Access::SHARED) {
            request.count(Counts { copies: 1, ..Counts::default() });
        }
        let mut done = 0;
        while done < len {
            match self.write_some(request, node, offset, done..len, now) {
                Ok(count) => done += count,
                Err(errno) if done == 0 => return Err(errno),
                Err(_) => break,
            }
        }
        Ok(done)
    }

    /// Writes the beginning of a part of the request's data; how many bytes.
    fn write_some(
        &mut self,
        request: &mut Request<'_>,
        node: Node,
        offset: u64,
        part: core::ops::Range<usize>,
        now: Time,
    ) -> Result<usize, Errno> {
        let place = offset + part.start as u64;
        let room = self.free().saturating_sub(OVERHEAD) * BLOCK_SIZE;
        let len = up_to(part.len(), room.min(CHUNK - place % RECORD_SIZE));
        if len == 0 {
            return Err(if self.read_only { Errno::EROFS } else { Errno::ENOSPC });
        }
        let part = part.start..part.start + len;
        if !request.access().contains(Access::SHARED) {
            let bytes = request.bytes().ok_or(Errno::EFAULT)?;
            return self.store(node, place, &bytes[part], now);
        }
        let mut private = vec![0; len];
        request.fetch(part.start, &mut private)?;
        self.store(node, place, &private, now)
    }

    fn store(
        &mut self,
        node: Node,
        mut offset: u64,
        bytes: &[u8],
        now: Time,
    ) -> Result<usize, Errno> {
        self.change(|tx| {
            let mut inode = load_file(tx, node)?;
            if offset > inode.data().size() {
                resize(tx, &mut inode, offset)?;
            }
            lib(tx.write_node_inner(&mut inode, &mut offset, bytes))?;
            stamp(&mut inode, now);
            lib(tx.sync_tree(inode))
        })?;
        Ok(bytes.len())
    }

    pub(crate) fn truncate(&mut self, node: Node, len: u64, by: Asker) -> Result<(), Errno> {
        self.change(|tx| {
            let mut inode = load_file(tx, node)?;
            attr(&inode).allow(by.cred, Rights::WRITE)?;
            resize(tx, &mut inode, len)?;
            stamp(&mut inode, by.now);
            lib(tx.sync_tree(inode))
        })
    }
}

fn read_into(
    tx: &mut Tx<'_>,
    inode: &Inode,
    request: &mut Request<'_>,
    offset: u64,
    len: usize,
) -> Result<usize, Errno> {
    if len == 0 {
        return Ok(0);
    }
    if let Some(room) = request.room() {
        return lib(tx.read_node_inner(inode, offset, &mut room[..len]));
    }
    if !request.access().contains(Access::FILL) {
        return Err(Errno::EFAULT);
    }
    request.count(Counts { copies: 1, ..Counts::default() });
    let mut private = vec![0; len.min(RECORD_SIZE as usize)];
    let mut done = 0;
    while done < len {
        let place = offset + done as u64;
        let count = up_to(len - done, RECORD_SIZE - place % RECORD_SIZE);
        let bytes = &mut private[..count];
        lib(tx.read_node_inner(inode, place, bytes))?;
        request.fill(done, bytes)?;
        done += count;
    }
    Ok(done)
}

/// `len`, or `most` where that is less.
fn up_to(len: usize, most: u64) -> usize {
    usize::try_from(most).map_or(len, |most| len.min(most))
}
