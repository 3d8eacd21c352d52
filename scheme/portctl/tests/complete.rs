//! Each standard file operation, row by row, on both file systems: what stock programs can ask is
//! done, or answered with the one errno that the drivers' documentation gives.
#![cfg(not(target_os = "redox"))]

#[path = "../../portd/tests/common/mod.rs"]
mod common;

use common::{World, errno, get, list, open, put};
use host::sys;
use libredox::{Fd, call, data::TimeSpec, errno::*, flag::*};

/// Redox's own bit, which the host's numbers leave free.
const O_SYMLINK: i32 = syscall::flag::O_SYMLINK as i32;

/// A description of a file system, and its name.
const TMPFS: &str = "[[driver]]\nname = \"fs\"\nkind = \"tmpfs\"\nmode = 0o777\n";

/// Runs the rows on each file system in a world of its own.
fn on_both(rows: impl Fn(&World, &str)) {
    rows(&World::serving(TMPFS), "tmpfs");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("image");
    std::fs::File::create(&path).unwrap().set_len(16 << 20).unwrap();
    let path = path.to_str().unwrap();
    let words = ["portctl", "mkfs", path].map(std::ffi::OsString::from);
    portctl::attempt(words, &mut Vec::new()).unwrap();
    let world = World::serving(&format!(
        "[[driver]]\nname = \"disk\"\nkind = \"file\"\npath = \"{path}\"\n\n\
         [[driver]]\nname = \"fs\"\nkind = \"redoxfs\"\non = \"disk\"\n"
    ));
    world.root(|| {
        let root = open("/scheme/port/fs", O_RDONLY | O_DIRECTORY, 0).unwrap();
        root.chmod(0o777).unwrap();
    });
    rows(&world, "redoxfs");
}

fn at(path: &str) -> String {
    format!("/scheme/port/fs/{path}")
}

fn result<T>(result: syscall::Result<T>) -> Result<T, i32> {
    result.map_err(|error| error.errno)
}

#[test]
fn open_flags_mean_what_they_say() {
    on_both(|world, kind| {
        world.root(|| {
            put(&at("file"), b"contents").unwrap();
            sys::mkdir(&at("dir")).unwrap();
            sys::symlink("file", &at("link")).unwrap();
            sys::symlink("dir", &at("to dir")).unwrap();
            let error = |path: &str, flags| open(&at(path), flags, 0o644).err();
            assert_eq!(error("file", O_CREAT | O_EXCL | O_WRONLY), Some(EEXIST), "{kind}");
            assert_eq!(error("link", O_CREAT | O_EXCL | O_WRONLY), Some(EEXIST), "{kind}");
            assert_eq!(error("new", O_CREAT | O_EXCL | O_WRONLY), None, "{kind}");
            assert_eq!(error("none", O_RDONLY), Some(ENOENT), "{kind}");
            assert_eq!(error("file", O_RDONLY | O_DIRECTORY), Some(ENOTDIR), "{kind}");
            assert_eq!(error("dir", O_RDONLY | O_DIRECTORY), None, "{kind}");
            assert_eq!(error("dir", O_RDWR), Some(EISDIR), "{kind}");
            assert_eq!(error("file/below", O_RDONLY), Some(ENOTDIR), "{kind}");
            assert_eq!(error("link", O_RDONLY | O_NOFOLLOW), Some(ELOOP), "{kind}");
            assert_eq!(error("to dir", O_RDONLY | O_DIRECTORY), None, "{kind}");
            assert_eq!(error("file", O_RDONLY | O_SYMLINK), Some(EINVAL), "{kind}");
            let opened = open(&at("file"), O_WRONLY | O_TRUNC, 0).unwrap();
            assert_eq!(opened.stat().unwrap().st_size, 0, "{kind}");
        });
    });
}

#[test]
fn an_append_goes_to_the_end_whatever_was_read_or_written_elsewhere() {
    on_both(|world, kind| {
        world.root(|| {
            put(&at("file"), b"one ").unwrap();
            let end = open(&at("file"), O_RDWR | O_APPEND, 0).unwrap();
            assert_eq!(end.write(b"two "), Ok(4));
            let other = open(&at("file"), O_WRONLY, 0).unwrap();
            assert_eq!(sys::pwrite(other.raw(), b"ONE three ", 0), Ok(10));
            assert_eq!(end.write(b"four"), Ok(4));
            assert_eq!(get(&at("file")).unwrap(), b"ONE three four", "{kind}");
        });
    });
}

#[test]
fn attributes_are_set_and_found_again() {
    on_both(|world, kind| {
        world.root(|| {
            put(&at("file"), b"12345").unwrap();
            let file = open(&at("file"), O_RDWR, 0).unwrap();
            file.chmod(0o4755).unwrap();
            file.chown(7, 8).unwrap();
            let time = |tv_sec| TimeSpec { tv_sec, tv_nsec: 7 };
            call::futimens(file.raw(), &[time(11), time(22)]).unwrap();
            let stat = file.stat().unwrap();
            assert_eq!((stat.st_uid, stat.st_gid, stat.st_size), (7, 8, 5), "{kind}");
            assert_eq!((stat.st_atime, stat.st_mtime, stat.st_mtime_nsec), (11, 22, 7), "{kind}");
            assert_eq!(stat.st_mode & 0o7777, 0o4755, "{kind}");
            file.fsync().unwrap();
            let space = file.statvfs().unwrap();
            assert!(space.f_bsize > 0 && space.f_blocks > space.f_bfree, "{kind}");
        });
        world.client(9, 9, || {
            let file = open(&at("file"), O_RDONLY, 0);
            let file = file.unwrap_or_else(|errno| panic!("{kind}: {errno}"));
            assert_eq!(errno(file.chmod(0o777)), Err(EPERM), "{kind}");
            assert_eq!(errno(file.chown(9, 9)), Err(EPERM), "{kind}");
            assert_eq!(errno(call::ftruncate(file.raw(), 0)), Err(EBADF), "{kind}");
        });
    });
}

#[test]
fn a_file_grows_and_shrinks_and_what_is_new_is_zeros() {
    on_both(|world, kind| {
        world.root(|| {
            put(&at("file"), b"12345").unwrap();
            let file = open(&at("file"), O_RDWR, 0).unwrap();
            for len in [3, 10_000, 0, 7] {
                call::ftruncate(file.raw(), len).unwrap();
                assert_eq!(file.stat().unwrap().st_size as usize, len, "{kind}");
            }
            assert_eq!(get(&at("file")).unwrap(), [0; 7], "{kind}");
            assert_eq!(sys::pwrite(file.raw(), b"far", 200_000), Ok(3));
            let mut room = [9; 6];
            assert_eq!(sys::pread(file.raw(), &mut room, 199_997), Ok(6));
            assert_eq!(room, *b"\0\0\0far", "{kind}");
            assert!(errno(call::ftruncate(file.raw(), usize::MAX)).is_err(), "{kind}");
        });
    });
}

#[test]
fn names_move_across_directories() {
    on_both(|world, kind| {
        world.root(|| {
            for dir in ["a", "a/inner", "b", "full"] {
                sys::mkdir(&at(dir)).unwrap();
            }
            put(&at("a/file"), b"file").unwrap();
            put(&at("full/entry"), b"").unwrap();
            let rename = |from: &str, to: &str| result(sys::rename(&at(from), &at(to)));
            assert_eq!(rename("a/file", "b/moved"), Ok(()), "{kind}");
            assert_eq!(get(&at("b/moved")).unwrap(), b"file", "{kind}");
            put(&at("b/over"), b"old").unwrap();
            assert_eq!(rename("b/moved", "b/over"), Ok(()), "{kind}");
            assert_eq!(get(&at("b/over")).unwrap(), b"file", "{kind}");
            assert_eq!(rename("a/inner", "b/inner"), Ok(()), "{kind}");
            assert_eq!(list(&at("b")).unwrap(), ["inner", "over"], "{kind}");
            assert_eq!(rename("b", "b/inner/b"), Err(EINVAL), "{kind}");
            assert_eq!(rename("b/over", "full"), Err(EISDIR), "{kind}");
            assert_eq!(rename("a", "b/over"), Err(ENOTDIR), "{kind}");
            assert_eq!(rename("a", "full"), Err(ENOTEMPTY), "{kind}");
            assert_eq!(rename("none", "a/none"), Err(ENOENT), "{kind}");
        });
    });
}

#[test]
fn links_of_both_kinds_are_made_and_counted() {
    on_both(|world, kind| {
        world.root(|| {
            put(&at("file"), b"file").unwrap();
            sys::mkdir(&at("dir")).unwrap();
            assert_eq!(result(sys::link(&at("file"), &at("dir/hard"))), Ok(()), "{kind}");
            let file = open(&at("file"), O_RDONLY, 0).unwrap();
            assert_eq!(file.stat().unwrap().st_nlink, 2, "{kind}");
            assert_eq!(result(sys::link(&at("file"), &at("dir/hard"))), Err(EEXIST), "{kind}");
            assert_eq!(result(sys::link(&at("dir"), &at("again"))), Err(EPERM), "{kind}");
            sys::unlink(&at("file")).unwrap();
            assert_eq!(file.stat().unwrap().st_nlink, 1, "{kind}");
            assert_eq!(get(&at("dir/hard")).unwrap(), b"file", "{kind}");
            sys::symlink("dir/hard", &at("soft")).unwrap();
            let mut target = [0; 64];
            let len = sys::readlink(&at("soft"), &mut target).unwrap();
            assert_eq!(target[..len], *b"dir/hard", "{kind}");
            assert_eq!(get(&at("soft")).unwrap(), b"file", "{kind}");
            sys::symlink("round", &at("round")).unwrap();
            assert_eq!(get(&at("round")), Err(ELOOP), "{kind}");
            assert_eq!(result(sys::rmdir(&at("soft"))), Err(ENOTDIR), "{kind}");
            assert_eq!(result(sys::unlink(&at("dir"))), Err(EISDIR), "{kind}");
            assert_eq!(result(sys::rmdir(&at("dir"))), Err(ENOTEMPTY), "{kind}");
        });
    });
}

#[test]
fn an_open_file_without_a_name_is_still_a_file() {
    on_both(|world, kind| {
        world.root(|| {
            put(&at("file"), b"file").unwrap();
            let file: Fd = open(&at("file"), O_RDWR, 0).unwrap();
            sys::unlink(&at("file")).unwrap();
            assert_eq!(sys::pwrite(file.raw(), b"F", 0), Ok(1));
            let mut room = [0; 4];
            assert_eq!(sys::pread(file.raw(), &mut room, 0), Ok(4));
            assert_eq!((room, list(&at("")).unwrap().len()), (*b"File", 0), "{kind}");
        });
    });
}

#[test]
fn what_no_format_has_has_one_errno() {
    on_both(|world, kind| {
        world.root(|| {
            put(&at("file"), b"file").unwrap();
            let file = open(&at("file"), O_RDWR, 0).unwrap();
            let long = at(&"n".repeat(300));
            assert_eq!(open(&long, O_CREAT | O_WRONLY, 0o644).err(), Some(ENAMETOOLONG), "{kind}");
            assert_eq!(sys::pread(file.raw(), &mut [0; 4], 1 << 40), Ok(0), "{kind}");
            let dir = open(&at(""), O_RDONLY | O_DIRECTORY, 0).unwrap();
            assert_eq!(errno(dir.read(&mut [0; 4])), Err(EISDIR), "{kind}");
            let mut room = [0; 512];
            assert_eq!(errno(call::getdents(file.raw(), &mut room, 0)), Err(ENOTDIR), "{kind}");
        });
    });
}

/// What RedoxFS's names can't hold is refused by that driver alone.
#[test]
fn names_that_redoxfs_has_no_room_for_are_refused_there_only() {
    on_both(|world, kind| {
        world.root(|| {
            let made = |name: &str| put(&at(name), b"").err();
            let of = |errno| (kind == "redoxfs").then_some(errno);
            assert_eq!(made(&"n".repeat(252)), None, "{kind}");
            assert_eq!(made(&"n".repeat(253)), of(ENAMETOOLONG), "{kind}");
            assert_eq!(made("a:b"), of(EINVAL), "{kind}");
        });
    });
}
