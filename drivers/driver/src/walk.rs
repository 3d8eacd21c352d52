//! Walking a path through a file system: the part that all of them share.

use alloc::{vec, vec::Vec};

use agent::Errno;

use crate::{
    attr::{Attr, FileKind, Rights},
    op::{Cred, MAX_NAME, MAX_PATH, Node},
};

/// Links that one path may lead through.
pub const MAX_LINKS: usize = 32;

/// What a walk needs of a file system.
pub trait Tree {
    /// Attributes of a node; `ESTALE` for one that isn't there.
    fn attr(&mut self, node: Node) -> Result<Attr, Errno>;
    /// The entry `name` of a directory; `ENOENT`. `name` is not empty, not `.` and not `..`.
    fn child(&mut self, dir: Node, name: &[u8]) -> Result<Node, Errno>;
    /// The directory that holds a directory; the root's is the root. A file system that can't
    /// tell answers `EXDEV`, and the walk goes by the path it came.
    fn parent(&mut self, dir: Node) -> Result<Node, Errno>;
    /// Where a symbolic link leads.
    fn target(&mut self, link: Node) -> Result<Vec<u8>, Errno>;
}

/// What a walk found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The node.
    pub node: Node,
    /// Its attributes.
    pub attr: Attr,
}

/// Finds `path` below `start` in the name of `cred`. Symbolic links on the way are followed, and
/// the last one where `follow` says so; one that leads to an absolute path leaves the file
/// system: `EXDEV`. The other errors are those of [`Op::Lookup`](crate::Op::Lookup).
pub fn walk<T: Tree + ?Sized>(
    tree: &mut T,
    start: Node,
    path: &[u8],
    follow: bool,
    cred: Cred,
) -> Result<Found, Errno> {
    if path.len() > MAX_PATH {
        return Err(Errno::ENAMETOOLONG);
    }
    let must_be_dir = path.last() == Some(&b'/');
    let mut trail = vec![start];
    let mut todo = components(path);
    let mut links = 0;
    while let Some(name) = todo.pop() {
        let dir = *trail.last().unwrap_or(&start);
        enter(tree, dir, cred)?;
        if name == b".." {
            climb(tree, &mut trail)?;
            continue;
        }
        let node = tree.child(dir, &name)?;
        let last = todo.is_empty();
        if tree.attr(node)?.kind == FileKind::Symlink && (!last || follow || must_be_dir) {
            links += 1;
            follow_link(tree, node, &mut todo, links)?;
        } else {
            trail.push(node);
        }
    }
    let node = *trail.last().unwrap_or(&start);
    let attr = tree.attr(node)?;
    if must_be_dir && attr.kind != FileKind::Directory {
        return Err(Errno::ENOTDIR);
    }
    Ok(Found { node, attr })
}

/// The path's names, last one first, without empty ones and dots.
fn components(path: &[u8]) -> Vec<Vec<u8>> {
    path.split(|byte| *byte == b'/')
        .rev()
        .filter(|name| !name.is_empty() && *name != b".")
        .map(<[u8]>::to_vec)
        .collect()
}

fn enter<T: Tree + ?Sized>(tree: &mut T, dir: Node, cred: Cred) -> Result<(), Errno> {
    let attr = tree.attr(dir)?;
    if attr.kind != FileKind::Directory {
        return Err(Errno::ENOTDIR);
    }
    attr.allow(cred, Rights::EXECUTE)
}

fn climb<T: Tree + ?Sized>(tree: &mut T, trail: &mut Vec<Node>) -> Result<(), Errno> {
    let Some(dir) = trail.pop() else { return Ok(()) };
    match tree.parent(dir) {
        Ok(parent) => trail.push(parent),
        Err(Errno::EXDEV) if trail.is_empty() => trail.push(dir),
        Err(Errno::EXDEV) => {}
        Err(errno) => return Err(errno),
    }
    Ok(())
}

fn follow_link<T: Tree + ?Sized>(
    tree: &mut T,
    link: Node,
    todo: &mut Vec<Vec<u8>>,
    links: usize,
) -> Result<(), Errno> {
    if links > MAX_LINKS {
        return Err(Errno::ELOOP);
    }
    let target = tree.target(link)?;
    match target.first() {
        None => Err(Errno::ENOENT),
        Some(b'/') => Err(Errno::EXDEV),
        Some(_) => {
            todo.extend(components(&target));
            Ok(())
        }
    }
}

/// Splits a path into the directory's part and the last name, which is checked: `EINVAL` for
/// none, `.` or `..`; `ENAMETOOLONG`.
pub fn split_parent(path: &[u8]) -> Result<(&[u8], &[u8]), Errno> {
    let end = path.iter().rposition(|byte| *byte != b'/').ok_or(Errno::EINVAL)? + 1;
    let start = path[..end].iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    let name = &path[start..end];
    check_name(name)?;
    Ok((&path[..start], name))
}

/// Checks a name that an entry may have: `EINVAL` where it is empty, `.` or `..`, or has a slash or
/// NUL; `ENAMETOOLONG`.
pub fn check_name(name: &[u8]) -> Result<(), Errno> {
    if name.len() > MAX_NAME {
        return Err(Errno::ENAMETOOLONG);
    }
    let dots = matches!(name, b"" | b"." | b"..");
    if dots || name.iter().any(|byte| matches!(byte, b'/' | 0)) {
        return Err(Errno::EINVAL);
    }
    Ok(())
}
