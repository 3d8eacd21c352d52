//! The records, in memory and in their file.

use alloc::{collections::BTreeMap, vec, vec::Vec};

use driver::{Below, Data, Errno, Node, Op, OpenFlags, Origin, Reply};

use crate::{
    FILE, NEW,
    record::{Perm, SIZE, decode, encode},
};

/// Bytes that are read or written at a time.
const PIECE: usize = SIZE * 512;

pub(crate) struct Log {
    file: Node,
    perms: BTreeMap<u64, Perm>,
    /// Nodes that have no name left, and their inodes: somebody may have them open.
    gone: BTreeMap<Node, u64>,
}

impl Log {
    /// Reads the file, and writes it anew without what is of no use any more.
    pub(crate) fn load(below: &Below) -> Result<Log, Errno> {
        let origin = &mut Origin::root();
        let perms = match open(below, origin, FILE, OpenFlags::READ) {
            Ok(file) => {
                let perms = read(below, origin, file);
                below.plain(origin, Op::Close { node: file })?;
                perms?
            }
            Err(Errno::ENOENT) => BTreeMap::new(),
            Err(errno) => return Err(errno),
        };
        let op = Op::Create {
            parent: Node::ROOT,
            mode: 0o600,
            flags: OpenFlags::WRITE | OpenFlags::TRUNCATE,
        };
        let file = match below.ask(origin, op, &[NEW.as_bytes()], Data::NONE)?.1 {
            Reply::Entry { node, .. } => node,
            _ => return Err(Errno::EPROTO),
        };
        let log = Log { file, perms, gone: BTreeMap::new() };
        let all: Vec<u8> =
            log.perms.iter().flat_map(|(inode, perm)| encode(*inode, Some(*perm))).collect();
        log.append(below, origin, &all)?;
        below.plain(origin, Op::Flush { node: file })?;
        // Now there is all of the new one, it takes the old one's place.
        let op = Op::Rename { parent: Node::ROOT, to: Node::ROOT };
        below.ask(origin, op, &[NEW.as_bytes(), FILE.as_bytes()], Data::NONE)?;
        Ok(log)
    }

    fn append(&self, below: &Below, origin: &mut Origin, bytes: &[u8]) -> Result<(), Errno> {
        for piece in bytes.chunks(PIECE) {
            let op = Op::Write { node: self.file, offset: Op::END };
            let (count, _) = below.ask(origin, op, &[], Data::source(piece))?;
            if count < piece.len() {
                return Err(Errno::ENOSPC);
            }
        }
        Ok(())
    }

    pub(crate) fn get(&self, inode: u64) -> Option<Perm> {
        self.perms.get(&inode).copied()
    }

    /// Says what a node has from here on. Where that can't be written, it has what it had.
    pub(crate) fn set(
        &mut self,
        below: &Below,
        origin: &mut Origin,
        inode: u64,
        perm: Perm,
    ) -> Result<(), Errno> {
        self.append_whole(below, origin, &encode(inode, Some(perm)))?;
        self.perms.insert(inode, perm);
        Ok(())
    }

    /// Appends a record; one that is not written in full is taken off again, so that the next
    /// begins where it should.
    fn append_whole(&self, below: &Below, origin: &mut Origin, record: &[u8]) -> Result<(), Errno> {
        let result = self.append(below, origin, record);
        if result.is_err()
            && let Ok(attr) = below.attr(origin, self.file)
        {
            let len = attr.size - attr.size % SIZE as u64;
            let _ = below.plain(origin, Op::Truncate { node: self.file, len });
        }
        result
    }

    /// A node has no name left. Who has it open still sees what it had.
    pub(crate) fn unnamed(&mut self, below: &Below, origin: &mut Origin, node: Node, inode: u64) {
        if self.perms.contains_key(&inode) {
            // At worst an old record stays, until the inode is another node's.
            let _ = self.append_whole(below, origin, &encode(inode, None));
            self.gone.insert(node, inode);
        }
    }

    /// True where a node has no name and may go with its last close.
    pub(crate) fn is_unnamed(&self, node: Node) -> bool {
        self.gone.contains_key(&node)
    }

    /// A node without a name is no longer there.
    pub(crate) fn forget(&mut self, node: Node) {
        if let Some(inode) = self.gone.remove(&node) {
            self.perms.remove(&inode);
        }
    }

    /// A node was made: what was known of one with its number, long gone, is wrong.
    pub(crate) fn made(&mut self, inode: u64) {
        self.gone.retain(|_, gone| *gone != inode);
    }

    pub(crate) fn flush(&self, below: &Below, origin: &mut Origin) -> Result<(), Errno> {
        below.plain(origin, Op::Flush { node: self.file })
    }
}

/// Opens a file of the root directory.
fn open(below: &Below, origin: &mut Origin, name: &str, flags: OpenFlags) -> Result<Node, Errno> {
    let (node, _) = below.find(origin, Node::ROOT, name.as_bytes())?;
    below.plain(origin, Op::Open { node, flags })?;
    Ok(node)
}

/// All records of a file, the last of each inode. What is no record is passed over.
fn read(below: &Below, origin: &mut Origin, node: Node) -> Result<BTreeMap<u64, Perm>, Errno> {
    let (mut perms, mut offset) = (BTreeMap::new(), 0);
    let mut piece = vec![0; PIECE];
    loop {
        let op = Op::Read { node, offset };
        let (count, _) = below.ask(origin, op, &[], Data::sink(&mut piece))?;
        let records = piece[..count.min(PIECE)].as_chunks::<SIZE>().0;
        if records.is_empty() {
            return Ok(perms);
        }
        for (inode, perm) in records.iter().filter_map(decode) {
            match perm {
                Some(perm) => perms.insert(inode, perm),
                None => perms.remove(&inode),
            };
        }
        offset += (records.len() * SIZE) as u64;
    }
}
