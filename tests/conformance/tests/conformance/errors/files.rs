//! Errors of file systems.

use std::sync::Arc;

use driver::{Cred, Data, Driver, Errno, Node, Op, OpenFlags, Ready, SetAttr, Time};
use kit::Files;

const ROOT: Cred = Cred::ROOT;
const READ: OpenFlags = OpenFlags::READ;
const BOTH: OpenFlags = OpenFlags::READ.union(OpenFlags::WRITE);

/// Plain questions, as root.
pub(super) struct Asked(pub(super) Files);

impl std::ops::Deref for Asked {
    type Target = Files;

    fn deref(&self) -> &Files {
        &self.0
    }
}

impl Asked {
    pub(super) fn of(driver: &Arc<dyn Driver>) -> Asked {
        Asked(Files(Arc::clone(driver)))
    }

    pub(super) fn plain(&self, op: Op, names: &[&[u8]]) -> Result<usize, Errno> {
        self.status(ROOT, op, names)
    }

    pub(super) fn open(&self, node: Node, flags: OpenFlags) -> Result<usize, Errno> {
        self.plain(Op::Open { node, flags }, &[])
    }

    pub(super) fn link(&self, node: Node, parent: Node, name: &str) -> Result<usize, Errno> {
        self.plain(Op::Link { node, parent }, &[name.as_bytes()])
    }

    pub(super) fn symlink(&self, parent: Node, name: &str, target: &str) -> Result<Node, Errno> {
        let names = [name.as_bytes(), target.as_bytes()];
        self.entry(ROOT, Op::Symlink { parent }, &names).map(|(node, _)| node)
    }

    pub(super) fn unlink(&self, parent: Node, name: &str, dir: bool) -> Result<usize, Errno> {
        self.plain(Op::Unlink { parent, dir }, &[name.as_bytes()])
    }

    pub(super) fn rename(&self, from: (Node, &str), to: (Node, &str)) -> Result<usize, Errno> {
        let op = Op::Rename { parent: from.0, to: to.0 };
        self.plain(op, &[from.1.as_bytes(), to.1.as_bytes()])
    }

    fn set(&self, node: Node, set: SetAttr) -> Result<usize, Errno> {
        self.plain(Op::Setattr { node, set }, &[])
    }

    /// Does something over and over, until that is refused.
    pub(super) fn until_refused<T>(&self, mut act: impl FnMut(u32) -> Result<T, Errno>) -> Errno {
        let refused = (0..5000).find_map(|round| act(round).err());
        refused.expect("there is an end to everything")
    }
}

/// A file system that is only to be read, with a file `crowded` in it.
pub(super) fn locked(driver: &Arc<dyn Driver>) {
    let (files, root) = (Asked::of(driver), Node::ROOT);
    let (file, _) = files.find("crowded").unwrap();
    assert_eq!(files.open(file, BOTH), Err(Errno::EROFS));
    assert_eq!(files.open(file, READ), Ok(0));
    assert_eq!(files.create(ROOT, root, "file"), Err(Errno::EROFS));
    assert_eq!(files.mkdir(ROOT, root, "dir"), Err(Errno::EROFS));
    assert_eq!(files.symlink(root, "link", "to"), Err(Errno::EROFS));
    assert_eq!(files.unlink(root, "crowded", false), Err(Errno::EROFS));
    assert_eq!(files.rename((root, "crowded"), (root, "other")), Err(Errno::EROFS));
    let set = SetAttr { mode: Some(0o700), ..SetAttr::default() };
    assert_eq!(files.set(root, set), Err(Errno::EROFS));
    assert_eq!(files.find("none").map(drop), Err(Errno::ENOENT));
}

/// Until nothing is left, and then something again.
pub(super) fn full(driver: &Arc<dyn Driver>) {
    let files = Asked::of(driver);
    let node = files.create(ROOT, Node::ROOT, "file").unwrap();
    // Of bytes that can't be compressed.
    let mut word = 1u32;
    let bytes: Vec<u8> = (0..16 << 10)
        .map(|_| {
            word = word.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (word >> 24) as u8
        })
        .collect();
    let mut at = 0;
    let write = |_| files.write(ROOT, node, at, &bytes).map(|count| at += count as u64);
    assert_eq!(files.until_refused(write), Errno::ENOSPC);
    assert_eq!(files.attr(node).unwrap().size, at, "what was written is there");
    let link = |round| files.symlink(Node::ROOT, &format!("link{round}"), "to");
    assert_eq!(files.until_refused(link), Errno::ENOSPC);
    files.plain(Op::Truncate { node, len: 0 }, &[]).unwrap();
    assert_eq!(files.write(ROOT, node, 0, b"again"), Ok(5));
}

/// Names take room, too.
pub(super) fn out_of_names(driver: &Arc<dyn Driver>) {
    let (files, root) = (Asked::of(driver), Node::ROOT);
    let node = files.create(ROOT, root, "file").unwrap();
    let refused = files.until_refused(|round| files.link(node, root, &round.to_string()));
    assert_eq!(refused, Errno::ENOSPC);
    assert_eq!(files.mkdir(ROOT, root, "dir"), Err(Errno::ENOSPC));
    assert_eq!(files.create(ROOT, root, "other"), Err(Errno::ENOSPC));
    files.unlink(root, "0", false).unwrap();
    assert!(files.mkdir(ROOT, root, "dir").is_ok());
}

/// What names and kinds of nodes forbid.
pub(super) fn names(driver: &Arc<dyn Driver>) {
    let (files, root) = (Asked::of(driver), Node::ROOT);
    let dir = files.mkdir(ROOT, root, "dir").unwrap();
    let file = files.create(ROOT, dir, "file").unwrap();
    files.symlink(root, "out", "/etc").unwrap();
    files.symlink(root, "round", "round").unwrap();
    let long = "n".repeat(256);
    for (path, errno) in [
        ("none", Errno::ENOENT),
        ("none/x", Errno::ENOENT),
        ("dir/file/x", Errno::ENOTDIR),
        ("dir/file/", Errno::ENOTDIR),
        ("round", Errno::ELOOP),
        ("out/passwd", Errno::EXDEV),
        (long.as_str(), Errno::ENAMETOOLONG),
        (&"x/".repeat(2048), Errno::ENAMETOOLONG),
    ] {
        assert_eq!(files.find(path).map(drop), Err(errno), "{path}");
    }
    assert_eq!(files.mkdir(ROOT, root, "dir"), Err(Errno::EEXIST));
    assert_eq!(files.mkdir(ROOT, file, "x"), Err(Errno::ENOTDIR));
    assert_eq!(files.mkdir(ROOT, root, &long), Err(Errno::ENAMETOOLONG));
    for name in ["", ".", "..", "a/b", "a\0b"] {
        assert_eq!(files.mkdir(ROOT, root, name), Err(Errno::EINVAL), "{name:?}");
    }
    assert_eq!(files.plain(Op::Mkdir { parent: root, mode: 0o755 }, &[]), Err(Errno::EINVAL));
    assert_eq!(files.create(ROOT, root, "dir"), Err(Errno::EISDIR));
    assert_eq!(files.create(ROOT, root, "round"), Err(Errno::ELOOP));
    assert_eq!(files.symlink(root, "link", ""), Err(Errno::ENOENT));
    assert_eq!(files.plain(Op::Symlink { parent: root }, &[b"link"]), Err(Errno::ENOENT));
    assert_eq!(files.symlink(root, "link", "a\0b"), Err(Errno::EINVAL));
    assert_eq!(files.symlink(root, "link", &"x".repeat(4096)), Err(Errno::ENAMETOOLONG));
    assert_eq!(files.unlink(root, "none", false), Err(Errno::ENOENT));
    assert_eq!(files.unlink(root, "dir", false), Err(Errno::EISDIR));
    assert_eq!(files.unlink(root, "dir", true), Err(Errno::ENOTEMPTY));
    assert_eq!(files.unlink(dir, "file", true), Err(Errno::ENOTDIR));
    assert_eq!(files.link(dir, dir, "again"), Err(Errno::EPERM));
    assert_eq!(files.link(file, dir, "file"), Err(Errno::EEXIST));
    assert_eq!(files.rename((root, "none"), (dir, "x")), Err(Errno::ENOENT));
    assert_eq!(files.rename((root, "dir"), (dir, "x")), Err(Errno::EINVAL));
    assert_eq!(files.rename((dir, "file"), (root, "dir")), Err(Errno::EISDIR));
    assert_eq!(files.rename((root, "dir"), (dir, "file")), Err(Errno::EINVAL));
    let op = Op::Rename { parent: dir, to: dir };
    assert_eq!(files.plain(op, &[b"file"]), Err(Errno::EINVAL), "no new name");
    let other = files.mkdir(ROOT, root, "other").unwrap();
    assert_eq!(files.rename((root, "other"), (root, "dir")), Err(Errno::ENOTEMPTY));
    assert_eq!(files.rename((root, "other"), (dir, "file")), Err(Errno::ENOTDIR));
    assert_eq!(files.rename((dir, "file"), (other, "none/x")), Err(Errno::EINVAL));
}

/// What can't be opened as it is, and what can't be done with what is open.
pub(super) fn opens(driver: &Arc<dyn Driver>) {
    let (files, root) = (Asked::of(driver), Node::ROOT);
    let dir = files.mkdir(ROOT, root, "dir").unwrap();
    let file = files.create(ROOT, root, "file").unwrap();
    let link = files.symlink(root, "link", "file").unwrap();
    assert_eq!(files.open(dir, BOTH), Err(Errno::EISDIR));
    assert_eq!(files.open(link, BOTH), Err(Errno::ELOOP));
    assert_eq!(files.open(file, READ | OpenFlags::TRUNCATE), Err(Errno::EINVAL));
    let create = |name: &str, flags| {
        files.plain(Op::Create { parent: root, mode: 0o644, flags }, &[name.as_bytes()])
    };
    assert_eq!(create("file", BOTH | OpenFlags::EXCLUSIVE), Err(Errno::EEXIST));
    assert_eq!(create("dir", BOTH | OpenFlags::EXCLUSIVE), Err(Errno::EEXIST));
    assert_eq!(create("new", READ | OpenFlags::TRUNCATE), Err(Errno::EINVAL));
    assert_eq!([files.open(dir, READ), files.open(link, READ)], [Ok(0); 2]);
    assert_eq!(files.read(dir, 0, 1), Err(Errno::EISDIR));
    assert_eq!(files.read(link, 0, 1), Err(Errno::EINVAL));
    let fill = |op| files.ask(ROOT, op, &[], Data::sink(&mut [0; 8])).0.result();
    assert_eq!(fill(Op::Readlink { node: file }), Err(Errno::EINVAL));
    assert_eq!(fill(Op::Readdir { node: file, cookie: 0 }), Err(Errno::ENOTDIR));
    assert_eq!(fill(Op::Readdir { node: dir, cookie: 0 }), Err(Errno::EINVAL), "not one fits");
    assert_eq!(files.write(ROOT, file, 0, b"text"), Ok(4));
    let wrong = files.ask(ROOT, Op::Read { node: file, offset: 0 }, &[], Data::source(b"text"));
    assert_eq!(wrong.0, Errno::EFAULT.into(), "memory of the wrong kind");
    assert_eq!(fill(Op::Write { node: file, offset: 0 }), Err(Errno::EFAULT));
    let time = Some(Time { sec: 1, nsec: 1_000_000_000 });
    let set = SetAttr { mtime: time, ..SetAttr::default() };
    assert_eq!(files.set(file, set), Err(Errno::EINVAL), "it is no time");
    assert_eq!(files.plain(Op::Poll { interest: Ready::READ }, &[]), Err(Errno::EOPNOTSUPP));
    assert_eq!(files.plain(Op::Close { node: file }, &[]), Ok(0));
    assert_eq!(files.plain(Op::Close { node: file }, &[]), Err(Errno::EBADF));
}

/// What has no name left, and what isn't there at all.
pub(super) fn gone(driver: &Arc<dyn Driver>) {
    let (files, root) = (Asked::of(driver), Node::ROOT);
    let file = files.create(ROOT, root, "file").unwrap();
    let dir = files.mkdir(ROOT, root, "dir").unwrap();
    files.create(ROOT, root, "other").unwrap();
    files.open(dir, READ).unwrap();
    files.unlink(root, "file", false).unwrap();
    files.unlink(root, "dir", true).unwrap();
    assert_eq!(files.open(file, READ), Err(Errno::ENOENT));
    assert_eq!(files.link(file, root, "again"), Err(Errno::ENOENT));
    assert_eq!(files.mkdir(ROOT, dir, "x"), Err(Errno::ENOENT));
    assert_eq!(files.create(ROOT, dir, "x"), Err(Errno::ENOENT));
    assert_eq!(files.symlink(dir, "x", "to"), Err(Errno::ENOENT));
    assert_eq!(files.rename((root, "other"), (dir, "x")), Err(Errno::ENOENT));
    for node in [file, dir] {
        assert!(files.attr(node).is_ok(), "it is open");
        files.plain(Op::Close { node }, &[]).unwrap();
    }
    for node in [file, dir, Node(40_000), Node(1 << 40)] {
        assert_eq!(files.attr(node).map(drop), Err(Errno::ESTALE));
        assert_eq!(files.open(node, READ), Err(Errno::ESTALE));
        assert_eq!(files.mkdir(ROOT, node, "x"), Err(Errno::ESTALE));
        assert_eq!(files.plain(Op::Flush { node }, &[]), Err(Errno::ESTALE));
        assert_eq!(files.plain(Op::Readlink { node }, &[]), Err(Errno::ESTALE));
    }
}

/// Sizes that no file has.
pub(super) fn too_large(driver: &Arc<dyn Driver>) {
    let files = Asked::of(driver);
    let node = files.create(ROOT, Node::ROOT, "file").unwrap();
    assert_eq!(files.write(ROOT, node, i64::MAX as u64, b"x"), Err(Errno::EFBIG));
    assert_eq!(files.plain(Op::Truncate { node, len: 1 << 63 }, &[]), Err(Errno::EFBIG));
    assert_eq!(files.attr(node).unwrap().size, 0);
}
