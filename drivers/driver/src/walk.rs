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
    /// The entry `name` of a directory; `ENOENT`. `name` is not empty, not `.`, not `..`, and no
    /// longer than [`MAX_NAME`].
    fn child(&mut self, dir: Node, name: &[u8]) -> Result<Node, Errno>;
    /// The directory that holds a directory; the root's is the root. A file system that can't
    /// tell answers `EXDEV`, and the walk goes by the path it came; where it came by none, that is
    /// its answer.
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
    let mut must_be_dir = means_dir(path);
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
        if name.len() > MAX_NAME {
            return Err(Errno::ENAMETOOLONG);
        }
        let node = tree.child(dir, &name)?;
        let last = todo.is_empty();
        if tree.attr(node)?.kind == FileKind::Symlink && (!last || follow || must_be_dir) {
            links += 1;
            must_be_dir |= follow_link(tree, node, &mut todo, links)? && last;
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

/// True for a path that ends in a slash or a dot: it means a directory and nothing else.
fn means_dir(path: &[u8]) -> bool {
    let last = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    !path.is_empty() && matches!(last, b"" | b".")
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
        Err(Errno::EXDEV) if !trail.is_empty() => {}
        Err(errno) => return Err(errno),
    }
    Ok(())
}

/// Puts the link's target before what is to do; true where it says that a directory is meant.
fn follow_link<T: Tree + ?Sized>(
    tree: &mut T,
    link: Node,
    todo: &mut Vec<Vec<u8>>,
    links: usize,
) -> Result<bool, Errno> {
    if links > MAX_LINKS {
        return Err(Errno::ELOOP);
    }
    let target = tree.target(link)?;
    match target.first() {
        None => Err(Errno::ENOENT),
        Some(b'/') => Err(Errno::EXDEV),
        Some(_) => {
            todo.extend(components(&target));
            Ok(means_dir(&target))
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

#[cfg(test)]
mod tests {
    use super::*;

    const DIR: FileKind = FileKind::Directory;
    const FILE: FileKind = FileKind::Regular;
    const LINK: FileKind = FileKind::Symlink;
    const USER: Cred = Cred { uid: 5, gid: 5 };

    /// Parent, name, kind and mode of each node; the index is its number. A link's target
    /// stands in its place in `TARGETS`.
    const NODES: &[(u64, &[u8], FileKind, u16)] = &[
        (0, b"", DIR, 0o755),
        (0, b"dir", DIR, 0o755),
        (1, b"file", FILE, 0o644),
        (0, b"shut", DIR, 0o766),
        (3, b"file", FILE, 0o644),
        (0, b"link", LINK, 0o777),
        (0, b"loop", LINK, 0o777),
        (0, b"out", LINK, 0o777),
        (1, b"up", LINK, 0o777),
        (0, b"slash", LINK, 0o777),
        (0, b"empty", LINK, 0o777),
    ];
    const TARGETS: [(u64, &[u8]); 6] = [
        (5, b"dir"),
        (6, b"./loop"),
        (7, b"/dir"),
        (8, b"../dir/file"),
        (9, b"dir/file/"),
        (10, b""),
    ];

    /// The tree above; `climbs` says whether it knows the parents of its directories.
    struct Toy {
        climbs: bool,
    }

    impl Tree for Toy {
        fn attr(&mut self, node: Node) -> Result<Attr, Errno> {
            let (_, _, kind, mode) = NODES.get(node.0 as usize).ok_or(Errno::ESTALE)?;
            Ok(Attr { inode: node.0, kind: *kind, mode: *mode, ..Attr::default() })
        }

        fn child(&mut self, dir: Node, name: &[u8]) -> Result<Node, Errno> {
            assert!(check_name(name).is_ok());
            let is_it =
                |(parent, own, ..): &(u64, &[u8], FileKind, u16)| *parent == dir.0 && *own == name;
            NODES.iter().position(is_it).map(|at| Node(at as u64)).ok_or(Errno::ENOENT)
        }

        fn parent(&mut self, dir: Node) -> Result<Node, Errno> {
            if self.climbs || dir == Node::ROOT {
                Ok(Node(NODES[dir.0 as usize].0))
            } else {
                Err(Errno::EXDEV)
            }
        }

        fn target(&mut self, link: Node) -> Result<Vec<u8>, Errno> {
            let target = TARGETS.iter().find(|(node, _)| *node == link.0);
            Ok(target.ok_or(Errno::EINVAL)?.1.to_vec())
        }
    }

    fn find(path: &str, follow: bool) -> Result<u64, Errno> {
        let one = walk(&mut Toy { climbs: true }, Node::ROOT, path.as_bytes(), follow, USER);
        let other = walk(&mut Toy { climbs: false }, Node::ROOT, path.as_bytes(), follow, USER);
        assert_eq!(one, other, "{path}");
        one.map(|found| {
            assert_eq!(found.attr.inode, found.node.0);
            found.node.0
        })
    }

    #[test]
    fn a_path_is_walked_without_its_dots_and_slashes() {
        for path in ["dir/file", "/dir/file", "./dir//./file", "dir/../dir/file", "../dir/file"] {
            assert_eq!(find(path, true), Ok(2), "{path}");
        }
        assert_eq!([find("", true), find("/", true), find(".", true)], [Ok(0); 3]);
        assert_eq!(find("dir/none", true), Err(Errno::ENOENT));
    }

    #[test]
    fn two_dots_above_the_start_need_a_tree_that_knows_parents() {
        let up = |climbs, path: &[u8]| {
            walk(&mut Toy { climbs }, Node(1), path, true, USER).map(|found| found.node)
        };
        assert_eq!(up(true, b".."), Ok(Node(0)));
        for path in [&b".."[..], b"../dir", b"../..", b"up"] {
            assert_eq!(up(false, path), Err(Errno::EXDEV), "not where it is already");
        }
        assert_eq!(up(false, b"."), Ok(Node(1)));
    }

    #[test]
    fn what_is_no_directory_is_not_walked_through() {
        for path in ["dir/file/x", "dir/file/..", "dir/file/", "dir/file/.", "dir/up/", "slash"] {
            assert_eq!(find(path, true), Err(Errno::ENOTDIR), "{path}");
        }
        let from_file = |path| walk(&mut Toy { climbs: true }, Node(2), path, true, USER);
        assert_eq!(from_file(b"").map(|found| found.node), Ok(Node(2)));
        assert_eq!(from_file(b"."), Err(Errno::ENOTDIR));
    }

    #[test]
    fn links_are_followed_on_the_way_and_at_the_end_if_wanted() {
        assert_eq!([find("link/file", false), find("link/up", true)], [Ok(2), Ok(2)]);
        assert_eq!([find("link", false), find("link/up", false)], [Ok(5), Ok(8)]);
        assert_eq!([find("link/", false), find("link/.", false), find("link", true)], [Ok(1); 3]);
        assert_eq!(find("loop", true), Err(Errno::ELOOP));
        assert_eq!(find("out", true), Err(Errno::EXDEV));
        assert_eq!(find("empty", true), Err(Errno::ENOENT));
    }

    #[test]
    fn the_right_to_search_is_needed_in_every_directory() {
        assert_eq!(find("shut", true), Ok(3));
        assert_eq!(find("shut/file", true), Err(Errno::EACCES));
        assert_eq!(find("shut/none", true), Err(Errno::EACCES));
        let root = walk(&mut Toy { climbs: true }, Node::ROOT, b"shut/file", true, Cred::ROOT);
        assert_eq!(root.map(|found| found.node), Ok(Node(4)));
    }

    #[test]
    fn long_names_and_paths_are_refused() {
        let name = [b'x'; MAX_NAME + 1];
        let walk = |path: &[u8]| walk(&mut Toy { climbs: true }, Node::ROOT, path, true, USER);
        assert_eq!(walk(&name), Err(Errno::ENAMETOOLONG));
        assert_eq!(walk(&name[1..]), Err(Errno::ENOENT));
        assert_eq!(walk(&[b'/'; MAX_PATH + 1]), Err(Errno::ENAMETOOLONG));
        assert_eq!(walk(&[b'/'; MAX_PATH]).map(|found| found.node), Ok(Node::ROOT));
    }

    #[test]
    fn a_path_splits_before_its_last_name() {
        assert_eq!(split_parent(b"a/b/c"), Ok((&b"a/b/"[..], &b"c"[..])));
        assert_eq!(split_parent(b"c//"), Ok((&b""[..], &b"c"[..])));
        for path in [&b""[..], b"/", b"a/..", b"."] {
            assert_eq!(split_parent(path), Err(Errno::EINVAL));
        }
        assert_eq!(split_parent(&[b'x'; MAX_NAME + 1]), Err(Errno::ENAMETOOLONG));
    }
}
