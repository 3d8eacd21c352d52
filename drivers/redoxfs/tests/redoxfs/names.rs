//! Names: making, finding, moving and removing them.

use driver::{Errno, Node, OpenFlags};

use crate::fs::{Fs, MIB, RDWR};

const READ: OpenFlags = OpenFlags::READ;

fn fs() -> Fs {
    Fs::new(8 * MIB)
}

#[test]
fn paths_are_walked_with_dots_and_links() {
    let fs = fs();
    let a = fs.mkdir(Node::ROOT, "a").unwrap();
    let b = fs.mkdir(a, "b").unwrap();
    let file = fs.file(b, "file", b"x");
    fs.symlink(Node::ROOT, "short", "a/./b/../b").unwrap();
    let dangling = fs.symlink(Node::ROOT, "dangling", "no/where").unwrap();
    fs.symlink(a, "out", "/etc").unwrap();
    fs.symlink(a, "round", "round").unwrap();
    for path in
        ["a/b/file", "/a//b/./file", "short/file", "a/../a/b/../../short/file", "../a/b/file"]
    {
        assert_eq!(fs.find(path), Ok(file), "{path}");
    }
    assert_eq!(fs.lookup(b, "../..", true), Ok(Node::ROOT), "from where one is");
    assert_eq!(fs.find(""), Ok(Node::ROOT));
    assert_eq!(fs.find("dangling"), Err(Errno::ENOENT));
    assert_eq!(fs.lookup(Node::ROOT, "dangling", false), Ok(dangling));
    assert_eq!(fs.find("a/out"), Err(Errno::EXDEV));
    assert_eq!(fs.find("a/round"), Err(Errno::ELOOP));
    assert_eq!(fs.find("a/b/file/"), Err(Errno::ENOTDIR));
    assert_eq!(fs.find("a/b/file/x"), Err(Errno::ENOTDIR));
    assert_eq!(fs.find("a/b/none"), Err(Errno::ENOENT));
    let fs = fs.again();
    assert_eq!(fs.find("short/file"), Ok(file), "numbers last");
}

#[test]
fn two_dots_lead_up_from_where_somebody_came_by() {
    let fs = fs();
    let a = fs.mkdir(Node::ROOT, "a").unwrap();
    let b = fs.mkdir(a, "b").unwrap();
    let fs = fs.again();
    for path in ["..", "../..", "../b", "../../a"] {
        assert_eq!(fs.lookup(b, path, true), Err(Errno::EXDEV), "the disk has no parents: {path}");
    }
    assert_eq!(fs.lookup(b, ".", true), Ok(b));
    assert_eq!(fs.find("a/b"), Ok(b));
    assert_eq!(fs.lookup(b, "..", true), Ok(a));
    assert_eq!(fs.lookup(b, "../../a/b", true), Ok(b));
}

#[test]
fn names_that_the_disk_cannot_have_are_refused() {
    let fs = fs();
    let longest = "n".repeat(252);
    let file = fs.file(Node::ROOT, &longest, b"x");
    assert_eq!(fs.find(&longest), Ok(file));
    fs.file(Node::ROOT, "ümlaut 名前", b"x");
    assert!(fs.find("ümlaut 名前").is_ok());
    assert_eq!(fs.mkdir(Node::ROOT, &"n".repeat(253)), Err(Errno::ENAMETOOLONG));
    assert_eq!(fs.find(&"n".repeat(253)), Err(Errno::ENAMETOOLONG));
    for name in ["", ".", "..", "a/b", "a\0b", "a:b"] {
        assert_eq!(fs.create(Node::ROOT, name, RDWR), Err(Errno::EINVAL), "{name:?}");
        assert_eq!(fs.mkdir(Node::ROOT, name), Err(Errno::EINVAL), "{name:?}");
        assert_eq!(fs.link(file, Node::ROOT, name), Err(Errno::EINVAL), "{name:?}");
        assert_eq!(fs.rename(Node::ROOT, &longest, Node::ROOT, name), Err(Errno::EINVAL));
    }
    let op = driver::Op::Mkdir { parent: Node::ROOT, mode: 0o755 };
    assert_eq!(fs.ask(op, &[b"\xff\xfe"], driver::Data::NONE), Err(Errno::EINVAL));
    assert_eq!(fs.ask(op, &[], driver::Data::NONE), Err(Errno::EINVAL));
    assert_eq!(fs.find(&longest), Ok(file));
}

#[test]
fn create_makes_finds_or_refuses() {
    let fs = fs();
    let file = fs.file(Node::ROOT, "file", b"contents");
    assert_eq!(fs.create(Node::ROOT, "file", RDWR | OpenFlags::EXCLUSIVE), Err(Errno::EEXIST));
    assert_eq!(fs.create(Node::ROOT, "file", READ), Ok(file));
    assert_eq!(fs.bytes(file, 0, 99).unwrap(), b"contents");
    assert_eq!(fs.create(Node::ROOT, "file", RDWR | OpenFlags::TRUNCATE), Ok(file));
    assert_eq!(fs.bytes(file, 0, 99).unwrap(), b"");
    fs.mkdir(Node::ROOT, "dir").unwrap();
    fs.symlink(Node::ROOT, "link", "file").unwrap();
    assert_eq!(fs.create(Node::ROOT, "dir", RDWR), Err(Errno::EISDIR));
    assert_eq!(fs.create(Node::ROOT, "link", RDWR), Err(Errno::ELOOP));
    assert_eq!(fs.create(file, "x", RDWR), Err(Errno::ENOTDIR));
    assert_eq!(fs.mkdir(Node::ROOT, "file"), Err(Errno::EEXIST));
    assert_eq!(fs.symlink(Node::ROOT, "dir", "x"), Err(Errno::EEXIST));
    assert_eq!(fs.symlink(Node::ROOT, "new", ""), Err(Errno::ENOENT));
    assert_eq!(fs.symlink(Node::ROOT, "new", &"x".repeat(4096)), Err(Errno::ENAMETOOLONG));
}

#[test]
fn links_of_every_length_lead_where_they_were_told_to() {
    let fs = fs();
    for len in [1, 100, 3966, 3967, 3968, 4095] {
        let target = "t".repeat(len);
        let link = fs.symlink(Node::ROOT, &format!("link{len}"), &target).unwrap();
        assert_eq!(fs.readlink(link), Ok(target));
    }
    let fs = fs.again();
    let link = fs.lookup(Node::ROOT, "link4095", false).unwrap();
    assert_eq!(fs.readlink(link).unwrap().len(), 4095);
    let mut room = [0; 10];
    let cut = fs.ask(driver::Op::Readlink { node: link }, &[], driver::Data::sink(&mut room));
    assert_eq!(cut.map(|(count, _)| count), Ok(10));
}

#[test]
fn a_hard_link_is_the_same_file() {
    let fs = fs();
    let dir = fs.mkdir(Node::ROOT, "dir").unwrap();
    let file = fs.file(Node::ROOT, "one", b"same");
    fs.link(file, dir, "two").unwrap();
    assert_eq!((fs.find("dir/two"), fs.attr(file).unwrap().links), (Ok(file), 2));
    assert_eq!(fs.link(file, dir, "two"), Err(Errno::EEXIST));
    assert_eq!(fs.link(dir, Node::ROOT, "dir2"), Err(Errno::EPERM));
    fs.unlink(Node::ROOT, "one").unwrap();
    assert_eq!(fs.attr(file).unwrap().links, 1);
    assert_eq!(fs.bytes(file, 0, 9).unwrap(), b"same");
    assert_eq!(fs.rename(dir, "two", Node::ROOT, "three"), Ok(()));
    fs.link(file, dir, "four").unwrap();
    assert_eq!(fs.rename(dir, "four", Node::ROOT, "three"), Ok(()), "the same file: nothing");
    assert_eq!((fs.find("dir/four"), fs.find("three")), (Ok(file), Ok(file)));
    fs.unlink(dir, "four").unwrap();
    fs.unlink(Node::ROOT, "three").unwrap();
    assert_eq!(fs.attr(file), Err(Errno::ESTALE));
}

#[test]
fn unlink_and_rmdir_tell_files_from_directories() {
    let fs = fs();
    let dir = fs.mkdir(Node::ROOT, "dir").unwrap();
    fs.file(dir, "file", b"x");
    assert_eq!(fs.unlink(Node::ROOT, "dir"), Err(Errno::EISDIR));
    assert_eq!(fs.rmdir(dir, "file"), Err(Errno::ENOTDIR));
    assert_eq!(fs.rmdir(Node::ROOT, "dir"), Err(Errno::ENOTEMPTY));
    assert_eq!(fs.unlink(dir, "none"), Err(Errno::ENOENT));
    assert_eq!(fs.unlink(dir, ".."), Err(Errno::EINVAL));
    fs.unlink(dir, "file").unwrap();
    fs.rmdir(Node::ROOT, "dir").unwrap();
    assert_eq!(fs.find("dir"), Err(Errno::ENOENT));
    assert_eq!(fs.attr(dir), Err(Errno::ESTALE));
    assert_eq!(fs.list(Node::ROOT), Vec::<String>::new());
}

#[test]
fn what_is_open_lives_on_without_a_name_until_the_last_close() {
    let fs = fs();
    let file = fs.file(Node::ROOT, "file", &[7; 10_000]);
    fs.open(file, RDWR).unwrap();
    fs.open(file, READ).unwrap();
    fs.unlink(Node::ROOT, "file").unwrap();
    assert_eq!((fs.find("file"), fs.attr(file).unwrap().links), (Err(Errno::ENOENT), 0));
    assert_eq!(fs.write(file, 10_000, b"more"), Ok(4));
    assert_eq!(fs.bytes(file, 9_999, 9).unwrap(), b"\x07more");
    assert_eq!(fs.open(file, READ), Err(Errno::ENOENT));
    assert_eq!(fs.link(file, Node::ROOT, "again"), Err(Errno::ENOENT));
    fs.close(file).unwrap();
    assert_eq!(fs.bytes(file, 9_999, 9).unwrap(), b"\x07more");
    fs.close(file).unwrap();
    assert_eq!(fs.attr(file), Err(Errno::ESTALE));
    assert_eq!(fs.close(file), Err(Errno::ESTALE));
    let other = fs.file(Node::ROOT, "other", b"x");
    assert_eq!(fs.close(other), Err(Errno::EBADF));
}

#[test]
fn nothing_is_made_in_a_removed_directory() {
    let fs = fs();
    let dir = fs.mkdir(Node::ROOT, "dir").unwrap();
    let file = fs.file(Node::ROOT, "file", b"x");
    fs.open(dir, READ).unwrap();
    fs.rmdir(Node::ROOT, "dir").unwrap();
    assert_eq!(fs.create(dir, "x", RDWR), Err(Errno::ENOENT));
    assert_eq!(fs.mkdir(dir, "x"), Err(Errno::ENOENT));
    assert_eq!(fs.link(file, dir, "x"), Err(Errno::ENOENT));
    assert_eq!(fs.rename(Node::ROOT, "file", dir, "x"), Err(Errno::ENOENT));
    fs.close(dir).unwrap();
    assert_eq!(fs.attr(dir), Err(Errno::ESTALE));
}

#[test]
fn a_rename_replaces_what_is_there_where_that_makes_sense() {
    let fs = fs();
    let (a, b) = (fs.mkdir(Node::ROOT, "a").unwrap(), fs.mkdir(Node::ROOT, "b").unwrap());
    let one = fs.file(a, "one", b"1");
    let two = fs.file(b, "two", b"2");
    fs.open(two, READ).unwrap();
    fs.rename(a, "one", b, "two").unwrap();
    assert_eq!((fs.find("b/two"), fs.find("a/one")), (Ok(one), Err(Errno::ENOENT)));
    assert_eq!(fs.bytes(two, 0, 9).unwrap(), b"2", "open, so still there");
    fs.close(two).unwrap();
    assert_eq!(fs.attr(two), Err(Errno::ESTALE));
    assert_eq!(fs.attr(one).unwrap().links, 1);
    assert_eq!(fs.rename(b, "two", Node::ROOT, "a"), Err(Errno::EISDIR));
    assert_eq!(fs.rename(Node::ROOT, "a", b, "two"), Err(Errno::ENOTDIR));
    assert_eq!(fs.rename(Node::ROOT, "a", Node::ROOT, "b"), Err(Errno::ENOTEMPTY));
    assert_eq!(fs.rename(Node::ROOT, "none", b, "x"), Err(Errno::ENOENT));
    assert_eq!(fs.rename(Node::ROOT, "none", one, "x"), Err(Errno::ENOENT), "what is moved first");
    assert_eq!(fs.rename(Node::ROOT, "a", one, "x"), Err(Errno::ENOTDIR));
    assert_eq!(fs.rename(b, "two", Node::ROOT, "x:y"), Err(Errno::EINVAL));
    fs.rename(Node::ROOT, "b", Node::ROOT, "a").unwrap();
    assert_eq!((fs.find("a"), fs.find("a/two"), fs.attr(a)), (Ok(b), Ok(one), Err(Errno::ESTALE)));
    assert_eq!(fs.attr(b).unwrap().links, 1);
}

#[test]
fn a_directory_is_never_moved_into_itself() {
    let fs = fs();
    let a = fs.mkdir(Node::ROOT, "a").unwrap();
    let b = fs.mkdir(a, "b").unwrap();
    let c = fs.mkdir(b, "c").unwrap();
    for to in [a, b, c] {
        assert_eq!(fs.rename(Node::ROOT, "a", to, "x"), Err(Errno::EINVAL));
    }
    fs.rename(a, "b", Node::ROOT, "b").unwrap();
    assert_eq!(fs.rename(Node::ROOT, "a", c, "a"), Ok(()), "no longer above");
    assert_eq!(fs.lookup(a, "../../..", true), Ok(Node::ROOT));
    let fs = fs.again();
    assert_eq!(fs.rename(Node::ROOT, "b", c, "x"), Err(Errno::ESTALE), "not come by since");
    let c = fs.find("b/c").unwrap();
    assert_eq!(fs.rename(Node::ROOT, "b", c, "x"), Err(Errno::EINVAL));
    assert_eq!(fs.find("b/c/a"), Ok(a));
}

#[test]
fn numbers_that_were_never_given_out_are_stale() {
    let fs = fs();
    for number in [1, 2, 9999, 254, 255, 0xfe00, 0xffff_ffff, 1 << 32, u64::MAX] {
        let node = Node(number);
        assert_eq!(fs.attr(node), Err(Errno::ESTALE), "{number}");
        assert_eq!(fs.open(node, READ), Err(Errno::ESTALE));
        assert_eq!(fs.close(node), Err(Errno::ESTALE));
        assert_eq!(fs.bytes(node, 0, 1), Err(Errno::ESTALE));
        assert_eq!(fs.lookup(node, "x", true), Err(Errno::ESTALE));
        assert_eq!(fs.create(node, "x", RDWR), Err(Errno::ESTALE));
        assert_eq!(fs.link(node, Node::ROOT, "x"), Err(Errno::ESTALE));
        assert_eq!(fs.list_some(node, 0, 999), Err(Errno::ESTALE));
    }
}

#[test]
fn operations_of_other_classes_are_not_supported() {
    let fs = fs();
    let discard = driver::Op::Discard { offset: 0, len: 512 };
    assert_eq!(fs.ask(discard, &[], driver::Data::NONE), Err(Errno::EOPNOTSUPP));
    let poll = driver::Op::Poll { interest: driver::Ready::READ };
    assert_eq!(fs.ask(poll, &[], driver::Data::NONE), Err(Errno::EOPNOTSUPP));
}
