//! Standard file operations through the project's daemon.

use libredox::{call, errno::*, flag::*};
use smoke::files::{
    get, link, list, mkdir, open, pread, put, pwrite, readlink, rename, rmdir, seek, symlink,
    unlink,
};
use smoke::{Daemon, World, errno};

use crate::Test;

pub(crate) const TESTS: &[Test] = tests![
    what_is_written_is_read_back,
    offsets_are_kept_by_the_handle_and_given_with_pread,
    names_that_are_missing_taken_or_of_another_kind_are_refused,
    a_handle_does_what_it_was_opened_for,
    an_appending_handle_writes_at_the_end,
    attributes_are_set_and_read,
    directories_links_and_names_come_and_go,
    an_unlinked_file_lives_while_it_is_open,
    a_listing_of_a_thousand_names_comes_in_pieces,
    devices_are_read_and_written,
    processes_share_what_a_daemon_keeps,
];

const TEXT: &str = r#"
[[driver]]
name = "tmp"
kind = "tmpfs"
mode = 0o777

[[driver]]
name = "disk"
kind = "ramdisk"
size = "1 MiB"

[[driver]]
name = "null"
kind = "null"

[[driver]]
name = "zero"
kind = "zero"
"#;

/// Does something beside a fresh daemon; it gets the path of names below the file system.
fn tmp(work: impl FnOnce(&Daemon, &dyn Fn(&str) -> String)) {
    let world = World::new();
    let daemon = world.portd(TEXT);
    world.here(|| work(&daemon, &|name| daemon.at(&format!("tmp/{name}"))));
}

fn pattern(len: u32) -> Vec<u8> {
    (0..len).map(|i| (i * 7 + i / 251) as u8).collect()
}

fn what_is_written_is_read_back() {
    tmp(|_, at| {
        for len in [0, 1, 63, 4095, 4096, 4097, 65_536, 300_001, 1 << 20] {
            let bytes = pattern(len);
            put(&at("file"), &bytes).unwrap();
            assert!(get(&at("file")).unwrap() == bytes, "{len} bytes");
        }
    });
}

fn offsets_are_kept_by_the_handle_and_given_with_pread() {
    tmp(|_, at| {
        let bytes = pattern(20_000);
        put(&at("file"), &bytes).unwrap();
        let file = open(&at("file"), O_RDWR, 0).unwrap();
        let mut some = [0; 1000];
        assert_eq!(pread(&file, &mut some, 4090), Ok(1000));
        assert_eq!(some[..], bytes[4090..5090]);
        assert_eq!(pwrite(&file, b"patch", 4090), Ok(5));
        assert_eq!(seek(&file, -3, 2), Ok(19_997));
        assert_eq!(errno(file.read(&mut some)), Ok(3));
        assert_eq!(errno(file.read(&mut some)), Ok(0));
        assert_eq!(pread(&file, &mut some, 1 << 40), Ok(0));
        let mut patched = bytes;
        patched[4090..4095].copy_from_slice(b"patch");
        assert!(get(&at("file")).unwrap() == patched);
    });
}

fn names_that_are_missing_taken_or_of_another_kind_are_refused() {
    tmp(|daemon, at| {
        put(&at("file"), b"x").unwrap();
        mkdir(&at("dir")).unwrap();
        let refused = |path: &str, flags| open(path, flags, 0o600).err();
        assert_eq!(refused(&at("nothing"), O_RDONLY), Some(ENOENT));
        assert_eq!(refused(&at("nothing/file"), O_CREAT | O_RDWR), Some(ENOENT));
        assert_eq!(refused(&at("file/x"), O_RDONLY), Some(ENOTDIR));
        assert_eq!(refused(&at("file"), O_RDONLY | O_DIRECTORY), Some(ENOTDIR));
        assert_eq!(refused(&at("dir"), O_RDWR), Some(EISDIR));
        assert_eq!(refused(&at("file"), O_CREAT | O_EXCL | O_RDWR), Some(EEXIST));
        assert_eq!(refused(&daemon.at("nothing"), O_RDONLY), Some(ENOENT));
        assert_eq!(mkdir(&at("dir")), Err(EEXIST));
        assert_eq!(unlink(&at("dir")), Err(EISDIR));
        assert_eq!(rmdir(&at("file")), Err(ENOTDIR));
        assert_eq!(unlink(&at("nothing")), Err(ENOENT));
    });
}

fn a_handle_does_what_it_was_opened_for() {
    tmp(|_, at| {
        put(&at("file"), b"x").unwrap();
        let read = open(&at("file"), O_RDONLY, 0).unwrap();
        assert_eq!(errno(read.write(b"y")), Err(EBADF));
        let write = open(&at("file"), O_WRONLY, 0).unwrap();
        assert_eq!(errno(write.read(&mut [0; 4])), Err(EBADF));
    });
}

fn an_appending_handle_writes_at_the_end() {
    tmp(|_, at| {
        put(&at("log"), b"one ").unwrap();
        let log = open(&at("log"), O_WRONLY | O_APPEND, 0).unwrap();
        assert_eq!(errno(log.write(b"two ")), Ok(4));
        put(&at("log"), b"new ").unwrap();
        assert_eq!(errno(log.write(b"three")), Ok(5));
        assert_eq!(get(&at("log")).unwrap(), b"new three");
    });
}

fn attributes_are_set_and_read() {
    tmp(|daemon, at| {
        put(&at("file"), b"12345").unwrap();
        let file = open(&at("file"), O_RDWR, 0).unwrap();
        errno(file.chmod(0o600)).unwrap();
        errno(file.chown(7, 8)).unwrap();
        errno(call::ftruncate(file.raw(), 3)).unwrap();
        let time = |tv_sec| libredox::data::TimeSpec { tv_sec, tv_nsec: 5 };
        errno(call::futimens(file.raw(), &[time(11), time(22)])).unwrap();
        let stat = errno(file.stat()).unwrap();
        assert_eq!((stat.st_mode as u32, stat.st_uid as u32), (0o100_600, 7));
        assert_eq!((stat.st_gid as u32, stat.st_size as u64), (8, 3));
        assert_eq!((stat.st_atime as u64, stat.st_mtime as u64), (11, 22));
        assert_eq!(stat.st_mtime_nsec as u64, 5);
        errno(file.fsync()).unwrap();
        assert!(errno(file.statvfs()).unwrap().f_blocks > 0);
        let mut path = [0; 64];
        let len = errno(call::fpath(file.raw(), &mut path)).unwrap();
        assert_eq!(path[..len], *at("file").as_bytes());
        let mode = |name: &str| {
            errno(open(&daemon.at(name), O_RDONLY, 0).unwrap().stat()).unwrap().st_mode as u32
        };
        assert_eq!((mode("disk") >> 12, mode("zero") >> 12, mode("tmp") >> 12), (0o06, 0o02, 0o04));
    });
}

fn directories_links_and_names_come_and_go() {
    tmp(|daemon, at| {
        mkdir(&at("dir")).unwrap();
        put(&at("dir/a"), b"first").unwrap();
        symlink("dir/a", &at("soft")).unwrap();
        assert_eq!(get(&at("soft")).unwrap(), b"first");
        assert_eq!(readlink(&at("soft")).unwrap(), "dir/a");
        link(&at("dir/a"), &at("hard")).unwrap();
        put(&at("b"), b"second").unwrap();
        rename(&at("b"), &at("dir/a")).unwrap();
        assert_eq!(get(&at("dir/a")).unwrap(), b"second");
        assert_eq!(get(&at("hard")).unwrap(), b"first");
        assert_eq!(list(&daemon.at("tmp")).unwrap(), ["dir", "hard", "soft"]);
        assert_eq!(rmdir(&at("dir")), Err(ENOTEMPTY));
        unlink(&at("dir/a")).unwrap();
        rmdir(&at("dir")).unwrap();
        assert_eq!(get(&at("soft")), Err(ENOENT));
        assert_eq!(unlink(&daemon.at("tmp")), Err(EACCES));
    });
}

fn an_unlinked_file_lives_while_it_is_open() {
    tmp(|_, at| {
        put(&at("gone"), b"still here").unwrap();
        let file = open(&at("gone"), O_RDONLY, 0).unwrap();
        unlink(&at("gone")).unwrap();
        assert_eq!(errno(file.read(&mut [0; 32])), Ok(10));
        assert_eq!(open(&at("gone"), O_RDONLY, 0).err(), Some(ENOENT));
    });
}

fn a_listing_of_a_thousand_names_comes_in_pieces() {
    tmp(|daemon, at| {
        let mut names: Vec<String> = (0..1000).map(|i| format!("name number {i}")).collect();
        names.iter().for_each(|name| put(&at(name), b"").unwrap());
        names.sort();
        assert!(list(&daemon.at("tmp")).unwrap() == names);
        assert_eq!(list(&daemon.path).unwrap(), ["disk", "null", "tmp", "zero"]);
    });
}

fn devices_are_read_and_written() {
    tmp(|daemon, _| {
        let disk = open(&daemon.at("disk"), O_RDWR, 0).unwrap();
        assert_eq!(pwrite(&disk, &[7; 1024], 512), Ok(1024));
        let mut bytes = [1; 1500];
        assert_eq!(pread(&disk, &mut bytes, 10), Ok(1500));
        assert!(bytes[..502].iter().all(|b| *b == 0) && bytes[502..].iter().all(|b| *b == 7));
        assert_eq!(pread(&disk, &mut bytes, 1 << 20), Ok(0));
        assert_eq!(pwrite(&disk, &[0; 512], 1 << 20), Err(ENOSPC));
        let zero = open(&daemon.at("zero"), O_RDWR, 0).unwrap();
        assert_eq!(errno(zero.write(b"123")), Ok(3));
        assert_eq!(errno(zero.read(&mut bytes[..600])), Ok(600));
        assert!(bytes[..600].iter().all(|b| *b == 0));
        let null = open(&daemon.at("null"), O_RDWR, 0).unwrap();
        assert_eq!(errno(null.write(&bytes)), Ok(1500));
        assert_eq!(errno(null.read(&mut bytes)), Ok(0));
    });
}

fn processes_share_what_a_daemon_keeps() {
    let world = World::new();
    let daemon = world.portd(TEXT);
    let path = daemon.at("tmp/file");
    let there = path.clone();
    let writer = world.spawn(move || put(&there, &pattern(100_000)).map(|()| 1));
    assert_eq!(writer.wait(), smoke::End::Gave(Ok(1)));
    world.here(|| assert!(get(&path).unwrap() == pattern(100_000)));
}
