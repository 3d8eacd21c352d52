//! Closing, dying, cancelling.

use crate::common::*;
use host::Process;
use libredox::errno::{EAGAIN, EBADF, ECANCELED, EINTR, EIO, ENODEV, ESRCH};
use libredox::{call, flag};
use syscall::schemev2::{Cqe, CqeOpcode, NewFdFlags, Opcode, SqeFlags};

#[test]
fn close_reaches_the_scheme_with_the_last_descriptor() {
    let daemon = Daemon::new("life-close");
    let client = daemon.client();
    let fd = daemon.open(&client, "", 7, NewFdFlags::empty());
    let other = daemon.client();
    let inherited = other.inherit(&client, fd).unwrap();
    client.enter(|| {
        let copy = call::dup(fd, b"").unwrap();
        call::close(fd).unwrap();
        call::close(copy).unwrap();
    });
    assert_eq!(daemon.poll().err(), Some(EAGAIN));
    other.enter(|| call::close(inherited).unwrap());
    let sqe = daemon.expect(Opcode::CloseMsg);
    assert_eq!((sqe.args[0], sqe.tag, sqe.caller), (7, 0, 0));
}

#[test]
fn a_descriptor_closed_during_a_call_is_never_reported() {
    let daemon = Daemon::new("life-lost");
    let client = daemon.client();
    let fd = daemon.open(&client, "", 7, NewFdFlags::empty());
    let before = host::stats().lost_closes;
    let calling = client.spawn(move || call_rw(fd, &mut [], &[]));
    let sqe = daemon.expect(Opcode::Call);
    client.enter(|| call::close(fd).unwrap());
    daemon.answer(&sqe, Ok(0));
    calling.join().unwrap().unwrap();
    assert_eq!(daemon.poll().err(), Some(EAGAIN));
    assert!(host::stats().lost_closes > before);
}

#[test]
fn every_descriptor_that_goes_is_reported_if_the_scheme_asks_for_it() {
    let daemon = Daemon::new("life-detach");
    let client = daemon.client();
    let fd = daemon.open(&client, "", 7, NewFdFlags::empty());
    let syncing = client.spawn(move || call::fsync(fd).unwrap());
    let tag = daemon.expect(Opcode::StdFsCall).tag;
    let flags = CqeOpcode::RespondAndNotifyOnDetach as u8;
    daemon.write(&[Cqe { flags, ..word(tag, Ok(0)) }]).unwrap();
    syncing.join().unwrap();
    client.enter(|| {
        let copy = call::dup(fd, b"").unwrap();
        call::close(copy).unwrap();
    });
    let sqe = daemon.expect(Opcode::Detach);
    assert_eq!((sqe.args[0], sqe.caller), (7, client.pid() as u64));
}

#[test]
fn a_signal_cancels_once_and_cancelled_becomes_eintr() {
    let daemon = Daemon::new("life-cancel");
    let client = daemon.client();
    let fd = daemon.open(&client, "", 7, NewFdFlags::empty());
    let calling = client.spawn(move || call_rw(fd, &mut [], &[]));
    let sqe = daemon.expect(Opcode::Call);
    client.wait_blocked(1);
    assert_eq!(host::interrupt(client.pid()), 1);
    let cancel = daemon.expect(Opcode::Cancel);
    assert_eq!((cancel.tag, cancel.caller), (sqe.tag, 0));
    assert!(cancel.sqe_flags.contains(SqeFlags::ONEWAY));
    daemon.answer(&sqe, Err(ECANCELED));
    assert_eq!(calling.join().unwrap(), Err(EINTR));
}

#[test]
fn a_cancelled_call_may_still_be_answered() {
    let daemon = Daemon::new("life-late");
    let client = daemon.client();
    let fd = daemon.open(&client, "", 7, NewFdFlags::empty());
    let calling = client.spawn(move || call_rw(fd, &mut [], &[]));
    let sqe = daemon.expect(Opcode::Call);
    client.wait_blocked(1);
    client.interrupt();
    daemon.expect(Opcode::Cancel);
    daemon.answer(&sqe, Ok(5));
    assert_eq!(calling.join().unwrap(), Ok(5));
}

#[test]
fn a_daemon_cannot_make_eintr_up() {
    let daemon = Daemon::new("life-eintr");
    let client = daemon.client();
    let fd = daemon.open(&client, "", 7, NewFdFlags::empty());
    let calling = client.spawn(move || call_rw(fd, &mut [], &[]));
    let sqe = daemon.expect(Opcode::Call);
    daemon.answer(&sqe, Err(EINTR));
    assert_eq!(calling.join().unwrap(), Err(EIO));
}

#[test]
fn a_killed_caller_sends_no_cancel_and_its_answer_goes_nowhere() {
    let daemon = Daemon::new("life-kill");
    let client = daemon.client();
    let fd = daemon.open(&client, "", 7, NewFdFlags::empty());
    let calling = client.spawn(move || call_rw(fd, &mut [4; 100], &[]));
    let sqe = daemon.expect(Opcode::Call);
    client.kill();
    assert_eq!(calling.join().unwrap(), Err(EINTR));
    assert_eq!(daemon.expect(Opcode::CloseMsg).args[0], 7);
    // SAFETY: the request isn't answered yet, so the pages are still there.
    assert_eq!(unsafe { lent(&sqe) }, [4; 100]);
    daemon.answer(&sqe, Ok(0));
    assert_eq!(client.enter(|| call_rw(fd, &mut [], &[])), Err(EBADF));
}

#[test]
fn calls_to_a_dead_daemon_are_enodev_and_its_name_stays() {
    let daemon = Daemon::new("life-dead");
    let client = daemon.client();
    let fd = daemon.open(&client, "", 7, NewFdFlags::empty());
    daemon.process.kill();
    client.enter(|| {
        assert_eq!(call_rw(fd, &mut [], &[]), Err(ENODEV));
        assert_eq!(errno(call::open(daemon.path(""), flag::O_RDWR, 0)), Err(ENODEV));
        assert_eq!(errno(call::close(fd)), Err(ENODEV));
        assert_eq!(errno(call::close(fd)), Err(EBADF));
    });
}

#[test]
fn a_caller_of_a_daemon_that_dies_stays_blocked_until_it_is_killed() {
    let daemon = Daemon::new("life-stuck");
    let client = daemon.client();
    let fd = daemon.open(&client, "", 7, NewFdFlags::empty());
    let calling = client.spawn(move || call_rw(fd, &mut [], &[]));
    daemon.expect(Opcode::Call);
    daemon.process.kill();
    client.wait_blocked(1);
    assert!(!calling.is_finished());
    client.kill();
    assert_eq!(calling.join().unwrap(), Err(EINTR));
}

#[test]
fn a_guard_with_the_socket_answers_for_a_dead_daemon() {
    let daemon = Daemon::new("life-guard");
    let client = daemon.client();
    let fd = daemon.open(&client, "", 7, NewFdFlags::empty());
    let guard = Process::isolated("guard", 0, 0);
    let socket = guard.inherit(&daemon.process, daemon.socket).unwrap();
    let calling = client.spawn(move || call_rw(fd, &mut [1; 9], &[]));
    let tag = daemon.expect(Opcode::Call).tag;
    daemon.process.kill();
    guard.enter(|| errno(call::write(socket, &word(tag, Err(ENODEV))))).unwrap();
    assert_eq!(calling.join().unwrap(), Err(ENODEV));
    client.enter(|| {
        assert_eq!(call_rw(fd, &mut [1; 9], &[]), Err(ESRCH));
        assert_eq!(errno(call::open(daemon.path(""), flag::O_RDWR, 0)), Err(ESRCH));
    });
    let calling = client.spawn(move || call_rw(fd, &mut [], &[]));
    guard.enter(|| {
        let sqe = next(socket).unwrap();
        errno(call::write(socket, &word(sqe.tag, Err(EIO)))).unwrap();
    });
    assert_eq!(calling.join().unwrap(), Err(EIO));
}

#[test]
fn a_socket_dies_with_the_thread_that_created_it() {
    let daemon = Process::isolated("life-thread", 0, 0);
    let socket = daemon.spawn(|| create_socket().unwrap()).join().unwrap();
    daemon.enter(|| register("life-thread", create_handle(socket, ROOT).unwrap())).unwrap();
    let client = daemon.child("client", 0, 0);
    let got = client.enter(|| errno(call::open("/scheme/life-thread/x", flag::O_RDWR, 0)));
    assert_eq!(got, Err(ESRCH));
}

#[test]
fn a_nonblocking_socket_has_nothing_to_read_at_first() {
    let daemon = Daemon::new("life-nonblock");
    assert_eq!(daemon.poll().err(), Some(EAGAIN));
}

#[test]
fn a_reader_of_a_socket_is_interrupted_by_a_signal() {
    let daemon = Daemon::new("life-reader");
    let socket = daemon.socket;
    let reading = daemon.process.spawn(move || next(socket).err());
    daemon.process.wait_blocked(1);
    assert_eq!(daemon.process.interrupt(), 1);
    assert_eq!(reading.join().unwrap(), Some(EINTR));
}

#[test]
fn the_end_of_a_process_closes_all_it_has() {
    let daemon = Daemon::new("life-exit");
    let client = daemon.client();
    for number in 1..4 {
        daemon.open(&client, "", number, NewFdFlags::empty());
    }
    client.exit();
    assert!(client.is_dead());
    assert_eq!(client.open_descriptors(), 0);
    let mut closed: Vec<_> = (1..4).map(|_| daemon.expect(Opcode::CloseMsg).args[0]).collect();
    closed.sort_unstable();
    assert_eq!(closed, [1, 2, 3]);
    assert_eq!(client.enter(|| errno(call::open("/scheme/pipe", 0, 0))), Err(EBADF));
}
