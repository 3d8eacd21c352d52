//! Processes, threads, numbers, names, credentials.

use crate::common::*;
use host::{Process, sys};
use libredox::errno::{EACCES, EBADF, EEXIST, EINVAL, ENODEV, ENOENT, EOPNOTSUPP};
use libredox::{call, flag};
use syscall::CallFlags;

fn open(path: &str) -> Outcome {
    errno(call::open(path, flag::O_RDWR, 0))
}

#[test]
fn a_thread_cannot_use_another_process_s_number() {
    let (one, other) = (Process::isolated("one", 0, 0), Process::isolated("other", 0, 0));
    let (reader, _) = one.pipe().unwrap();
    let mut buffer = [0; 1];
    assert_eq!(other.enter(|| errno(call::read(reader, &mut buffer))), Err(EBADF));
}

#[test]
fn a_thread_of_nobody_is_adopted_by_the_process_whose_number_it_uses() {
    let process = Process::isolated("adopting", 5, 6);
    let (_, writer) = process.pipe().unwrap();
    let ids = std::thread::spawn(move || {
        let before = call::getpid().unwrap();
        call::write(writer, b"x").unwrap();
        (before, call::getpid().unwrap(), call::geteuid().unwrap(), call::getegid().unwrap())
    });
    let nobody = Process::init().pid();
    assert_eq!(ids.join().unwrap(), (nobody, process.pid(), 5, 6));
}

#[test]
fn entering_nests_and_ends_with_a_panic_too() {
    let (outer, inner) = (Process::isolated("outer", 0, 0), Process::isolated("inner", 0, 0));
    outer.enter(|| {
        let panicked = std::panic::catch_unwind(|| inner.enter(|| panic!("on purpose")));
        assert!(panicked.is_err());
        assert_eq!(call::getpid().unwrap(), outer.pid());
        assert_eq!(inner.enter(|| call::getpid().unwrap()), inner.pid());
    });
}

#[test]
fn only_root_creates_schemes() {
    let user = Process::isolated("user", 1000, 1000);
    assert_eq!(user.enter(create_socket), Err(EACCES));
    let root = Process::isolated("root", 0, 0);
    root.enter(|| {
        let cap = open("/scheme/namespace/scheme-creation-cap").unwrap();
        assert_eq!(errno(call::dup(cap, b"create-nonsense")), Err(EINVAL));
        assert_eq!(errno(call::dup(cap, b"create")), Err(EINVAL));
    });
}

#[test]
fn a_name_is_registered_once() {
    let daemon = Daemon::new("proc-name");
    daemon.process.enter(|| {
        let root = create_handle(daemon.socket, 5).unwrap();
        assert_eq!(register("proc-name", root), Err(EEXIST));
        assert_eq!(errno(call::close(root)), Err(EBADF));
        let root = create_handle(daemon.socket, 5).unwrap();
        assert_eq!(register("no/name", root), Err(EINVAL));
        sys::unlinkat(call::getns().unwrap(), "/scheme/proc-name", 0).unwrap();
        register("proc-name", root).unwrap();
    });
}

#[test]
fn unknown_names_and_plain_paths_are_refused() {
    let process = Process::isolated("paths", 0, 0);
    process.enter(|| {
        assert_eq!(open("/scheme/nobody/x"), Err(ENODEV));
        assert_eq!(open("/etc/passwd"), Err(ENODEV));
        assert_eq!(open("nobody:x"), Err(ENODEV));
        assert_eq!(open("relative"), Err(ENOENT));
        assert_eq!(open(""), Err(ENOENT));
        assert_eq!(open("/scheme/nul\0"), Err(EINVAL));
        assert_eq!(open("/scheme/namespace/nonsense"), Err(EINVAL));
    });
}

#[test]
fn the_old_form_of_a_path_still_works() {
    let process = Process::isolated("legacy", 0, 0);
    process.enter(|| open("pipe:").unwrap());
}

#[test]
fn the_null_namespace_has_memory_and_pipes_only() {
    let daemon = Daemon::new("proc-null");
    let client = daemon.client();
    client.enter(|| {
        call::setrens(0, 0).unwrap();
        assert_eq!(open(&daemon.path("")), Err(ENODEV));
        assert_eq!(open("/scheme/event"), Err(ENODEV));
        assert_eq!(open("/scheme/time/4"), Err(ENODEV));
        assert_eq!(open("/scheme/namespace/scheme-creation-cap"), Err(EACCES));
        open("/scheme/pipe").unwrap();
        assert!(event::RawEventQueue::new().is_err());
    });
    let child = client.child("child", 0, 0);
    assert_eq!(child.enter(|| open(&daemon.path(""))), Err(ENODEV));
}

#[test]
fn a_namespace_is_left_and_entered_again() {
    let daemon = Daemon::new("proc-setns");
    daemon.process.enter(|| {
        let kept = call::dup(call::getns().unwrap(), b"").unwrap();
        call::setrens(0, 0).unwrap();
        assert_eq!(open("/scheme/event"), Err(ENODEV));
        let null = call::setns(kept).unwrap();
        call::close(null).unwrap();
        open("/scheme/event").unwrap();
    });
}

#[test]
fn the_namespace_lists_its_names() {
    let daemon = Daemon::new("proc-list");
    daemon.process.enter(|| {
        let fd = open("/scheme/").unwrap();
        let mut buffer = [0; 512];
        let count = call::getdents(fd, &mut buffer, 0).unwrap();
        let names: Vec<_> = syscall::dirent::DirentIter::new(&buffer[..count])
            .map(|entry| String::from_utf8(entry.unwrap().1.to_vec()).unwrap())
            .map(|padded| padded.trim_end_matches('\0').to_owned())
            .collect();
        assert_eq!(names, ["event", "memory", "pipe", "proc-list", "time"]);
    });
}

#[test]
fn a_scheme_of_the_kernel_refuses_calls() {
    let process = Process::isolated("refused", 0, 0);
    let (reader, _) = process.pipe().unwrap();
    process.enter(|| {
        assert_eq!(call_rw(reader, &mut [], &[1]), Err(EOPNOTSUPP));
        let flags = CallFlags::STD_FS;
        assert_eq!(errno(call::call_rw(reader, &mut [], flags, &[1])), Err(EINVAL));
        assert_eq!(errno(call::call_rw(reader, &mut [], flags, &[99, 0, 0])), Err(EOPNOTSUPP));
        assert_eq!(errno(call::ftruncate(reader, 0)), Err(EBADF));
        assert_eq!(call::fstat(reader).unwrap().st_mode & 0o170_000, 0o010_000);
    });
}

#[test]
fn a_number_that_was_replaced_names_the_new_description() {
    let process = Process::isolated("dup2", 0, 0);
    let (reader, writer) = process.pipe().unwrap();
    let (other, _) = process.pipe().unwrap();
    process.enter(|| {
        assert_eq!(call::dup2(reader, other).unwrap(), other);
        call::write(writer, b"ab").unwrap();
        let mut buffer = [0; 2];
        assert_eq!(call::read(other, &mut buffer).unwrap(), 2);
    });
}
