//! Room: it comes back, it runs out, and a change that fails leaves everything as it was.

use std::sync::atomic::Ordering::Relaxed;

use driver::{Errno, Node, OpenFlags};

use crate::fs::{Fs, MIB, RDWR, Random, port_disk};

/// A few blocks go to the library's own log, and come back when it likes.
const SLACK: u64 = 24;

#[test]
fn removed_files_give_their_room_back() {
    let fs = Fs::new(16 * MIB);
    let mut random = Random(5);
    fs.file(Node::ROOT, "first", b"so that the directory has its block");
    let before = fs.statfs().free;
    for len in [100, 5_000, 100_000, 131_072, 200_000, 3_000_000] {
        let bytes = random.bytes(len);
        fs.file(Node::ROOT, "plain", &bytes);
        assert!(fs.statfs().free < before || len < 4000);
        fs.unlink(Node::ROOT, "plain").unwrap();
        let open = fs.file(Node::ROOT, "open", &bytes);
        fs.open(open, RDWR).unwrap();
        fs.unlink(Node::ROOT, "open").unwrap();
        fs.close(open).unwrap();
        fs.file(Node::ROOT, "over", &bytes);
        fs.file(Node::ROOT, "new", b"x");
        fs.rename(Node::ROOT, "new", Node::ROOT, "over").unwrap();
        let emptied = fs.file(Node::ROOT, "over", &bytes);
        fs.truncate(emptied, 0).unwrap();
        fs.unlink(Node::ROOT, "over").unwrap();
        let after = fs.statfs().free;
        assert!(after + SLACK >= before, "{len} bytes: {before} blocks, now {after}");
    }
}

#[test]
fn what_was_open_and_nameless_is_freed_by_the_next_mount() {
    let fs = Fs::new(16 * MIB);
    let before = fs.statfs().free;
    let file = fs.file(Node::ROOT, "file", &Random(6).bytes(3_100_000));
    fs.open(file, RDWR).unwrap();
    fs.unlink(Node::ROOT, "file").unwrap();
    assert!(fs.statfs().free + 700 < before);
    let fs = fs.again();
    assert_eq!(fs.attr(file), Err(Errno::ESTALE));
    assert!(fs.statfs().free + SLACK >= before);
}

#[test]
fn a_full_disk_says_so_and_can_be_emptied_again() {
    let fs = Fs::new(4 * MIB);
    let mut random = Random(7);
    let node = fs.create(Node::ROOT, "big", RDWR).unwrap();
    let mut written = 0u64;
    let full = loop {
        match fs.write(node, written, &random.bytes(300_000)) {
            Ok(count) => written += count as u64,
            Err(errno) => break errno,
        }
    };
    assert_eq!(full, Errno::ENOSPC);
    assert_eq!(fs.attr(node).unwrap().size, written);
    while fs.create(Node::ROOT, &format!("{}", random.next()), OpenFlags::STAT).is_ok() {}
    assert_eq!(fs.mkdir(Node::ROOT, "dir"), Err(Errno::ENOSPC));
    let kept = redoxfs::FileSystem::open(port_disk(&fs.disk.ram), None, None, false).unwrap();
    assert!(kept.allocator().free() >= 64, "removals have a reserve");
    drop(kept);
    fs.close(node).unwrap();
    let fs = fs.again();
    assert_eq!(fs.bytes(node, 0, 5 << 20).unwrap().len() as u64, written);
    fs.unlink(Node::ROOT, "big").unwrap();
    for name in fs.list(Node::ROOT) {
        fs.unlink(Node::ROOT, &name).unwrap();
    }
    fs.file(Node::ROOT, "again", &random.bytes(1_000_000));
}

#[test]
fn a_write_that_the_disk_refuses_changes_nothing_and_keeps_its_errno() {
    let fs = Fs::new(8 * MIB);
    let dir = fs.mkdir(Node::ROOT, "dir").unwrap();
    let file = fs.file(dir, "file", b"before");
    let (attr, free) = (fs.attr(file).unwrap(), fs.statfs().free);
    fs.open(file, RDWR).unwrap();
    fs.disk.fail.store(true, Relaxed);
    let refused = Errno::ETIMEDOUT;
    assert_eq!(fs.write(file, 0, b"after"), Err(refused));
    assert_eq!(fs.truncate(file, 2), Err(refused));
    assert_eq!(fs.create(dir, "new", RDWR), Err(refused));
    assert_eq!(fs.mkdir(dir, "new"), Err(refused));
    assert_eq!(fs.unlink(dir, "file"), Err(refused));
    assert_eq!(fs.rename(dir, "file", Node::ROOT, "moved"), Err(refused));
    assert_eq!(fs.link(file, dir, "other"), Err(refused));
    fs.disk.fail.store(false, Relaxed);
    assert_eq!((fs.attr(file).unwrap(), fs.statfs().free), (attr, free));
    assert_eq!(fs.list(dir), ["file"]);
    assert_eq!(fs.write(file, 0, b"after!"), Ok(6));
    fs.close(file).unwrap();
    let fs = fs.again();
    assert_eq!(fs.bytes(file, 0, 99).unwrap(), b"after!");
    assert_eq!(fs.list(Node::ROOT), ["dir"]);
}

#[test]
fn the_log_of_allocations_stays_within_bounds_over_many_changes() {
    let fs = Fs::new(4 * MIB);
    let file = fs.file(Node::ROOT, "file", &[1; 5000]);
    let free = fs.statfs().free;
    for round in 0..2500u32 {
        assert_eq!(fs.write(file, 0, &round.to_le_bytes()), Ok(4));
    }
    assert!(fs.statfs().free + 120 >= free);
    let fs = fs.again();
    assert_eq!(fs.bytes(file, 0, 4).unwrap(), 2499u32.to_le_bytes());
}
