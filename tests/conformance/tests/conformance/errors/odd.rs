//! Errors that one driver has, or that take a state which nobody comes to by accident.

use std::sync::Arc;

use driver::{Cred, Driver, Errno, Node, Op};

use super::files::Asked;

const ROOT: Cred = Cred::ROOT;

/// Names that a RedoxFS does not have.
pub(super) fn strange_names(driver: &Arc<dyn Driver>) {
    let (files, root) = (Asked::of(driver), Node::ROOT);
    let mkdir = Op::Mkdir { parent: root, mode: 0o755 };
    assert_eq!(files.plain(mkdir, &[b"a:b"]), Err(Errno::EINVAL));
    assert_eq!(files.plain(mkdir, &[b"\xff"]), Err(Errno::EINVAL));
    assert_eq!(files.mkdir(ROOT, root, &"n".repeat(253)), Err(Errno::ENAMETOOLONG));
    assert!(files.mkdir(ROOT, root, &"n".repeat(252)).is_ok());
}

/// A file that has as many names as can be counted, and directories that are in each other.
pub(super) fn damaged(driver: &Arc<dyn Driver>) {
    let (files, root) = (Asked::of(driver), Node::ROOT);
    let (crowded, _) = files.find("crowded").unwrap();
    assert_eq!(files.link(crowded, root, "more"), Err(Errno::EMLINK));
    let (inner, _) = files.find("outer/inner").unwrap();
    files.find("outer/inner/outer").unwrap();
    files.mkdir(ROOT, root, "dir").unwrap();
    assert_eq!(files.rename((root, "dir"), (inner, "dir")), Err(Errno::ELOOP));
}

/// A file system whose disk stops working.
pub(super) fn cut_off(driver: &Arc<dyn Driver>) {
    let (files, root) = (Asked::of(driver), Node::ROOT);
    let mkdir = |round: u32| files.mkdir(ROOT, root, &round.to_string());
    assert_eq!(files.until_refused(mkdir), Errno::EIO);
    assert_eq!(files.find("none").map(drop), Err(Errno::EIO));
    assert_eq!(files.create(ROOT, root, "file"), Err(Errno::EIO));
}

/// Without room to note whose something is, it is not made.
pub(super) fn unrecorded(driver: &Arc<dyn Driver>) {
    let (files, root) = (Asked::of(driver), Node::ROOT);
    let file = files.create(ROOT, root, "file").unwrap();
    let mut at = 0;
    let write = |_| files.write(ROOT, file, at, &[1; 4096]).map(|count| at += count as u64);
    assert_eq!(files.until_refused(write), Errno::ENOSPC);
    let mut last = String::new();
    let mkdir = |round: u32| {
        last = round.to_string();
        files.mkdir(ROOT, root, &last)
    };
    assert_eq!(files.until_refused(mkdir), Errno::ENOSPC);
    assert_eq!(files.find(&last).map(drop), Err(Errno::ENOENT));
    files.plain(Op::Truncate { node: file, len: 0 }, &[]).unwrap();
    assert!(files.mkdir(ROOT, root, &last).is_ok());
}

/// The file with the records is nobody's.
pub(super) fn hidden(driver: &Arc<dyn Driver>) {
    let (files, root) = (Asked::of(driver), Node::ROOT);
    files.create(ROOT, root, "file").unwrap();
    assert_eq!(files.find(".perms").map(drop), Err(Errno::ENOENT));
    assert_eq!(files.create(ROOT, root, ".perms"), Err(Errno::EACCES));
    assert_eq!(files.mkdir(ROOT, root, ".perms.new"), Err(Errno::EACCES));
    assert_eq!(files.rename((root, "file"), (root, ".perms")), Err(Errno::EACCES));
    assert_eq!(files.unlink(root, ".perms", false), Err(Errno::ENOENT));
}
