//! Who may do what.

use driver::{Cred, Errno, FileKind, Node, Op, OpenFlags, Reply, SetAttr};

use crate::fs::{BOTH, Fs, ROOT};

const OWNER: u32 = 10;
const OTHER: u32 = 20;

/// A file system whose root anyone may write, asked by [`OWNER`] of `dir` and `dir/file`.
fn with_tree() -> (Fs, Node, Node) {
    let mut fs = Fs::new();
    fs.chmod(ROOT, 0o777);
    fs.become_user(OWNER);
    let dir = fs.mkdir(ROOT, "dir").unwrap();
    let file = fs.touch(dir, "file");
    (fs, dir, file)
}

#[test]
fn a_path_leads_only_through_directories_that_one_may_search() {
    let (mut fs, dir, file) = with_tree();
    fs.chmod(dir, 0o766);
    fs.become_user(OTHER);
    assert_eq!(fs.lookup("dir/file"), Err(Errno::EACCES));
    assert_eq!(fs.lookup("dir/none"), Err(Errno::EACCES));
    assert_eq!(fs.lookup("dir/.."), Err(Errno::EACCES));
    assert_eq!(fs.lookup("dir"), Ok(dir));
    assert_eq!(fs.create(dir, "file", OpenFlags::READ), Err(Errno::EACCES));
    assert_eq!(fs.unlink(dir, "file"), Err(Errno::EACCES));
    assert_eq!(fs.rename(dir, "file", ROOT, "x"), Err(Errno::EACCES));
    assert_eq!(fs.rename(ROOT, "dir", dir, "x"), Err(Errno::EACCES));
    fs.cred = Cred::ROOT;
    assert_eq!(fs.lookup("dir/file"), Ok(file));
}

#[test]
fn names_change_only_in_directories_that_one_may_write() {
    let (mut fs, dir, file) = with_tree();
    fs.become_user(OTHER);
    let own = fs.touch(ROOT, "own");
    let refused = Errno::EACCES;
    assert_eq!(fs.create(dir, "x", BOTH), Err(refused));
    assert_eq!(fs.mkdir(dir, "x"), Err(refused));
    assert_eq!(fs.symlink(dir, "x", "y"), Err(refused));
    assert_eq!(fs.link(own, dir, "x"), Err(refused));
    assert_eq!(fs.unlink(dir, "file"), Err(refused));
    assert_eq!(fs.rename(dir, "file", ROOT, "x"), Err(refused));
    assert_eq!(fs.rename(ROOT, "own", dir, "x"), Err(refused));
    assert_eq!(fs.rename(ROOT, "own", dir, "file"), Err(refused));
    assert_eq!(fs.create(dir, "file", BOTH | OpenFlags::EXCLUSIVE), Err(Errno::EEXIST));
    assert_eq!(fs.lookup("dir/file"), Ok(file));
    assert_eq!(fs.lookup("own"), Ok(own));
}

#[test]
fn a_file_opens_for_what_its_mode_allows() {
    let (mut fs, dir, file) = with_tree();
    fs.become_user(OTHER);
    let refused = Err(Errno::EACCES);
    assert_eq!(fs.open(file, OpenFlags::READ), Ok(()));
    assert_eq!(fs.open(file, OpenFlags::WRITE), refused);
    assert_eq!(fs.open(file, BOTH), refused);
    assert_eq!(fs.create(dir, "file", BOTH), Err(Errno::EACCES));
    assert_eq!(fs.create(dir, "file", BOTH | OpenFlags::TRUNCATE), Err(Errno::EACCES));
    assert_eq!(fs.truncate(file, 0), refused);
    fs.cred = Cred::ROOT;
    fs.chmod(file, 0);
    assert_eq!(fs.open(file, BOTH), Ok(()));
    fs.become_user(OTHER);
    assert_eq!(fs.open(file, OpenFlags::READ), refused);
    assert_eq!(fs.open(file, OpenFlags::STAT), Ok(()));
}

#[test]
fn directories_and_links_open_to_be_read_only() {
    let (fs, dir, _) = with_tree();
    let link = fs.symlink(ROOT, "link", "dir").unwrap();
    assert_eq!(fs.open(dir, OpenFlags::READ), Ok(()));
    assert_eq!(fs.open(dir, BOTH), Err(Errno::EISDIR));
    assert_eq!(fs.open(link, OpenFlags::READ), Ok(()));
    assert_eq!(fs.open(link, BOTH), Err(Errno::ELOOP));
    fs.chmod(dir, 0o300);
    assert_eq!(fs.open(dir, OpenFlags::READ), Err(Errno::EACCES));
}

#[test]
fn a_new_file_is_open_for_what_was_asked_whatever_its_mode() {
    let (fs, dir, _) = with_tree();
    let op = Op::Create { parent: dir, mode: 0o170444, flags: BOTH };
    let (result, reply, _) = fs.ask(op, driver::Data::NONE, &[b"new"]);
    let Reply::Entry { node, attr } = reply else { panic!("{reply:?}") };
    assert_eq!(result, Ok(0));
    assert_eq!((attr.kind, attr.mode), (FileKind::Regular, 0o444));
    assert_eq!((attr.uid, attr.gid), (OWNER, OWNER));
    assert_eq!(fs.write(node, 0, b"x"), Ok(1));
    assert_eq!(fs.open(node, OpenFlags::WRITE), Err(Errno::EACCES));
}

#[test]
fn attributes_are_the_owners_to_change() {
    let (mut fs, _, file) = with_tree();
    let mode = SetAttr { mode: Some(0o600), ..SetAttr::default() };
    let uid = SetAttr { uid: Some(OTHER), ..SetAttr::default() };
    assert_eq!(fs.setattr(file, mode).unwrap().mode, 0o600);
    assert_eq!(fs.setattr(file, uid), Err(Errno::EPERM));
    fs.become_user(OTHER);
    assert_eq!(fs.setattr(file, mode), Err(Errno::EPERM));
    fs.cred = Cred::ROOT;
    assert_eq!(fs.setattr(file, uid).unwrap().uid, OTHER);
    assert_eq!(fs.attr(file).unwrap().uid, OTHER);
}

#[test]
fn the_sticky_bit_keeps_entries_for_their_owners() {
    let (mut fs, _, _) = with_tree();
    fs.touch(ROOT, "theirs");
    fs.cred = Cred::ROOT;
    fs.chmod(ROOT, 0o1777);
    fs.become_user(OTHER);
    fs.touch(ROOT, "mine");
    assert_eq!(fs.unlink(ROOT, "theirs"), Err(Errno::EPERM));
    assert_eq!(fs.rename(ROOT, "theirs", ROOT, "x"), Err(Errno::EPERM));
    assert_eq!(fs.rename(ROOT, "mine", ROOT, "theirs"), Err(Errno::EPERM));
    assert_eq!(fs.rename(ROOT, "mine", ROOT, "x"), Ok(()));
    assert_eq!(fs.unlink(ROOT, "x"), Ok(()));
}

#[test]
fn a_set_group_id_directory_hands_its_group_down() {
    let (mut fs, dir, _) = with_tree();
    fs.chmod(dir, 0o2777);
    fs.become_user(OTHER);
    let (file, inner) = (fs.touch(dir, "new"), fs.mkdir(dir, "inner").unwrap());
    let (file, inner) = (fs.attr(file).unwrap(), fs.attr(inner).unwrap());
    assert_eq!((file.gid, file.mode), (OWNER, 0o644));
    assert_eq!((inner.gid, inner.mode), (OWNER, 0o2755));
}
