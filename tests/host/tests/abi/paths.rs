//! Names: made, moved, removed, followed.

use crate::common::*;
use host::sys;
use libredox::errno::{EFAULT, ELOOP, EXDEV};
use libredox::{call, flag};
use syscall::flag as redox;
use syscall::schemev2::Opcode;

const CLOEXEC: usize = 0x0100_0000;

#[test]
fn names_are_made_moved_and_removed_by_path() {
    let daemon = Daemon::new("req-names");
    let client = daemon.client();
    let [a, b] = ["a", "b/c"].map(|rest| daemon.path(rest));
    let answers = [Ok(8), Ok(0), Ok(9), Ok(0), Ok(0), Ok(0), Ok(10)];
    let (seen, _) = script(&daemon, &client, &answers, move || {
        sys::rename(&a, &b).unwrap();
        sys::link(&a, &b).unwrap();
        sys::unlink(&a).unwrap();
        sys::rmdir(&b).unwrap();
        sys::mkdir(&b).unwrap();
    });
    use Opcode::*;
    let expected = [OpenAt, Frename, OpenAt, Flink, UnlinkAt, UnlinkAt, OpenAt];
    assert_eq!(opcodes(&seen), expected.map(|opcode| opcode as u8));
    let open = (redox::O_NOFOLLOW | redox::O_STAT | CLOEXEC) as u64;
    assert_eq!((seen[0].0.args[3], seen[0].1.as_slice()), (open, b"a".as_slice()));
    assert_eq!((seen[1].0.args[0], seen[1].1.as_slice()), (8, b"b/c".as_slice()));
    assert_eq!((seen[4].0.args[0], seen[4].0.args[3]), (ROOT as u64, 0));
    assert_eq!(seen[5].0.args[3], redox::AT_REMOVEDIR as u64);
    let create = redox::O_CREAT | redox::O_EXCL | redox::O_DIRECTORY;
    assert_eq!(seen[6].0.args[3] as usize, create | CLOEXEC | 0o755);
}

#[test]
fn a_symbolic_link_is_an_open_then_a_write_or_a_read() {
    let daemon = Daemon::new("req-link");
    let client = daemon.client();
    let path = daemon.path("l");
    let (seen, _) = script(&daemon, &client, &[Ok(8), Ok(6), Ok(9), Ok(6)], move || {
        sys::symlink("target", &path).unwrap();
        sys::readlink(&path, &mut [0; 64]).unwrap();
    });
    let flags: Vec<_> = [0, 2].map(|n: usize| seen[n].0.args[3] as usize).to_vec();
    let make = redox::O_CREAT | redox::O_WRONLY | redox::O_SYMLINK | CLOEXEC | 0o755;
    assert_eq!(flags, [make, redox::O_RDONLY | redox::O_SYMLINK | CLOEXEC]);
    assert_eq!(
        (seen[1].0.opcode, seen[1].1.as_slice()),
        (Opcode::Write as u8, b"target".as_slice())
    );
    assert_eq!(seen[3].0.opcode, Opcode::Read as u8);
}

#[test]
fn an_open_that_meets_a_link_reads_it_and_tries_again() {
    let daemon = Daemon::new("req-follow");
    let client = daemon.client();
    let path = daemon.path("d/l");
    let opening = client.spawn(move || errno(call::open(path, flag::O_RDONLY, 0)));
    let sqe = daemon.expect(Opcode::OpenAt);
    daemon.answer(&sqe, Err(EXDEV));
    let sqe = daemon.expect(Opcode::OpenAt);
    assert_ne!(sqe.args[3] as usize & redox::O_SYMLINK, 0);
    daemon.answer(&sqe, Ok(8));
    let sqe = daemon.expect(Opcode::Read);
    // SAFETY: the request isn't answered yet.
    unsafe { lent(&sqe)[..4].copy_from_slice(b"../t") };
    daemon.answer(&sqe, Ok(4));
    daemon.expect(Opcode::CloseMsg);
    let sqe = daemon.expect(Opcode::OpenAt);
    // SAFETY: the request isn't answered yet.
    assert_eq!(unsafe { lent(&sqe) }, b"t");
    daemon.answer(&sqe, Ok(9));
    opening.join().unwrap().unwrap();
}

#[test]
fn links_without_end_are_eloop() {
    let daemon = Daemon::new("req-loop");
    let client = daemon.client();
    let path = daemon.path("l");
    let opening = client.spawn(move || errno(call::open(path, flag::O_RDONLY, 0)));
    while !opening.is_finished() {
        let Ok(sqe) = daemon.poll() else {
            std::thread::yield_now();
            continue;
        };
        match Opcode::try_from_raw(sqe.opcode) {
            Some(Opcode::OpenAt) if sqe.args[3] as usize & redox::O_SYMLINK != 0 => {
                daemon.answer(&sqe, Ok(8));
            }
            Some(Opcode::OpenAt) => daemon.answer(&sqe, Err(EXDEV)),
            Some(Opcode::Read) => {
                // SAFETY: the request isn't answered yet.
                unsafe { lent(&sqe)[0] = b'l' };
                daemon.answer(&sqe, Ok(1));
            }
            _ => {}
        }
    }
    assert_eq!(opening.join().unwrap(), Err(ELOOP));
}

unsafe extern "C" {
    fn redox_host_rename_v0(from: *const u8, f: usize, to: *const u8, t: usize) -> usize;
    fn redox_host_link_v0(from: *const u8, f: usize, to: *const u8, t: usize) -> usize;
}

#[test]
fn rename_and_link_are_symbols_too() {
    let daemon = Daemon::new("req-symbols");
    let client = daemon.client();
    let [a, b] = ["a", "b"].map(|rest| daemon.path(rest));
    let (seen, results) = script(&daemon, &client, &[Ok(8), Ok(0), Ok(9), Ok(0)], move || {
        let both = [redox_host_rename_v0, redox_host_link_v0];
        // SAFETY: the strings are good for as long as the calls take.
        both.map(|call| unsafe { call(a.as_ptr(), a.len(), b.as_ptr(), b.len()) })
    });
    assert_eq!(results, [0, 0]);
    use Opcode::*;
    assert_eq!(opcodes(&seen), [OpenAt, Frename, OpenAt, Flink].map(|opcode| opcode as u8));
    // SAFETY: no bytes are given.
    let nowhere = unsafe { redox_host_rename_v0(std::ptr::null(), 1, std::ptr::null(), 1) };
    assert_eq!(syscall::Error::demux(nowhere).map_err(|error| error.errno), Err(EFAULT));
}
