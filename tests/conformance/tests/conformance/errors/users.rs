//! Errors that depend on who asks.
//!
//! A driver sees the user where the user's own handle leads to its daemon. Where it is in another
//! daemon, below, it sees who runs the one above. So what decides about users is the topmost here,
//! and decides the same in every placement.

use std::sync::Arc;

use driver::{Cred, Driver, Errno, Node, Op, OpenFlags, SetAttr, Time};
use kit::Files;

const ROOT: Cred = Cred::ROOT;
const USER: Cred = Cred { uid: 7, gid: 7 };
const BOTH: OpenFlags = OpenFlags::READ.union(OpenFlags::WRITE);

fn set(files: &Files, cred: Cred, node: Node, set: SetAttr) -> Result<usize, Errno> {
    files.status(cred, Op::Setattr { node, set }, &[])
}

fn mode(mode: u16) -> SetAttr {
    SetAttr { mode: Some(mode), ..SetAttr::default() }
}

fn owner(uid: u32) -> SetAttr {
    SetAttr { uid: Some(uid), ..SetAttr::default() }
}

fn files(driver: &Arc<dyn Driver>) -> Files {
    Files(Arc::clone(driver))
}

pub(super) fn nothing(_: &Arc<dyn Driver>) {}

/// What root has: things that are shut, and a directory in which everybody has their own.
pub(super) fn of_root(driver: &Arc<dyn Driver>) {
    let files = files(driver);
    set(&files, ROOT, Node::ROOT, mode(0o777)).unwrap();
    let shut = files.mkdir(ROOT, Node::ROOT, "shut").unwrap();
    set(&files, ROOT, shut, mode(0o700)).unwrap();
    let shown = files.mkdir(ROOT, Node::ROOT, "shown").unwrap();
    set(&files, ROOT, shown, mode(0o755)).unwrap();
    let sticky = files.mkdir(ROOT, Node::ROOT, "sticky").unwrap();
    set(&files, ROOT, sticky, mode(0o1777)).unwrap();
    files.create(ROOT, sticky, "theirs").unwrap();
}

/// What is another's.
pub(super) fn others(_: &str, driver: &Arc<dyn Driver>) {
    let files = files(driver);
    let find = |path| files.find_as(USER, path).unwrap().0;
    let (shut, shown, sticky) = (find("shut"), find("shown"), find("sticky"));
    let theirs = find("sticky/theirs");
    let open = |node, flags| files.status(USER, Op::Open { node, flags }, &[]);
    assert_eq!(files.find_as(USER, "shut/x").map(drop), Err(Errno::EACCES));
    assert_eq!(open(shut, OpenFlags::READ), Err(Errno::EACCES));
    assert_eq!(open(theirs, BOTH), Err(Errno::EACCES));
    for dir in [shut, shown] {
        assert_eq!(files.create(USER, dir, "x"), Err(Errno::EACCES));
        assert_eq!(files.mkdir(USER, dir, "x"), Err(Errno::EACCES));
        let link = Op::Link { node: theirs, parent: dir };
        assert_eq!(files.status(USER, link, &[b"x"]), Err(Errno::EACCES));
    }
    assert_eq!(files.create(USER, sticky, "theirs"), Err(Errno::EACCES));
    let unlink = Op::Unlink { parent: sticky, dir: false };
    assert_eq!(files.status(USER, unlink, &[b"theirs"]), Err(Errno::EPERM));
    let rename = Op::Rename { parent: sticky, to: Node::ROOT };
    assert_eq!(files.status(USER, rename, &[b"theirs", b"mine"]), Err(Errno::EPERM));
    let unlink = Op::Unlink { parent: shut, dir: false };
    assert_eq!(files.status(USER, unlink, &[b"x"]), Err(Errno::EACCES));
    let now = SetAttr { mtime: Some(Time::default()), ..SetAttr::default() };
    for (node, change) in [(Node::ROOT, mode(0o700)), (theirs, now), (theirs, owner(7))] {
        assert_eq!(set(&files, USER, node, change), Err(Errno::EPERM));
    }
    let own = files.create(USER, Node::ROOT, "own").unwrap();
    assert_eq!(files.attr(own).unwrap().uid, 7);
    assert_eq!(set(&files, USER, own, owner(8)), Err(Errno::EPERM), "it can't be given away");
    assert_eq!(set(&files, USER, own, mode(0o000)).map(drop), Ok(()));
    assert_eq!(open(own, OpenFlags::READ), Err(Errno::EACCES), "not even one's own");
}

/// What is not open for it. Across a boundary that is the answer to all of this, since each object
/// there has the rights that it was opened with; beside it a driver looks at what it is asked about.
pub(super) fn unopened(placement: &str, driver: &Arc<dyn Driver>) {
    let files = files(driver);
    let here = matches!(placement, "static" | "neighbours");
    let refused = |errno| Err(if here { errno } else { Errno::EBADF });
    let (dir, _) = files.find_as(USER, "sticky").unwrap();
    let (theirs, _) = files.find_as(USER, "sticky/theirs").unwrap();
    let op = Op::Symlink { parent: Node::ROOT };
    let (link, _) = files.entry(USER, op, &[b"link", b"shown"]).unwrap();
    let truncate = |node| files.status(USER, Op::Truncate { node, len: 0 }, &[]);
    assert_eq!(truncate(dir), refused(Errno::EISDIR));
    assert_eq!(truncate(link), refused(Errno::EINVAL));
    assert_eq!(truncate(theirs), refused(Errno::EACCES));
    assert_eq!(files.write(USER, dir, 0, b"x"), refused(Errno::EISDIR));
    assert_eq!(files.write(USER, link, 0, b"x"), refused(Errno::EINVAL));
    let discard = Op::Discard { offset: 0, len: 1 };
    assert_eq!(files.status(USER, discard, &[]), refused(Errno::EOPNOTSUPP));
}

/// Root gives a user a file, and another that is too large.
pub(super) fn given(driver: &Arc<dyn Driver>) {
    let files = files(driver);
    let given = files.create(ROOT, Node::ROOT, "given").unwrap();
    set(&files, ROOT, given, owner(7)).unwrap();
    let large = files.create(ROOT, Node::ROOT, "large").unwrap();
    assert_eq!(files.write(ROOT, large, 0, &[1; 12_000]), Ok(12_000), "root has no limit");
    assert_eq!(set(&files, ROOT, large, owner(7)), Err(Errno::EDQUOT));
}

/// What a user has too much of: 10,000 bytes and 3 inodes are the limits.
pub(super) fn limits(_: &str, driver: &Arc<dyn Driver>) {
    let files = files(driver);
    let (given, _) = files.find_as(USER, "given").unwrap();
    files.status(USER, Op::Open { node: given, flags: BOTH }, &[]).unwrap();
    assert_eq!(files.write(USER, given, 0, &[1; 8192]), Ok(8192));
    assert_eq!(files.write(USER, given, 8192, &[1; 8192]), Err(Errno::EDQUOT));
    let truncate = Op::Truncate { node: given, len: 10_001 };
    assert_eq!(files.status(USER, truncate, &[]), Err(Errno::EDQUOT));
    let symlink = Op::Symlink { parent: Node::ROOT };
    let target = "x".repeat(2000);
    assert_eq!(files.status(USER, symlink, &[b"link", target.as_bytes()]), Err(Errno::EDQUOT));
    files.mkdir(USER, Node::ROOT, "one").unwrap();
    files.mkdir(USER, Node::ROOT, "two").unwrap();
    assert_eq!(files.mkdir(USER, Node::ROOT, "more"), Err(Errno::EDQUOT));
    assert_eq!(files.create(USER, Node::ROOT, "more"), Err(Errno::EDQUOT));
}

/// The same limits below a layer that has none. In a daemon of its own the driver that has them is
/// asked by root, who runs the daemon above: so nothing is refused, and all is root's.
pub(super) fn below(placement: &str, driver: &Arc<dyn Driver>) {
    let files = files(driver);
    let alone = placement == "mixed";
    let refused = |errno| if alone { Ok(()) } else { Err(errno) };
    let own = files.create(USER, Node::ROOT, "own").unwrap();
    assert_eq!(files.attr(own).unwrap().uid, if alone { 0 } else { 7 });
    assert_eq!(files.write(USER, own, 0, &[1; 8192]), Ok(8192));
    let more = files.write(USER, own, 8192, &[1; 8192]).map(drop);
    assert_eq!(more, refused(Errno::EDQUOT));
    files.mkdir(USER, Node::ROOT, "one").unwrap();
    files.mkdir(USER, Node::ROOT, "two").unwrap();
    assert_eq!(files.mkdir(USER, Node::ROOT, "more").map(drop), refused(Errno::EDQUOT));
    assert_eq!(set(&files, USER, Node::ROOT, mode(0o700)).map(drop), refused(Errno::EPERM));
}
