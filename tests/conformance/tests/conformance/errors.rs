//! Errors that are documented, and that the random steps don't come by in every placement.

use std::sync::Arc;

use driver::{Class, Cred, Data, Driver, Errno, Node, Op, OpenFlags, SetAttr};
use kit::{FLUSH, Files, ask, discard, flush, read, write};

use crate::{
    placement::{everywhere, together},
    stacks,
};

const ROOT: Cred = Cred::ROOT;
const BOTH: OpenFlags = OpenFlags::READ.union(OpenFlags::WRITE);

type Check = fn(Arc<dyn Driver>);

pub(crate) fn every_documented_error_is_the_same_in_every_placement() {
    for stack in stacks::failing() {
        let check: Check = match stack.name {
            "EIO" => broken,
            "EROFS" => locked,
            "EROFS of files" => locked_files,
            "ENOSPC of files" => full,
            "names" => names,
            other => panic!("no check for {other}"),
        };
        everywhere(&stack.text, |_, driver| check(driver));
    }
    together(7, &stacks::limited().text, &|_, driver| others(driver));
}

/// What goes wrong below is answered as it is.
fn broken(driver: Arc<dyn Driver>) {
    assert_eq!(read(&*driver, 0, &mut [0; 512]), Errno::EIO.into());
    assert_eq!(write(&*driver, 0, &[0; 512]), Errno::EIO.into());
    assert_eq!(flush(&*driver), Errno::EIO.into());
    assert_eq!(discard(&*driver, 0, 512), Errno::EIO.into());
}

/// A disk that is only to be read; and what no disk does.
fn locked(driver: Arc<dyn Driver>) {
    assert_eq!(driver.describe().class, Class::Block);
    assert_eq!(read(&*driver, 0, &mut [0; 512]).result(), Ok(512));
    assert_eq!(write(&*driver, 0, &[0; 512]), Errno::EROFS.into());
    assert_eq!(discard(&*driver, 0, 512), Errno::EROFS.into());
    assert_eq!(read(&*driver, 1, &mut [0; 512]), Errno::EINVAL.into());
    assert_eq!(read(&*driver, 0, &mut [0; 511]), Errno::EINVAL.into());
    assert_eq!(ask(&*driver, FLUSH, Data::NONE).result(), Ok(0));
    for op in [Op::Statfs, Op::Getattr { node: Node::ROOT }, Op::Symlink { parent: Node::ROOT }] {
        assert_eq!(ask(&*driver, op, Data::NONE), Errno::EOPNOTSUPP.into(), "{op:?}");
    }
}

fn unlink(files: &Files, parent: Node, name: &str, dir: bool) -> Result<usize, Errno> {
    files.status(ROOT, Op::Unlink { parent, dir }, &[name.as_bytes()])
}

fn rename(files: &Files, from: (Node, &str), to: (Node, &str)) -> Result<usize, Errno> {
    let op = Op::Rename { parent: from.0, to: to.0 };
    files.status(ROOT, op, &[from.1.as_bytes(), to.1.as_bytes()])
}

fn symlink(files: &Files, parent: Node, name: &str, target: &str) -> Result<usize, Errno> {
    files.status(ROOT, Op::Symlink { parent }, &[name.as_bytes(), target.as_bytes()])
}

fn locked_files(driver: Arc<dyn Driver>) {
    let files = Files(driver);
    let set = SetAttr { mode: Some(0o700), ..SetAttr::default() };
    assert_eq!(files.create(ROOT, Node::ROOT, "file"), Err(Errno::EROFS));
    assert_eq!(files.mkdir(ROOT, Node::ROOT, "dir"), Err(Errno::EROFS));
    assert_eq!(symlink(&files, Node::ROOT, "link", "to"), Err(Errno::EROFS));
    assert_eq!(files.status(ROOT, Op::Setattr { node: Node::ROOT, set }, &[]), Err(Errno::EROFS));
    assert_eq!(files.find("none").map(drop), Err(Errno::ENOENT));
}

/// Until nothing is left, and then something again.
fn full(driver: Arc<dyn Driver>) {
    let files = Files(driver);
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
    let end = loop {
        match files.write(ROOT, node, at, &bytes) {
            Ok(count) => at += count as u64,
            Err(errno) => break errno,
        }
        assert!(at <= 4 << 20, "more than there is");
    };
    assert_eq!(end, Errno::ENOSPC);
    assert_eq!(files.attr(node).unwrap().size, at, "what was written is there");
    files.status(ROOT, Op::Truncate { node, len: 0 }, &[]).unwrap();
    assert_eq!(files.write(ROOT, node, 0, b"again"), Ok(5));
}

/// What names and kinds of nodes forbid.
fn names(driver: Arc<dyn Driver>) {
    let files = Files(driver);
    let dir = files.mkdir(ROOT, Node::ROOT, "dir").unwrap();
    let file = files.create(ROOT, dir, "file").unwrap();
    symlink(&files, Node::ROOT, "out", "/etc").unwrap();
    symlink(&files, Node::ROOT, "round", "round").unwrap();
    let long = "n".repeat(256);
    for (path, errno) in [
        ("none", Errno::ENOENT),
        ("none/x", Errno::ENOENT),
        ("dir/file/x", Errno::ENOTDIR),
        ("dir/file/", Errno::ENOTDIR),
        ("round", Errno::ELOOP),
        ("out/passwd", Errno::EXDEV),
        (long.as_str(), Errno::ENAMETOOLONG),
    ] {
        assert_eq!(files.find(path).map(drop), Err(errno), "{path}");
    }
    assert_eq!(files.mkdir(ROOT, Node::ROOT, "dir"), Err(Errno::EEXIST));
    assert_eq!(files.mkdir(ROOT, file, "x"), Err(Errno::ENOTDIR));
    assert_eq!(files.mkdir(ROOT, Node::ROOT, &long), Err(Errno::ENAMETOOLONG));
    for name in ["", ".", "..", "a/b", "a\0b"] {
        assert_eq!(files.mkdir(ROOT, Node::ROOT, name), Err(Errno::EINVAL), "{name:?}");
    }
    assert_eq!(files.create(ROOT, Node::ROOT, "dir"), Err(Errno::EISDIR));
    assert_eq!(files.create(ROOT, Node::ROOT, "round"), Err(Errno::ELOOP));
    assert_eq!(unlink(&files, Node::ROOT, "none", false), Err(Errno::ENOENT));
    assert_eq!(unlink(&files, Node::ROOT, "dir", false), Err(Errno::EISDIR));
    assert_eq!(unlink(&files, Node::ROOT, "dir", true), Err(Errno::ENOTEMPTY));
    assert_eq!(unlink(&files, dir, "file", true), Err(Errno::ENOTDIR));
    let link = Op::Link { node: dir, parent: dir };
    assert_eq!(files.status(ROOT, link, &[b"again"]), Err(Errno::EPERM));
    let link = Op::Link { node: file, parent: dir };
    assert_eq!(files.status(ROOT, link, &[b"file"]), Err(Errno::EEXIST));
    assert_eq!(rename(&files, (Node::ROOT, "none"), (dir, "x")), Err(Errno::ENOENT));
    assert_eq!(rename(&files, (Node::ROOT, "dir"), (dir, "x")), Err(Errno::EINVAL));
    assert_eq!(rename(&files, (dir, "file"), (Node::ROOT, "dir")), Err(Errno::EISDIR));
    assert_eq!(rename(&files, (Node::ROOT, "dir"), (dir, "file")), Err(Errno::EINVAL));
    let other = files.mkdir(ROOT, Node::ROOT, "other").unwrap();
    assert_eq!(rename(&files, (Node::ROOT, "other"), (Node::ROOT, "dir")), Err(Errno::ENOTEMPTY));
    assert_eq!(rename(&files, (Node::ROOT, "other"), (dir, "file")), Err(Errno::ENOTDIR));
    assert_eq!(files.read(file, 0, 1), Ok(Vec::new()));
    let open = Op::Open { node: other, flags: BOTH };
    assert_eq!(files.status(ROOT, open, &[]), Err(Errno::EISDIR));
    let mut room = [0; 8];
    let readlink = files.ask(ROOT, Op::Readlink { node: file }, &[], Data::sink(&mut room));
    assert_eq!(readlink.0, Errno::EINVAL.into());
}

/// What is another's, and what a user has too much of.
fn others(driver: Arc<dyn Driver>) {
    let (files, user) = (Files(driver), Cred { uid: 7, gid: 7 });
    let set = SetAttr { mode: Some(0o777), ..SetAttr::default() };
    let set = Op::Setattr { node: Node::ROOT, set };
    assert_eq!(files.status(user, set, &[]), Err(Errno::EPERM), "the root is root's");
    let own = files.create(user, Node::ROOT, "own").unwrap();
    assert_eq!(files.write(user, own, 0, &[1; 8192]), Ok(8192));
    assert_eq!(files.write(user, own, 8192, &[1; 8192]), Err(Errno::EDQUOT));
    let dir = files.mkdir(user, Node::ROOT, "dir").unwrap();
    files.mkdir(user, Node::ROOT, "last").unwrap();
    assert_eq!(files.mkdir(user, Node::ROOT, "more"), Err(Errno::EDQUOT));
    let shut = SetAttr { mode: Some(0o000), ..SetAttr::default() };
    files.status(user, Op::Setattr { node: dir, set: shut }, &[]).unwrap();
    assert_eq!(files.find_as(user, "dir/x").map(drop), Err(Errno::EACCES));
    let open = Op::Open { node: dir, flags: OpenFlags::READ };
    assert_eq!(files.status(user, open, &[]), Err(Errno::EACCES));
}
