//! What a scheme is told for each operation of a stock program.

use libredox::{call, flag::*};
use smoke::echo::{Handle, Told};
use smoke::{Daemon, World, files};
use syscall::data::{Stat, StatVfs, TimeSpec};
use syscall::dirent::DirentHeader;
use syscall::flag as redox;
use syscall::schemev2::Opcode;
use syscall::{CallFlags, StdFsCallKind};

use crate::Test;

pub(crate) const TESTS: &[Test] = tests![
    standard_calls_are_told_by_kind,
    reads_and_writes_are_told_place_and_flags,
    opens_are_told_redox_s_flags,
    names_are_told_to_the_handle_or_the_root,
    a_link_is_a_creating_open_and_its_target_a_read,
    a_mode_is_told_as_libredox_is_given_it,
    flags_are_told_and_kept,
];

/// Close-on-exec, as the scheme is told it.
const CLOEXEC: usize = 0x0100_0000;

/// Does something beside a daemon with one handle, number 1.
fn opened(work: impl FnOnce(&Daemon, &Handle)) {
    let world = World::new();
    let daemon = world.echo();
    world.here(|| work(&daemon, &Handle::open(&daemon.path).unwrap()));
}

/// What the scheme was told for something that it refuses or does.
fn told<T>(handle: &Handle, what: T) -> Told {
    drop(what);
    handle.told().unwrap()
}

fn standard_calls_are_told_by_kind() {
    use StdFsCallKind::*;
    opened(|_, handle| {
        let fd = handle.0.raw();
        let kind = |len: usize, kind: StdFsCallKind, one: usize, two: usize| {
            [Opcode::StdFsCall as usize, 1, len, kind as usize, one, two]
        };
        let time = libredox::data::TimeSpec { tv_sec: 1, tv_nsec: 2 };
        assert_eq!(told(handle, call::fstat(fd)), kind(size_of::<Stat>(), Fstat, 0, 0));
        assert_eq!(told(handle, call::fstatvfs(fd)), kind(size_of::<StatVfs>(), Fstatvfs, 0, 0));
        assert_eq!(told(handle, call::fsync(fd)), kind(0, Fsync, 0, 0));
        assert_eq!(told(handle, call::ftruncate(fd, 77)), kind(0, Ftruncate, 77, 0));
        assert_eq!(told(handle, call::fchmod(fd, 0o604)), kind(0, Fchmod, 0o604, 0));
        let times = call::futimens(fd, &[time, time]);
        assert_eq!(told(handle, times), kind(2 * size_of::<TimeSpec>(), Futimens, 0, 0));
        // A listing that is refused is tried once more as a read.
        let header = size_of::<DirentHeader>();
        let listed = told(handle, call::getdents(fd, &mut [0; 512], 5));
        assert_eq!(listed[..4], [Opcode::Read as usize, 1, 512 - header, 5]);
    });
}

fn reads_and_writes_are_told_place_and_flags() {
    opened(|_, handle| {
        let op = |opcode, len, at| [opcode as usize, 1, len, at, redox::O_RDWR | CLOEXEC, 0];
        assert_eq!(told(handle, handle.0.read(&mut [0; 30])), op(Opcode::Read, 30, 0));
        assert_eq!(told(handle, handle.0.write(&[0; 4])), op(Opcode::Write, 4, 30));
        let pread = files::pread(&handle.0, &mut [0; 2], 99);
        assert_eq!(told(handle, pread), op(Opcode::Read, 2, 99));
        let pwrite = files::pwrite(&handle.0, &[0; 3], 1 << 40);
        assert_eq!(told(handle, pwrite), op(Opcode::Write, 3, 1 << 40));
        assert_eq!(told(handle, files::seek(&handle.0, 0, 2))[..2], [Opcode::Fsize as usize, 1]);
        assert_eq!(told(handle, handle.0.dup(b"verb"))[..3], [Opcode::Dup as usize, 1, 4]);
        assert_eq!(told(handle, handle.0.chown(7, 8))[..2], [Opcode::Fchown as usize, 1]);
        assert_eq!(
            told(handle, handle.0.fpath(&mut [0; 64]))[..3],
            [Opcode::Fpath as usize, 1, 64]
        );
    });
}

fn opens_are_told_redox_s_flags() {
    opened(|daemon, handle| {
        let open = |flags, mode| told(handle, files::open(&daemon.at("name"), flags, mode));
        let op = |flags, fcntl| [Opcode::OpenAt as usize, 0, 4, flags | CLOEXEC, fcntl, 0];
        assert_eq!(open(O_RDONLY, 0), op(redox::O_RDONLY, 0));
        assert_eq!(open(O_RDWR | O_TRUNC, 0), op(redox::O_RDWR | redox::O_TRUNC, 0));
        let create = redox::O_WRONLY | redox::O_CREAT | redox::O_EXCL;
        assert_eq!(open(O_WRONLY | O_CREAT | O_EXCL, 0o640), op(create | 0o640, 0));
        let append = redox::O_WRONLY | redox::O_APPEND;
        assert_eq!(open(O_WRONLY | O_APPEND, 0), op(append, redox::O_APPEND));
        let nonblock = redox::O_RDONLY | redox::O_NONBLOCK;
        assert_eq!(open(O_RDONLY | O_NONBLOCK, 0), op(nonblock, redox::O_NONBLOCK));
        let directory = redox::O_RDONLY | redox::O_DIRECTORY | redox::O_NOFOLLOW;
        assert_eq!(open(O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0), op(directory, 0));
    });
}

fn names_are_told_to_the_handle_or_the_root() {
    opened(|daemon, handle| {
        let below = handle.0.openat("sub", O_RDONLY, 0);
        assert_eq!(told(handle, below)[..3], [Opcode::OpenAt as usize, 1, 3]);
        let unlink = Opcode::UnlinkAt as usize;
        assert_eq!(told(handle, files::unlink(&daemon.at("name")))[..4], [unlink, 0, 4, 0]);
        let removed = told(handle, files::rmdir(&daemon.at("name")));
        assert_eq!(removed[..4], [unlink, 0, 4, redox::AT_REMOVEDIR]);
        let made = told(handle, files::mkdir(&daemon.at("name")));
        assert_eq!(made[..3], [Opcode::OpenAt as usize, 0, 4]);
        let flags = redox::O_CREAT | redox::O_EXCL | redox::O_DIRECTORY;
        assert_eq!(made[3], flags | CLOEXEC | 0o755);
        let renamed = told(handle, files::rename(&daemon.at("a"), &daemon.at("b")));
        assert_eq!((renamed[0], renamed[2]), (Opcode::Frename as usize, 1));
        let linked = told(handle, files::link(&daemon.at("a"), &daemon.at("b")));
        assert_eq!((linked[0], linked[2]), (Opcode::Flink as usize, 1));
    });
}

fn a_link_is_a_creating_open_and_its_target_a_read() {
    opened(|daemon, handle| {
        let made = told(handle, files::symlink("target", &daemon.at("name")));
        assert_eq!((made[0], made[2]), (Opcode::Write as usize, 6));
        let flags = redox::O_CREAT | redox::O_SYMLINK | redox::O_WRONLY | CLOEXEC;
        assert_eq!(made[4], flags | 0o755, "the open's own");
        let read = told(handle, files::readlink(&daemon.at("name")));
        assert_eq!(read[0], Opcode::Read as usize);
        assert_eq!(read[4], redox::O_RDONLY | redox::O_SYMLINK | CLOEXEC);
    });
}

fn a_mode_is_told_as_libredox_is_given_it() {
    opened(|daemon, handle| {
        let made = files::open(&daemon.at("name"), O_WRONLY | O_CREAT, 0o666);
        assert_eq!(told(handle, made)[3], redox::O_WRONLY | redox::O_CREAT | CLOEXEC | 0o666);
    });
}

fn flags_are_told_and_kept() {
    opened(|_, handle| {
        let fd = handle.0.raw();
        let set = told(handle, call::fcntl(fd, 4, O_NONBLOCK as usize));
        assert_eq!(set[..2], [Opcode::Fcntl as usize, 1]);
        let calls = CallFlags::empty();
        assert!(call::call_rw(fd, &mut [], calls, &[0, 0, 0]).is_err());
        assert_eq!(told(handle, handle.0.read(&mut [0; 1]))[4] & redox::O_NONBLOCK, 0, "refused");
    });
}
