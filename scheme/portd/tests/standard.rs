//! Standard file operations, as stock programs send them, through the daemon to the drivers.
#![cfg(not(target_os = "redox"))]

mod common;

use common::{World, errno, get, list, open, put};
use host::sys;
use libredox::{Fd, call, errno::*, flag::*};
use syscall::{CallFlags, F_GETFL, F_SETFL, flag::StdFsCallKind};

const TMP: &str = r#"
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

#[test]
fn what_is_written_is_read_back() {
    let bytes: Vec<u8> = (0..300_000u32).map(|i| (i * 7 + i / 251) as u8).collect();
    World::serving(TMP).root(|| {
        put("/scheme/port/tmp/file", &bytes).unwrap();
        assert_eq!(get("/scheme/port/tmp/file").unwrap(), bytes);
        let file = open("/scheme/port/tmp/file", O_RDWR, 0).unwrap();
        let mut some = [0; 1000];
        assert_eq!(sys::pread(file.raw(), &mut some, 4090).unwrap(), 1000);
        assert_eq!(some[..], bytes[4090..5090]);
        assert_eq!(sys::pwrite(file.raw(), b"patch", 4090).unwrap(), 5);
        assert_eq!(sys::lseek(file.raw(), -3, 2).unwrap(), bytes.len() - 3);
        assert_eq!(file.read(&mut some).unwrap(), 3);
        assert_eq!(get("/scheme/port/tmp/file").unwrap()[4090..4095], *b"patch");
    });
}

#[test]
fn the_directory_of_names_lists_the_drivers() {
    let world = World::serving(TMP);
    world.root(|| {
        assert_eq!(list("/scheme/port").unwrap(), ["disk", "null", "tmp", "zero"]);
        assert_eq!(list("/scheme/port/tmp").unwrap(), [""; 0]);
        assert_eq!(open("/scheme/port/nothing", O_RDONLY, 0).err(), Some(ENOENT));
        assert_eq!(open("/scheme/port", O_RDWR, 0).err(), Some(EISDIR));
    });
}

#[test]
fn a_handle_has_flags_and_a_file_has_no_locks() {
    World::serving(TMP).root(|| {
        put("/scheme/port/tmp/file", b"x").unwrap();
        for path in ["/scheme/port/tmp/file", "/scheme/port/disk", "/scheme/port/null"] {
            let file = open(path, O_RDWR, 0).unwrap();
            let fcntl = |command, arg| errno(call::fcntl(file.raw(), command, arg));
            assert_eq!(fcntl(F_SETFL, O_NONBLOCK as usize), Ok(0));
            assert_eq!(fcntl(F_GETFL, 0), Ok((O_RDWR | O_NONBLOCK) as usize));
            // F_GETLK, F_SETLK, F_SETLKW; what libc makes of them; what nobody knows.
            for command in [5, 6, 7, 999] {
                assert_eq!(fcntl(command, 0), Err(EINVAL), "{path}: {command}");
            }
            for kind in [StdFsCallKind::Lock, StdFsCallKind::Unlock, StdFsCallKind::GetLock] {
                let words = [kind as u64, 0, 1];
                let asked = call::call_rw(file.raw(), &mut [0; 8], CallFlags::STD_FS, &words);
                assert_eq!(errno(asked), Err(EINVAL), "{path}: {kind:?}");
            }
        }
    });
}

#[test]
fn directories_links_and_names_come_and_go() {
    let world = World::serving(TMP);
    world.root(|| {
        let at = |name: &str| format!("/scheme/port/tmp/{name}");
        sys::mkdir(&at("dir")).unwrap();
        put(&at("dir/a"), b"first").unwrap();
        sys::symlink("dir/a", &at("soft")).unwrap();
        assert_eq!(get(&at("soft")).unwrap(), b"first");
        let mut target = [0; 64];
        let len = sys::readlink(&at("soft"), &mut target).unwrap();
        assert_eq!(target[..len], *b"dir/a");
        sys::link(&at("dir/a"), &at("hard")).unwrap();
        put(&at("b"), b"second").unwrap();
        sys::rename(&at("b"), &at("dir/a")).unwrap();
        assert_eq!(get(&at("dir/a")).unwrap(), b"second");
        assert_eq!(get(&at("hard")).unwrap(), b"first");
        assert_eq!(list("/scheme/port/tmp").unwrap(), ["dir", "hard", "soft"]);
        assert_eq!(sys::rmdir(&at("dir")).map_err(|e| e.errno), Err(ENOTEMPTY));
        sys::unlink(&at("dir/a")).unwrap();
        sys::rmdir(&at("dir")).unwrap();
        assert_eq!(get(&at("soft")), Err(ENOENT));
        assert_eq!(sys::unlink("/scheme/port/tmp").map_err(|e| e.errno), Err(EACCES));
    });
}

#[test]
fn attributes_are_set_and_read() {
    let world = World::serving(TMP);
    world.root(|| {
        put("/scheme/port/tmp/file", b"12345").unwrap();
        let file = open("/scheme/port/tmp/file", O_RDWR, 0).unwrap();
        file.chmod(0o600).unwrap();
        file.chown(7, 8).unwrap();
        call::ftruncate(file.raw(), 3).unwrap();
        let time = |tv_sec| libredox::data::TimeSpec { tv_sec, tv_nsec: 5 };
        call::futimens(file.raw(), &[time(11), time(22)]).unwrap();
        let stat = file.stat().unwrap();
        assert_eq!((stat.st_mode, stat.st_uid, stat.st_gid), (0o100_600, 7, 8));
        assert_eq!((stat.st_size, stat.st_atime, stat.st_mtime), (3, 11, 22));
        assert_eq!(stat.st_mtime_nsec, 5);
        file.fsync().unwrap();
        assert!(file.statvfs().unwrap().f_blocks > 0);
        let mut path = [0; 64];
        let len = call::fpath(file.raw(), &mut path).unwrap();
        assert_eq!(path[..len], *b"/scheme/port/tmp/file");
    });
}

#[test]
fn an_appending_handle_writes_at_the_end() {
    let world = World::serving(TMP);
    world.root(|| {
        put("/scheme/port/tmp/log", b"one ").unwrap();
        let log = open("/scheme/port/tmp/log", O_WRONLY | O_APPEND, 0).unwrap();
        log.write(b"two ").unwrap();
        put("/scheme/port/tmp/log", b"new ").unwrap();
        log.write(b"three").unwrap();
        assert_eq!(get("/scheme/port/tmp/log").unwrap(), b"new three");
    });
}

#[test]
fn rights_are_those_of_the_opener() {
    let world = World::serving(TMP);
    world.client(5, 5, || {
        put("/scheme/port/tmp/mine", b"x").unwrap();
        let file = open("/scheme/port/tmp/mine", O_RDWR, 0).unwrap();
        file.chmod(0o600).unwrap();
        assert_eq!(file.stat().unwrap().st_uid, 5);
    });
    world.client(6, 6, || {
        assert_eq!(open("/scheme/port/tmp/mine", O_RDONLY, 0).err(), Some(EACCES));
        let look = open("/scheme/port/tmp/mine", sys::O_STAT as i32, 0).unwrap();
        assert_eq!(look.stat().unwrap().st_size, 1);
        assert_eq!(errno(look.read(&mut [0; 8])), Err(EBADF));
        assert_eq!(errno(look.chmod(0o777)), Err(EPERM));
        assert_eq!(open("/scheme/port/disk", O_RDONLY, 0).err(), Some(EACCES));
        assert!(open("/scheme/port/zero", O_RDWR, 0).is_ok());
    });
}

#[test]
fn devices_are_read_and_written() {
    let world = World::serving(TMP);
    world.root(|| {
        let disk = open("/scheme/port/disk", O_RDWR, 0).unwrap();
        assert_eq!(disk.stat().unwrap().st_mode, 0o060_600);
        assert_eq!(sys::pwrite(disk.raw(), &[7; 1024], 512).unwrap(), 1024);
        let mut bytes = [1; 1500];
        assert_eq!(sys::pread(disk.raw(), &mut bytes, 10).unwrap(), 1500);
        assert!(bytes[..502].iter().all(|b| *b == 0) && bytes[502..].iter().all(|b| *b == 7));
        let end = (1 << 20) as u64;
        assert_eq!(sys::pread(disk.raw(), &mut bytes, end).unwrap(), 0);
        let error = sys::pwrite(disk.raw(), &[0; 512], end).map_err(|e| e.errno);
        assert_eq!(error, Err(ENOSPC));
        let zero = open("/scheme/port/zero", O_RDWR, 0).unwrap();
        assert_eq!((zero.write(b"123").unwrap(), zero.read(&mut bytes[..600]).unwrap()), (3, 600));
        assert!(bytes[..600].iter().all(|b| *b == 0));
    });
}

#[test]
fn an_unlinked_file_lives_while_it_is_open() {
    let world = World::serving(TMP);
    world.root(|| {
        put("/scheme/port/tmp/gone", b"still here").unwrap();
        let file = open("/scheme/port/tmp/gone", O_RDONLY, 0).unwrap();
        sys::unlink("/scheme/port/tmp/gone").unwrap();
        let mut bytes = [0; 32];
        assert_eq!(file.read(&mut bytes).unwrap(), 10);
        assert_eq!(open("/scheme/port/tmp/gone", O_RDONLY, 0).err(), Some(ENOENT));
    });
}

#[test]
fn a_listing_of_a_thousand_names_comes_in_pieces() {
    let world = World::serving(TMP);
    world.root(|| {
        let mut names: Vec<String> = (0..1000).map(|i| format!("name number {i}")).collect();
        for name in &names {
            put(&format!("/scheme/port/tmp/{name}"), b"").unwrap();
        }
        names.sort();
        assert_eq!(list("/scheme/port/tmp").unwrap(), names);
    });
}

#[test]
fn a_listing_that_begins_in_little_room_has_to_fit() {
    World::serving(TMP).root(|| {
        put("/scheme/port/tmp/0", b"").unwrap();
        let dir = open("/scheme/port/tmp", O_RDONLY | O_DIRECTORY, 0).unwrap();
        let count =
            |room: usize, cookie| errno(call::getdents(dir.raw(), &mut vec![0; room], cookie));
        assert!(count(512, 0).is_ok());
        (1..1000).for_each(|i| put(&format!("/scheme/port/tmp/{i}"), b"").unwrap());
        for little in [512, 1024, 8191] {
            assert_eq!(count(little, 0), Err(EINVAL), "as if no entry had fitted");
        }
        // What has begun goes on with any room, and so does what begins with enough.
        assert!(count(512, 3).unwrap() > 0);
        assert!(count(8192, 0).unwrap() > 8000);
    });
}

/// Lists as Redox's libc does, from the beginning, with so much room at first.
fn listed(dir: &Fd, mut room: usize) -> Vec<String> {
    let (mut names, mut cookie) = (Vec::new(), 0);
    loop {
        let mut buffer = vec![0; room];
        match errno(call::getdents(dir.raw(), &mut buffer, cookie)) {
            Ok(0) => return names,
            Ok(count) => {
                for entry in driver::dirent::entries(&buffer[..count]) {
                    cookie = entry.next;
                    names.push(String::from_utf8(entry.name.to_vec()).unwrap());
                }
            }
            Err(EINVAL) if room < 8192 => room *= 2,
            Err(errno) => panic!("{errno} with {room}"),
        }
    }
}

#[test]
fn who_doubles_its_room_sees_each_name_once_whatever_it_began_with() {
    World::serving(TMP).root(|| {
        let mut names = vec![".".to_string(), "..".to_string()];
        for some in [0, 3, 30, 300] {
            for number in 0..some {
                let name = format!("{some}-{number}-{}", "n".repeat(number * 7 % 240));
                put(&format!("/scheme/port/tmp/{name}"), b"").unwrap();
                names.push(name);
            }
            names.sort();
            let dir = open("/scheme/port/tmp", O_RDONLY | O_DIRECTORY, 0).unwrap();
            for room in [24, 100, 300, 512, 700, 1024, 2000, 4095, 4096, 8191, 8192, 20_000] {
                let mut seen = listed(&dir, room);
                seen.sort();
                assert_eq!(seen, names, "{some} names, {room} bytes at first");
            }
        }
    });
}
