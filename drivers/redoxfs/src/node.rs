//! Nodes: numbers, attributes, checks, and finding one.

use alloc::{vec, vec::Vec};

use driver::{Attr, Errno, FileKind, MAX_PATH, Node, Time};
use redoxfs::{DIR_ENTRY_MAX_LENGTH, RECORD_LEVEL, TreeData, TreePtr};
use redoxfs_disk::Error;

use crate::volume::Tx;

/// A node as the library reads it.
pub(crate) type Inode = TreeData<redoxfs::Node>;
/// Where a node is.
pub(crate) type Id = TreePtr<redoxfs::Node>;

/// The root's tree entry, and how many entries a level of the tree has.
const ROOT: u32 = 1;
const FANOUT: u8 = 254;

/// What the library answered, with its error as ours.
pub(crate) fn lib<T>(result: Result<T, Error>) -> Result<T, Errno> {
    result.map_err(|error| Errno(u16::try_from(error.errno).unwrap_or(Errno::EIO.0)))
}

/// The number of a tree entry.
pub(crate) fn number(id: u32) -> Node {
    if id == ROOT { Node::ROOT } else { Node(id.into()) }
}

/// The tree entry that a number stands for. `ESTALE` for one that can't be: the library would
/// index past its tables.
pub(crate) fn id(node: Node) -> Result<Id, Errno> {
    if node == Node::ROOT {
        return Ok(Id::new(ROOT));
    }
    let id = u32::try_from(node.0).map_err(|_| Errno::ESTALE)?;
    if id == ROOT || id.to_le_bytes().iter().any(|index| *index >= FANOUT) {
        return Err(Errno::ESTALE);
    }
    Ok(Id::new(id))
}

/// Reads a node. `ESTALE` where there is none, `EIO` for one that makes no sense.
pub(crate) fn load(tx: &mut Tx<'_>, node: Node) -> Result<Inode, Errno> {
    match lib(tx.read_tree(id(node)?)) {
        Ok(inode) => checked(inode),
        Err(Errno::ENOENT) => Err(Errno::ESTALE),
        Err(errno) => Err(errno),
    }
}

/// Reads a directory. `ENOTDIR`.
pub(crate) fn load_dir(tx: &mut Tx<'_>, node: Node) -> Result<Inode, Errno> {
    let inode = load(tx, node)?;
    if inode.data().is_dir() { Ok(inode) } else { Err(Errno::ENOTDIR) }
}

/// Reads what has contents. `EISDIR` for a directory, `EINVAL` for a link.
pub(crate) fn load_file(tx: &mut Tx<'_>, node: Node) -> Result<Inode, Errno> {
    let inode = load(tx, node)?;
    match kind(&inode) {
        FileKind::Directory => Err(Errno::EISDIR),
        FileKind::Symlink => Err(Errno::EINVAL),
        _ => Ok(inode),
    }
}

/// The entry `name` of a directory.
pub(crate) fn child(tx: &mut Tx<'_>, dir: Node, name: &str) -> Result<Option<Inode>, Errno> {
    match lib(tx.find_node(id(dir)?, name)) {
        Ok(inode) => checked(inode).map(Some),
        Err(Errno::ENOENT) => Ok(None),
        Err(errno) => Err(errno),
    }
}

fn checked(inode: Inode) -> Result<Inode, Errno> {
    let node = inode.data();
    let known = FileKind::from_mode(node.mode()).is_some();
    let level = node.record_level;
    let inline_dir = node.is_dir() && node.has_inline_data();
    id(number(inode.id())).map_err(|_| Errno::EIO)?;
    if !known || level.to_ne() > RECORD_LEVEL as u32 || inline_dir {
        return Err(Errno::EIO);
    }
    Ok(inode)
}

/// A name as the library wants it. `EINVAL` where it is not UTF-8, `ENAMETOOLONG`.
pub(crate) fn text(name: &[u8]) -> Result<&str, Errno> {
    if name.len() > DIR_ENTRY_MAX_LENGTH {
        return Err(Errno::ENAMETOOLONG);
    }
    core::str::from_utf8(name).map_err(|_| Errno::EINVAL)
}

/// A name that an entry may have; also `EINVAL` for what [`driver::check_name`] refuses, and for
/// a colon, which the library does.
pub(crate) fn new_name(name: &[u8]) -> Result<&str, Errno> {
    driver::check_name(name)?;
    let text = text(name)?;
    if text.contains(':') { Err(Errno::EINVAL) } else { Ok(text) }
}

pub(crate) fn kind(inode: &Inode) -> FileKind {
    FileKind::from_mode(inode.data().mode()).unwrap_or_default()
}

pub(crate) fn attr(inode: &Inode) -> Attr {
    let node = inode.data();
    let time = |(sec, nsec): (u64, u32)| Time { sec, nsec: nsec.min(999_999_999) };
    Attr {
        inode: inode.id().into(),
        kind: kind(inode),
        mode: node.mode() & 0o7777,
        links: node.links(),
        uid: node.uid(),
        gid: node.gid(),
        size: node.size(),
        blocks: node.blocks().saturating_mul(8),
        block_size: node.record_level().bytes() as u32,
        atime: time(node.atime()),
        mtime: time(node.mtime()),
        ctime: time(node.ctime()),
    }
}

/// Sets what [`driver::SetAttr`] can change.
pub(crate) fn set_attr(inode: &mut Inode, attr: &Attr) {
    let node = inode.data_mut();
    node.set_mode(attr.kind.mode_bits() | attr.mode);
    node.set_uid(attr.uid);
    node.set_gid(attr.gid);
    node.set_atime(attr.atime.sec, attr.atime.nsec);
    node.set_mtime(attr.mtime.sec, attr.mtime.nsec);
    set_ctime(inode, attr.ctime);
}

pub(crate) fn set_ctime(inode: &mut Inode, now: Time) {
    let node = inode.data_mut();
    (node.ctime, node.ctime_nsec) = (now.sec.into(), now.nsec.into());
}

/// Notes that the contents have changed.
pub(crate) fn stamp(inode: &mut Inode, now: Time) {
    inode.data_mut().set_mtime(now.sec, now.nsec);
    set_ctime(inode, now);
}

/// Notes on the disk that the contents of a directory have changed.
pub(crate) fn touch(tx: &mut Tx<'_>, dir: Node, now: Time) -> Result<(), Errno> {
    let mut inode = load(tx, dir)?;
    stamp(&mut inode, now);
    lib(tx.sync_tree(inode))
}

/// Where a link leads. `EINVAL` for what is none.
pub(crate) fn target(tx: &mut Tx<'_>, link: &Inode) -> Result<Vec<u8>, Errno> {
    if kind(link) != FileKind::Symlink {
        return Err(Errno::EINVAL);
    }
    let len = usize::try_from(link.data().size()).ok().filter(|len| *len <= MAX_PATH);
    let mut bytes = vec![0; len.ok_or(Errno::EIO)?];
    lib(tx.read_node_inner(link, 0, &mut bytes))?;
    Ok(bytes)
}
