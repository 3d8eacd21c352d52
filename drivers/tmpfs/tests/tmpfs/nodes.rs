//! How long nodes live, and what can be asked of those that are gone.

use driver::{Data, Errno, Node, Op, OpenFlags, Ready, SetAttr};

use crate::fs::{BOTH, Fs, ROOT};

#[test]
fn a_file_stays_usable_while_open_though_unlinked() {
    let fs = Fs::with_pages(4);
    let node = fs.create(ROOT, "file", BOTH).unwrap();
    fs.open(node, OpenFlags::READ).unwrap();
    fs.write(node, 0, b"before").unwrap();
    fs.unlink(ROOT, "file").unwrap();
    assert_eq!(fs.attr(node).unwrap().links, 0);
    fs.write(node, 0, b"after!").unwrap();
    fs.close(node).unwrap();
    assert_eq!(fs.read(node, 0, 9), Ok(b"after!".to_vec()));
    assert_eq!(fs.open(node, OpenFlags::READ), Err(Errno::ENOENT));
    assert_eq!(fs.link(node, ROOT, "again"), Err(Errno::ENOENT));
    assert_eq!(fs.statfs().free, 3);
    fs.close(node).unwrap();
    assert_eq!(fs.statfs().free, 4);
    assert_eq!(fs.read(node, 0, 9), Err(Errno::ESTALE));
}

#[test]
fn a_replaced_file_stays_usable_while_open() {
    let fs = Fs::new();
    let old = fs.create(ROOT, "old", BOTH).unwrap();
    fs.write(old, 0, b"old").unwrap();
    fs.touch(ROOT, "new");
    fs.rename(ROOT, "new", ROOT, "old").unwrap();
    assert_eq!(fs.read(old, 0, 9), Ok(b"old".to_vec()));
    fs.close(old).unwrap();
    assert_eq!(fs.attr(old), Err(Errno::ESTALE));
}

#[test]
fn nothing_is_made_in_a_directory_that_was_removed() {
    let fs = Fs::new();
    let dir = fs.mkdir(ROOT, "dir").unwrap();
    let file = fs.touch(ROOT, "file");
    fs.open(dir, OpenFlags::READ).unwrap();
    fs.rmdir(ROOT, "dir").unwrap();
    let gone = Errno::ENOENT;
    assert_eq!(fs.create(dir, "x", BOTH), Err(gone));
    assert_eq!(fs.mkdir(dir, "x"), Err(gone));
    assert_eq!(fs.link(file, dir, "x"), Err(gone));
    assert_eq!(fs.rename(ROOT, "file", dir, "x"), Err(gone));
    assert_eq!(fs.list(dir), Ok(vec![".".into(), "..".into()]));
    fs.close(dir).unwrap();
    assert_eq!(fs.list(dir), Err(Errno::ESTALE));
}

#[test]
fn a_directory_that_was_removed_with_its_parent_takes_nothing_in() {
    let fs = Fs::new();
    let outer = fs.mkdir(ROOT, "outer").unwrap();
    let inner = fs.mkdir(outer, "inner").unwrap();
    fs.mkdir(ROOT, "dir").unwrap();
    fs.open(inner, OpenFlags::READ).unwrap();
    fs.rmdir(outer, "inner").unwrap();
    fs.rmdir(ROOT, "outer").unwrap();
    assert_eq!(fs.rename(ROOT, "dir", inner, "x"), Err(Errno::ENOENT));
}

#[test]
fn every_operation_on_an_unknown_node_says_so() {
    let fs = Fs::new();
    let freed = fs.touch(ROOT, "file");
    fs.unlink(ROOT, "file").unwrap();
    fs.touch(ROOT, "here");
    for node in [freed, Node(1), Node(u64::MAX)] {
        let (parent, to, flags, mode) = (node, ROOT, OpenFlags::STAT, 0);
        let set = SetAttr::default();
        let ops = [
            Op::Read { node, offset: 0 },
            Op::Write { node, offset: 0 },
            Op::Flush { node },
            Op::Lookup { parent, follow: true },
            Op::Open { node, flags },
            Op::Close { node },
            Op::Getattr { node },
            Op::Setattr { node, set },
            Op::Readdir { node, cookie: 0 },
            Op::Create { parent, mode, flags },
            Op::Mkdir { parent, mode },
            Op::Symlink { parent },
            Op::Readlink { node },
            Op::Link { node, parent: ROOT },
            Op::Link { node: ROOT, parent },
            Op::Unlink { parent, dir: false },
            Op::Rename { parent, to },
            Op::Rename { parent: ROOT, to: node },
            Op::Truncate { node, len: 0 },
        ];
        for op in ops {
            // A directory gets no link, whatever the place.
            let expected = match op {
                Op::Link { node: ROOT, .. } => Errno::EPERM,
                _ => Errno::ESTALE,
            };
            assert_eq!(fs.ask(op, Data::NONE, &[b"here", b"there"]).0, Err(expected), "{op:?}");
        }
    }
}

#[test]
fn numbers_are_not_used_twice() {
    let fs = Fs::new();
    let mut last = Node(1);
    for _ in 0..10 {
        let node = fs.touch(ROOT, "file");
        assert!(node > last && fs.attr(node).unwrap().inode == node.0);
        fs.unlink(ROOT, "file").unwrap();
        last = node;
    }
}

#[test]
fn a_close_too_many_is_refused() {
    let fs = Fs::new();
    let node = fs.touch(ROOT, "file");
    assert_eq!(fs.close(node), Err(Errno::EBADF));
    assert!(fs.lookup("file").is_ok());
}

#[test]
fn flush_and_what_a_file_system_has_not() {
    let fs = Fs::new();
    assert_eq!(fs.flush(ROOT), Ok(()));
    let unsupported = [Op::Discard { offset: 0, len: 1 }, Op::Poll { interest: Ready::READ }];
    for op in unsupported {
        assert_eq!(fs.ask(op, Data::NONE, &[]).0, Err(Errno::EOPNOTSUPP));
    }
}

#[test]
fn a_missing_name_is_refused() {
    let fs = Fs::new();
    fs.touch(ROOT, "file");
    let (parent, to, mode) = (ROOT, ROOT, 0);
    assert_eq!(fs.ask(Op::Mkdir { parent, mode }, Data::NONE, &[]).0, Err(Errno::EINVAL));
    assert_eq!(fs.ask(Op::Symlink { parent }, Data::NONE, &[b"x"]).0, Err(Errno::ENOENT));
    assert_eq!(fs.ask(Op::Rename { parent, to }, Data::NONE, &[b"file"]).0, Err(Errno::EINVAL));
}
