//! Who may do what, and which times that leaves.

use driver::{Data, Errno, Node, Op, OpenFlags, SetAttr, Time};

use crate::fs::{Fs, MIB, RDWR};

const READ: OpenFlags = OpenFlags::READ;
const WRITE: OpenFlags = OpenFlags::WRITE;

fn mode(mode: u16) -> SetAttr {
    SetAttr { mode: Some(mode), ..SetAttr::default() }
}

#[test]
fn what_is_made_is_its_makers() {
    let fs = Fs::new(4 * MIB);
    fs.setattr(Node::ROOT, mode(0o777)).unwrap();
    let user = fs.by(5, 6);
    for node in [
        user.create(Node::ROOT, "file", RDWR).unwrap(),
        user.mkdir(Node::ROOT, "dir").unwrap(),
        user.symlink(Node::ROOT, "link", "x").unwrap(),
    ] {
        let attr = fs.attr(node).unwrap();
        assert_eq!((attr.uid, attr.gid), (5, 6));
    }
    let dir = user.find("dir").unwrap();
    fs.setattr(dir, SetAttr { gid: Some(9), mode: Some(0o2777), ..SetAttr::default() }).unwrap();
    let below = user.mkdir(dir, "below").unwrap();
    let attr = fs.attr(below).unwrap();
    assert_eq!((attr.gid, attr.mode), (9, 0o2755), "a set-group-id directory hands its group down");
}

#[test]
fn a_mode_keeps_others_out() {
    let fs = Fs::new(4 * MIB);
    let dir = fs.mkdir(Node::ROOT, "dir").unwrap();
    let file = fs.file(dir, "file", b"x");
    fs.setattr(file, mode(0o640)).unwrap();
    let user = fs.by(5, 6);
    assert_eq!(user.open(file, READ), Err(Errno::EACCES));
    assert_eq!(user.open(file, OpenFlags::STAT), Ok(()));
    assert_eq!(user.truncate(file, 0), Err(Errno::EACCES));
    assert_eq!(user.create(dir, "new", RDWR), Err(Errno::EACCES));
    assert_eq!(user.create(dir, "file", READ), Err(Errno::EACCES));
    assert_eq!(user.mkdir(dir, "new"), Err(Errno::EACCES));
    assert_eq!(user.unlink(dir, "file"), Err(Errno::EACCES));
    assert_eq!(user.rename(dir, "file", dir, "new"), Err(Errno::EACCES));
    assert_eq!(user.setattr(file, mode(0o777)), Err(Errno::EPERM));
    fs.setattr(dir, mode(0o700)).unwrap();
    assert_eq!(user.find("dir/file"), Err(Errno::EACCES));
    assert_eq!(fs.find("dir/file"), Ok(file));
    fs.setattr(file, mode(0o604)).unwrap();
    assert_eq!((user.open(file, READ), user.open(file, WRITE)), (Ok(()), Err(Errno::EACCES)));
}

#[test]
fn the_sticky_bit_protects_the_names_of_others() {
    let fs = Fs::new(4 * MIB);
    let dir = fs.mkdir(Node::ROOT, "tmp").unwrap();
    fs.setattr(dir, mode(0o1777)).unwrap();
    let (one, two) = (fs.by(5, 5), fs.by(6, 6));
    one.file(dir, "ones", b"x");
    two.file(dir, "twos", b"x");
    assert_eq!(two.unlink(dir, "ones"), Err(Errno::EPERM));
    assert_eq!(two.rename(dir, "ones", dir, "x"), Err(Errno::EPERM));
    assert_eq!(two.rename(dir, "twos", dir, "ones"), Err(Errno::EPERM));
    assert_eq!(one.unlink(dir, "ones"), Ok(()));
}

#[test]
fn a_directory_or_link_is_not_opened_for_writing() {
    let fs = Fs::new(4 * MIB);
    let link = fs.symlink(Node::ROOT, "link", "x").unwrap();
    assert_eq!(fs.open(Node::ROOT, WRITE), Err(Errno::EISDIR));
    assert_eq!(fs.open(link, WRITE), Err(Errno::ELOOP));
    assert_eq!(fs.open(link, READ), Ok(()));
}

#[test]
fn a_new_file_may_be_written_whatever_its_mode() {
    let fs = Fs::new(4 * MIB);
    fs.setattr(Node::ROOT, mode(0o777)).unwrap();
    let user = fs.by(5, 6);
    let op = Op::Create { parent: Node::ROOT, mode: 0o000, flags: RDWR };
    let (_, reply) = user.ask(op, &[b"locked"], Data::NONE).unwrap();
    let driver::Reply::Entry { node, .. } = reply else { panic!("{reply:?}") };
    assert_eq!(user.write(node, 0, b"x"), Ok(1));
    assert_eq!(user.open(node, READ), Err(Errno::EACCES));
}

#[test]
fn attributes_survive_a_remount() {
    let fs = Fs::new(4 * MIB);
    let file = fs.file(Node::ROOT, "file", b"x");
    let (atime, mtime) = (Time { sec: 1, nsec: 2 }, Time { sec: u64::MAX, nsec: 999_999_999 });
    let set = SetAttr {
        mode: Some(0o6751),
        uid: Some(70_000),
        gid: Some(80_000),
        atime: Some(atime),
        mtime: Some(mtime),
    };
    fs.setattr(file, set).unwrap();
    let before = fs.attr(file).unwrap();
    let after = fs.again().attr(file).unwrap();
    assert_eq!(before, after);
    assert_eq!((after.mode, after.uid, after.gid), (0o6751, 70_000, 80_000));
    assert_eq!((after.atime, after.mtime), (atime, mtime));
}

#[test]
fn changes_move_times_and_reads_do_not() {
    let fs = Fs::new(4 * MIB);
    let file = fs.file(Node::ROOT, "file", b"x");
    let times = |node| {
        let attr = fs.attr(node).unwrap();
        (attr.atime, attr.mtime, attr.ctime)
    };
    let (root, made) = (times(Node::ROOT), times(file));
    fs.bytes(file, 0, 1).unwrap();
    fs.list(Node::ROOT);
    assert_eq!((times(Node::ROOT), times(file)), (root, made));
    fs.write(file, 0, b"y").unwrap();
    let written = times(file);
    assert!(written.0 == made.0 && written.1 > made.1 && written.2 > made.2);
    fs.setattr(file, mode(0o600)).unwrap();
    let set = times(file);
    assert!(set.1 == written.1 && set.2 > written.2);
    fs.link(file, Node::ROOT, "other").unwrap();
    assert!(times(file).2 > set.2 && times(Node::ROOT).1 > root.1);
    let linked = times(file);
    fs.unlink(Node::ROOT, "other").unwrap();
    assert!(times(file).2 > linked.2 && times(file).1 == linked.1);
}
