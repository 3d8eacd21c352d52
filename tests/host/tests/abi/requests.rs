//! What a scheme is told for each operation.

use crate::common::*;
use host::sys;
use libredox::errno::{EEXIST, EINVAL, ENAMETOOLONG, EOPNOTSUPP, EPERM, ESPIPE};
use libredox::{call, flag};
use syscall::data::{Stat, StatVfs, TimeSpec};
use syscall::dirent::DirentHeader;
use syscall::flag as redox;
use syscall::schemev2::{NewFdFlags, Opcode};
use syscall::{CallFlags, EventFlags, StdFsCallKind};

const CLOEXEC: usize = 0x0100_0000;
const IDS: u64 = 1001 | 1002 << 32;

/// A daemon, a client, and a handle with number 7.
fn opened(name: &str, flags: NewFdFlags) -> (Daemon, host::Process, usize) {
    let daemon = Daemon::new(name);
    let client = daemon.client();
    let fd = daemon.open(&client, "f", 7, flags);
    (daemon, client, fd)
}

#[test]
fn open_is_openat_on_the_root_with_flags_mode_and_ids() {
    let daemon = Daemon::new("req-open");
    let client = daemon.client();
    let path = daemon.path("dir/file");
    let flags = flag::O_RDWR | flag::O_CREAT | flag::O_NONBLOCK | flag::O_CLOEXEC;
    let (seen, _) =
        script(&daemon, &client, &[Ok(7)], move || call::open(path, flags, 0o640).unwrap());
    let (sqe, path) = &seen[0];
    assert_eq!(sqe.opcode, Opcode::OpenAt as u8);
    assert_eq!(path, b"dir/file");
    assert_eq!(sqe.args[1] as usize % PAGE, 0);
    let flags = redox::O_RDWR | redox::O_CREAT | redox::O_NONBLOCK | CLOEXEC | 0o640;
    assert_eq!(sqe.args[3], flags as u64);
    assert_eq!((sqe.args[0], sqe.args[4]), (ROOT as u64, redox::O_NONBLOCK as u64));
    assert_eq!((sqe.args[5], sqe.caller), (IDS, client.pid() as u64));
}

#[test]
fn openat_goes_to_the_handle_it_is_called_on() {
    let (daemon, client, fd) = opened("req-openat", NewFdFlags::empty());
    let (seen, _) = script(&daemon, &client, &[Ok(8)], move || {
        sys::openat(fd, "sub", redox::O_RDONLY | redox::O_CREAT | 0o600, 0).unwrap()
    });
    let (sqe, path) = &seen[0];
    assert_eq!((sqe.args[0], path.as_slice()), (7, b"sub".as_slice()));
    assert_eq!(sqe.args[3] as usize, redox::O_RDONLY | redox::O_CREAT | 0o600);
}

#[test]
fn a_path_over_a_page_is_refused_before_the_scheme_sees_it() {
    let (_daemon, client, fd) = opened("req-long", NewFdFlags::empty());
    let path = "x".repeat(PAGE + 1);
    let got = client.enter(|| errno(call::openat(fd, path, 0, 0)));
    assert_eq!(got, Err(ENAMETOOLONG));
}

#[test]
fn a_positioned_handle_reads_at_the_offset_that_its_descriptors_share() {
    let (daemon, client, fd) = opened("req-offset", NewFdFlags::POSITIONED);
    let (seen, _) = script(&daemon, &client, &[Ok(3), Ok(2), Ok(1), Ok(4)], move || {
        let other = call::dup(fd, b"").unwrap();
        call::read(fd, &mut [0; 3]).unwrap();
        call::write(other, b"ab").unwrap();
        sys::pread(fd, &mut [0; 1], 99).unwrap();
        call::read(other, &mut [0; 4]).unwrap();
    });
    let offsets: Vec<_> = seen.iter().map(|(sqe, _)| sqe.args[3]).collect();
    assert_eq!(offsets, [0, 3, 99, 5]);
    assert_eq!(seen[1].1, b"ab");
    let (sqe, _) = &seen[0];
    assert_eq!(sqe.args[4] as usize & redox::O_ACCMODE, redox::O_RDWR);
    assert_eq!(sqe.args[5], IDS);
}

#[test]
fn a_handle_without_positions_is_told_no_offset() {
    let (daemon, client, fd) = opened("req-stream", NewFdFlags::empty());
    let (seen, _) = script(&daemon, &client, &[Ok(1), Ok(1)], move || {
        call::read(fd, &mut [0; 3]).unwrap();
        call::write(fd, b"ab").unwrap();
    });
    assert!(seen.iter().all(|(sqe, _)| sqe.args[3] == u64::MAX));
}

#[test]
fn only_a_seek_from_the_end_reaches_the_scheme() {
    let (daemon, client, fd) = opened("req-seek", NewFdFlags::POSITIONED);
    let (seen, places) = script(&daemon, &client, &[Ok(100), Ok(0)], move || {
        let places = [
            host_errno(sys::lseek(fd, 10, 0)),
            host_errno(sys::lseek(fd, -3, 1)),
            host_errno(sys::lseek(fd, -1, 2)),
            host_errno(sys::lseek(fd, -1, 0)),
            host_errno(sys::lseek(fd, 0, 9)),
        ];
        call::read(fd, &mut [0; 1]).unwrap();
        places
    });
    assert_eq!(places, [Ok(10), Ok(7), Ok(99), Err(EINVAL), Err(EINVAL)]);
    assert_eq!(opcodes(&seen), [Opcode::Fsize as u8, Opcode::Read as u8]);
    assert_eq!(seen[1].0.args[3], 99);
}

#[test]
fn flags_are_the_schemes_to_refuse_and_the_kernels_to_keep() {
    let (daemon, client, fd) = opened("req-fcntl", NewFdFlags::empty());
    let answers = [Ok(0), Ok(0), Err(EPERM), Ok(0)];
    let (seen, got) = script(&daemon, &client, &answers, move || {
        let nonblock = flag::O_NONBLOCK as usize;
        errno(call::fcntl(fd, 4, nonblock)).unwrap();
        let kept = errno(call::fcntl(fd, 3, 0)).unwrap();
        assert_eq!(errno(call::fcntl(fd, 4, 0)), Err(EPERM));
        errno(call::read(fd, &mut [0; 1])).unwrap();
        (kept, nonblock | flag::O_RDWR as usize, errno(call::fcntl(fd, 2, 0)))
    });
    assert_eq!((got.0, got.2), (got.1, Ok(0)));
    let (first, _) = &seen[0];
    assert_eq!(first.args[..3], [7, 4, redox::O_NONBLOCK as u64]);
    assert_ne!(seen[3].0.args[4] & redox::O_NONBLOCK as u64, 0);
}

#[test]
fn stat_and_its_kin_are_standard_file_calls() {
    let (daemon, client, fd) = opened("req-stat", NewFdFlags::empty());
    let answers = [Ok(0); 7];
    let (seen, _) = script(&daemon, &client, &answers, move || {
        call::fstat(fd).unwrap();
        call::fstatvfs(fd).unwrap();
        call::fsync(fd).unwrap();
        call::fdatasync(fd).unwrap();
        call::ftruncate(fd, 77).unwrap();
        call::fchmod(fd, 0o604).unwrap();
        call::getdents(fd, &mut [0; 512], 5).unwrap();
    });
    assert!(seen.iter().all(|(sqe, _)| sqe.opcode == Opcode::StdFsCall as u8));
    use StdFsCallKind::*;
    let layout: Vec<_> =
        seen.iter().map(|(sqe, _)| (sqe.args[2] as usize, sqe.args[3], sqe.args[4])).collect();
    let expected = [
        (size_of::<Stat>(), Fstat as u64, 0),
        (size_of::<StatVfs>(), Fstatvfs as u64, 0),
        (0, Fsync as u64, 0),
        (0, Fsync as u64, 0),
        (0, Ftruncate as u64, 77),
        (0, Fchmod as u64, 0o604),
        (512, Getdents as u64, 5),
    ];
    assert_eq!(layout, expected);
    assert_eq!(seen[6].0.args[5], size_of::<DirentHeader>() as u64);
}

#[test]
fn times_arrive_as_two_records() {
    let (daemon, client, fd) = opened("req-times", NewFdFlags::empty());
    let (seen, _) = script(&daemon, &client, &[Ok(0)], move || {
        let time = |tv_sec, tv_nsec| libredox::data::TimeSpec { tv_sec, tv_nsec };
        call::futimens(fd, &[time(1, 2), time(3, 4)]).unwrap();
    });
    let (sqe, memory) = &seen[0];
    assert_eq!(sqe.args[3], StdFsCallKind::Futimens as u64);
    let mut times = [TimeSpec::default(); 2];
    for (time, bytes) in times.iter_mut().zip(memory.chunks(size_of::<TimeSpec>())) {
        time.copy_from_slice(bytes);
    }
    let expected = [(1, 2), (3, 4)].map(|(tv_sec, tv_nsec)| TimeSpec { tv_sec, tv_nsec });
    assert_eq!(times, expected);
}

#[test]
fn a_records_bytes_come_back_as_the_hosts_record() {
    let (daemon, client, fd) = opened("req-record", NewFdFlags::empty());
    let asking = client.spawn(move || call::fstat(fd).unwrap());
    let sqe = daemon.expect(Opcode::StdFsCall);
    let stat = Stat { st_size: 5, st_mode: 0o100_644, st_mtime: 9, ..Stat::default() };
    // SAFETY: the request isn't answered yet.
    unsafe { lent(&sqe) }.copy_from_slice(&stat);
    daemon.answer(&sqe, Ok(0));
    let got = asking.join().unwrap();
    assert_eq!((got.st_size, got.st_mode, got.st_mtime), (5, 0o100_644, 9));
}

#[test]
fn owners_change_only_for_root_or_to_oneself() {
    let (daemon, client, fd) = opened("req-chown", NewFdFlags::empty());
    assert_eq!(client.enter(|| errno(call::fchown(fd, 0, 0))), Err(EPERM));
    let (seen, _) =
        script(&daemon, &client, &[Ok(0)], move || call::fchown(fd, 1001, 1002).unwrap());
    assert_eq!(seen[0].0.opcode, Opcode::Fchown as u8);
    assert_eq!(seen[0].0.args, [7, 1001, 1002, 0, 0, IDS]);
}

#[test]
fn the_old_system_calls_keep_their_opcodes() {
    let (daemon, client, fd) = opened("req-old", NewFdFlags::empty());
    let (seen, stat) = script(&daemon, &client, &[Ok(0), Ok(0), Ok(3)], move || {
        let stat = sys::raw_fstat(fd).unwrap();
        sys::raw_fsync(fd).unwrap();
        assert_eq!(sys::fevent(fd, EventFlags::EVENT_READ).unwrap().bits(), 3);
        stat
    });
    let expected = [Opcode::Fstat, Opcode::Fsync, Opcode::Fevent].map(|opcode| opcode as u8);
    assert_eq!(opcodes(&seen), expected);
    assert_ne!(stat.st_dev, 0);
    assert_eq!(seen[2].0.args, [7, EventFlags::EVENT_READ.bits() as u64, 0, 0, 0, IDS]);
}

#[test]
fn an_unknown_extra_bit_in_the_answer_to_an_open_is_the_callers_einval() {
    let daemon = Daemon::new("req-extra");
    let client = daemon.client();
    let path = daemon.path("x");
    let opening = client.spawn(move || errno(call::open(path, flag::O_RDWR, 0)));
    let sqe = daemon.expect(Opcode::OpenAt);
    let answer = syscall::schemev2::Cqe { extra_raw: [0x80, 0, 0], ..word(sqe.tag, Ok(1)) };
    daemon.write(&[answer]).unwrap();
    assert_eq!(opening.join().unwrap(), Err(EINVAL));
}

#[test]
fn a_socket_has_no_places_to_write_at() {
    let daemon = Daemon::new("req-socket");
    let got = daemon.process.enter(|| host_errno(sys::pwrite(daemon.socket, &[0; 16], 5)));
    assert_eq!(got, Err(ESPIPE));
    let taken = daemon.process.enter(|| {
        let root = create_handle(daemon.socket, 1).unwrap();
        register("req-socket", root)
    });
    assert_eq!(taken, Err(EEXIST));
}

#[test]
fn standard_file_calls_that_came_later_are_refused() {
    let (daemon, client, fd) = opened("req-later", NewFdFlags::empty());
    client.enter(|| {
        let call =
            |metadata: &[u64]| errno(call::call_rw(fd, &mut [], CallFlags::STD_FS, metadata));
        for kind in [10, 15, 16, 99] {
            assert_eq!(call(&[kind, 0, 0]), Err(EOPNOTSUPP));
        }
        assert_eq!(call(&[1, 0]), Err(EINVAL));
    });
    let (seen, _) = script(&daemon, &client, &[Ok(0)], move || {
        let lock = StdFsCallKind::Lock as u64;
        call::call_rw(fd, &mut [], CallFlags::STD_FS, &[lock, 1, 2]).unwrap();
    });
    assert_eq!(seen[0].0.args[3..], [StdFsCallKind::Lock as u64, 1, 2]);
}

#[test]
fn a_directory_without_entries_calls_is_read_as_a_list_of_names() {
    let (daemon, client, fd) = opened("req-names", NewFdFlags::empty());
    let listing = client.spawn(move || {
        let mut buffer = [0; 64];
        let count = call::getdents(fd, &mut buffer, 5).unwrap();
        let mut entries = syscall::dirent::DirentIter::new(&buffer[..count]);
        let (header, name) = entries.next().unwrap().unwrap();
        (header.next_opaque_id, name.to_vec())
    });
    let sqe = daemon.expect(Opcode::StdFsCall);
    daemon.answer(&sqe, Err(EOPNOTSUPP));
    let sqe = daemon.expect(Opcode::Read);
    assert_eq!(sqe.args[3], 5);
    // SAFETY: the request isn't answered yet.
    unsafe { lent(&sqe)[..6].copy_from_slice(b"one\ntw") };
    daemon.answer(&sqe, Ok(6));
    assert_eq!(listing.join().unwrap(), (9, b"one".to_vec()));
}
