//! Listings.

use std::collections::BTreeSet;

use driver::{Errno, Node};

use crate::fs::{Fs, MIB};

#[test]
fn a_listing_has_every_name_once() {
    let fs = Fs::new(16 * MIB);
    let dir = fs.mkdir(Node::ROOT, "dir").unwrap();
    let mut names: Vec<String> = (0..600).map(|index| format!("name {index}")).collect();
    for name in &names {
        fs.symlink(dir, name, "x").unwrap();
    }
    names.sort();
    assert_eq!(fs.list(dir), names);
    assert_eq!(fs.again().list(dir), names);
}

#[test]
fn dots_come_first_and_kinds_are_told() {
    let fs = Fs::new(4 * MIB);
    let dir = fs.mkdir(Node::ROOT, "dir").unwrap();
    fs.file(dir, "file", b"x");
    fs.symlink(dir, "link", "x").unwrap();
    fs.mkdir(dir, "sub").unwrap();
    let mut room = [0; 1000];
    let op = driver::Op::Readdir { node: dir, cookie: 0 };
    let (len, _) = fs.ask(op, &[], driver::Data::sink(&mut room)).unwrap();
    let entries: Vec<_> = driver::dirent::entries(&room[..len]).collect();
    assert_eq!((entries[0].name, entries[0].inode), (&b"."[..], fs.attr(dir).unwrap().inode));
    assert_eq!((entries[1].name, entries[1].inode), (&b".."[..], 1));
    let kinds: BTreeSet<_> =
        entries[2..].iter().map(|entry| (entry.name, entry.kind as u8)).collect();
    let expected = [
        (&b"file"[..], driver::FileKind::Regular as u8),
        (b"link", driver::FileKind::Symlink as u8),
        (b"sub", driver::FileKind::Directory as u8),
    ];
    assert_eq!(kinds, BTreeSet::from(expected));
}

#[test]
fn what_stays_is_listed_once_while_others_come_and_go() {
    let fs = Fs::new(16 * MIB);
    let dir = fs.mkdir(Node::ROOT, "dir").unwrap();
    for index in 0..300 {
        fs.symlink(dir, &format!("{index}"), "x").unwrap();
    }
    let (mut cookie, mut seen, mut round) = (0, Vec::new(), 0);
    loop {
        let some = fs.list_some(dir, cookie, 200).unwrap();
        let Some((_, next)) = some.last() else { break };
        cookie = *next;
        seen.extend(some.into_iter().map(|(name, _)| name));
        for gone in 0..4 {
            let _ = fs.unlink(dir, &format!("{}", (round * 8 + gone * 2) % 300));
        }
        fs.symlink(dir, &format!("new {round}"), "x").unwrap();
        round += 1;
    }
    for index in (1..300).step_by(2) {
        let name = format!("{index}");
        assert_eq!(seen.iter().filter(|seen| **seen == name).count(), 1, "{name}");
    }
    let unique: BTreeSet<_> = seen.iter().collect();
    assert_eq!(unique.len(), seen.len());
}

#[test]
fn thousands_of_names_come_and_go_and_leave_an_empty_directory() {
    let fs = Fs::new(64 * MIB);
    let dir = fs.mkdir(Node::ROOT, "dir").unwrap();
    let name = |index: u32| format!("a rather long name, so that blocks fill up soon {index:08}");
    for index in 0..3000 {
        fs.symlink(dir, &name(index), "x").unwrap();
    }
    for index in (0..3000).step_by(3) {
        assert!(fs.lookup(dir, &name(index), false).is_ok());
    }
    for index in (0..3000).rev() {
        fs.unlink(dir, &name(index)).unwrap();
    }
    assert_eq!((fs.list(dir), fs.attr(dir).unwrap().size), (vec![], 0));
    fs.rmdir(Node::ROOT, "dir").unwrap();
}

#[test]
fn a_sink_that_is_too_small_and_what_is_no_directory_are_refused() {
    let fs = Fs::new(4 * MIB);
    let file = fs.file(Node::ROOT, "a long enough name", b"x");
    assert_eq!(fs.list_some(file, 0, 500), Err(Errno::ENOTDIR));
    assert_eq!(fs.list_some(Node::ROOT, 0, 10), Err(Errno::EINVAL));
    assert_eq!(fs.list_some(Node::ROOT, 2, 30), Err(Errno::EINVAL));
    assert_eq!(fs.list_some(Node::ROOT, u64::MAX, 500), Ok(vec![]));
}
