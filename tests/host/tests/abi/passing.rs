//! Pipes, and descriptors that travel.

use crate::common::*;
use host::Process;
use libredox::errno::{EAGAIN, EBADF, EBUSY, EINVAL, ENOENT, EPIPE};
use libredox::{call, flag};
use syscall::schemev2::{Cqe, CqeOpcode, NewFdFlags, Opcode};
use syscall::{CallFlags, SchemeSocketCall};

const FD_UPPER: CallFlags = CallFlags::FD.union(CallFlags::FD_UPPER);

fn send(through: usize, fds: &[usize], flags: CallFlags) -> Outcome {
    let bytes: Vec<u8> = fds.iter().flat_map(|fd| fd.to_ne_bytes()).collect();
    errno(call::call_wo(through, &bytes, CallFlags::FD | flags, &[]))
}

fn receive(from: usize, count: usize, flags: CallFlags, metadata: &[u64]) -> Outcome<Vec<usize>> {
    let mut bytes = vec![0xff; count * size_of::<usize>()];
    errno(call::call_ro(from, &mut bytes, flags, metadata))?;
    Ok(bytes.as_chunks().0.iter().map(|word| usize::from_ne_bytes(*word)).collect())
}

fn nonblocking(fd: usize) {
    call::fcntl(fd, 4, flag::O_NONBLOCK as usize).unwrap();
}

#[test]
fn a_pipe_carries_bytes_one_way() {
    let process = Process::isolated("bytes", 0, 0);
    let (reader, writer) = process.pipe().unwrap();
    process.enter(|| {
        let mut buffer = [0; 8];
        assert_eq!(call::write(writer, b"hello").unwrap(), 5);
        assert_eq!(call::read(reader, &mut buffer).unwrap(), 5);
        assert_eq!(&buffer[..5], b"hello");
        assert_eq!(errno(call::read(writer, &mut buffer)), Err(EBADF));
        assert_eq!(errno(call::write(reader, b"x")), Err(EBADF));
        assert_eq!(errno(call::dup(reader, b"write")), Err(EBADF));
        assert_eq!(errno(call::dup(reader, b"other")), Err(EINVAL));
        nonblocking(reader);
        assert_eq!(errno(call::read(reader, &mut buffer)), Err(EAGAIN));
    });
}

#[test]
fn the_other_end_s_close_is_end_of_file_or_a_broken_pipe() {
    let process = Process::isolated("ends", 0, 0);
    let (reader, writer) = process.pipe().unwrap();
    let reading = process.spawn(move || errno(call::read(reader, &mut [0; 1])));
    process.wait_blocked(1);
    process.enter(|| call::close(writer).unwrap());
    assert_eq!(reading.join().unwrap(), Ok(0));
    let (reader, writer) = process.pipe().unwrap();
    process.enter(|| {
        call::close(reader).unwrap();
        assert_eq!(errno(call::write(writer, b"x")), Err(EPIPE));
    });
}

#[test]
fn a_full_pipe_blocks_and_is_drained() {
    let process = Process::isolated("full", 0, 0);
    let (reader, writer) = process.pipe().unwrap();
    let data = vec![1_u8; 65_536];
    process.enter(|| assert_eq!(call::write(writer, &data).unwrap(), data.len()));
    let writing = process.spawn(move || errno(call::write(writer, b"more")));
    process.wait_blocked(1);
    let mut buffer = vec![0; 65_536];
    process.enter(|| assert_eq!(call::read(reader, &mut buffer).unwrap(), buffer.len()));
    assert_eq!(writing.join().unwrap(), Ok(4));
}

#[test]
fn readiness_is_told_over_an_inherited_pipe() {
    let init = Process::isolated("init", 0, 0);
    let (reader, writer) = init.pipe().unwrap();
    let daemon = init.child("daemon", 0, 0);
    let notify = daemon.inherit(&init, writer).unwrap();
    init.enter(|| call::close(writer).unwrap());
    let daemon = daemon.spawn(move || {
        call::write(notify, &[0]).unwrap();
        call::close(notify).unwrap();
    });
    init.enter(|| {
        let mut byte = [9];
        assert_eq!(call::read(reader, &mut byte).unwrap(), 1);
        assert_eq!((byte, call::read(reader, &mut byte).unwrap()), ([0], 0));
    });
    daemon.join().unwrap();
}

#[test]
fn a_root_travels_over_a_pipe_and_is_registered_by_the_receiver() {
    let init = Process::isolated("init", 0, 0);
    let (reader, writer) = init.pipe().unwrap();
    let daemon = init.child("daemon", 0, 0);
    let notify = daemon.inherit(&init, writer).unwrap();
    let socket = daemon.enter(|| {
        let socket = create_socket().unwrap();
        let root = create_handle(socket, ROOT).unwrap();
        assert_eq!(send(notify, &[root], CallFlags::empty()), Ok(1));
        assert_eq!(errno(call::close(root)), Err(EBADF));
        socket
    });
    init.enter(|| {
        let root = receive(reader, 1, FD_UPPER, &[]).unwrap()[0];
        register("piped", root).unwrap();
    });
    let opening = init.child("client", 7, 7).spawn(|| call::open("/scheme/piped/x", 0, 0).unwrap());
    daemon.enter(|| {
        let sqe = next(socket).unwrap();
        assert_eq!(sqe.args[0], ROOT as u64);
        call::write(socket, &word(sqe.tag, Ok(1))).unwrap();
    });
    opening.join().unwrap();
}

#[test]
fn without_the_upper_flag_a_pipe_loses_what_it_hands_out() {
    let process = Process::isolated("lower", 0, 0);
    let (reader, writer) = process.pipe().unwrap();
    let (gift, _) = process.pipe().unwrap();
    process.enter(|| {
        send(writer, &[gift], CallFlags::FD_CLONE).unwrap();
        let got = receive(reader, 1, CallFlags::FD, &[]).unwrap()[0];
        assert_eq!(errno(call::read(got, &mut [0; 1])), Err(EBADF));
    });
}

#[test]
fn a_moved_descriptor_is_gone_and_a_cloned_one_stays() {
    let process = Process::isolated("moved", 0, 0);
    let (_, writer) = process.pipe().unwrap();
    let (one, other) = process.pipe().unwrap();
    process.enter(|| {
        assert_eq!(send(writer, &[one], CallFlags::FD_CLONE), Ok(1));
        assert_eq!(send(writer, &[one, 12345], CallFlags::empty()), Err(EBADF));
        assert_eq!(send(writer, &[other, other], CallFlags::empty()), Err(EBADF));
        assert_eq!(send(writer, &[other], CallFlags::empty()), Ok(1));
        assert_eq!(errno(call::write(other, b"x")), Err(EBADF));
        call::dup(one, b"").unwrap();
        assert_eq!(send(writer, &[one], CallFlags::FD_EXCLUSIVE), Err(EBUSY));
    });
}

#[test]
fn a_scheme_is_offered_descriptors_and_takes_them() {
    let daemon = Daemon::new("pass-send");
    let client = daemon.client();
    let fd = daemon.open(&client, "", 7, NewFdFlags::empty());
    let (reader, writer) = client.pipe().unwrap();
    let sending = client.spawn(move || {
        let bytes = writer.to_ne_bytes();
        errno(call::call_wo(fd, &bytes, CallFlags::FD, &[77]))
    });
    let sqe = daemon.expect(Opcode::Sendfd);
    assert_eq!(sqe.args, [7, 0, 77, 1, 0, 1001 | 1002 << 32]);
    daemon.process.enter(|| {
        let obtain = |tag| [SchemeSocketCall::ObtainFd as u64, tag];
        let got = receive(daemon.socket, 1, CallFlags::FD, &obtain(sqe.tag.into())).unwrap()[0];
        call::write(got, b"hi").unwrap();
        assert_eq!(receive(daemon.socket, 1, CallFlags::FD, &obtain(99)), Err(EINVAL));
    });
    daemon.answer(&sqe, Ok(1));
    assert_eq!(sending.join().unwrap(), Ok(1));
    client.enter(|| {
        let mut buffer = [0; 2];
        call::read(reader, &mut buffer).unwrap();
        assert_eq!((&buffer, errno(call::close(writer))), (b"hi", Err(EBADF)));
    });
}

#[test]
fn descriptors_that_a_scheme_does_not_take_are_closed() {
    let daemon = Daemon::new("pass-refuse");
    let client = daemon.client();
    let fd = daemon.open(&client, "", 7, NewFdFlags::empty());
    let gift = daemon.open(&client, "", 8, NewFdFlags::empty());
    let sending = client.spawn(move || send(fd, &[gift], CallFlags::empty()));
    let sqe = daemon.expect(Opcode::Sendfd);
    daemon.answer(&sqe, Err(ENOENT));
    assert_eq!(sending.join().unwrap(), Err(ENOENT));
    assert_eq!(daemon.expect(Opcode::CloseMsg).args[0], 8);
}

#[test]
fn a_scheme_hands_descriptors_out_on_request() {
    let daemon = Daemon::new("pass-receive");
    let client = daemon.client();
    let fd = daemon.open(&client, "", 7, NewFdFlags::empty());
    let (reader, writer) = daemon.process.pipe().unwrap();
    let receiving = client.spawn(move || {
        let got = receive(fd, 1, CallFlags::FD, &[5, 6]).unwrap()[0];
        call::write(got, b"ok").unwrap();
    });
    let sqe = daemon.expect(Opcode::Recvfd);
    assert_eq!(sqe.args, [7, 0, 1, 5, 6, 1001 | 1002 << 32]);
    daemon.process.enter(|| {
        let metadata = [SchemeSocketCall::MoveFd as u64, sqe.tag.into()];
        let bytes = writer.to_ne_bytes();
        call::call_wo(daemon.socket, &bytes, CallFlags::FD, &metadata).unwrap();
    });
    let flags = CqeOpcode::RespondWithMultipleFds as u8;
    daemon.write(&[Cqe { flags, tag: sqe.tag, result: 1, ..Cqe::default() }]).unwrap();
    receiving.join().unwrap();
    daemon.process.enter(|| {
        let mut buffer = [0; 2];
        call::read(reader, &mut buffer).unwrap();
        assert_eq!(&buffer, b"ok");
    });
}

#[test]
fn an_open_answered_with_a_descriptor_opens_that() {
    let daemon = Daemon::new("pass-open");
    let client = daemon.client();
    let (reader, writer) = daemon.process.pipe().unwrap();
    let path = daemon.path("x");
    let opening = client.spawn(move || {
        let got = call::open(path, flag::O_RDWR, 0).unwrap();
        call::write(got, b"ok").unwrap();
    });
    let tag = daemon.expect(Opcode::OpenAt).tag;
    let flags = CqeOpcode::RespondWithFd as u8;
    let answer = Cqe { flags, tag, result: writer as u64, ..Cqe::default() };
    daemon.write(&[answer]).unwrap();
    opening.join().unwrap();
    daemon.process.enter(|| {
        let mut buffer = [0; 2];
        call::read(reader, &mut buffer).unwrap();
        // The number stays taken until its owner closes it.
        assert_eq!((&buffer, errno(call::close(writer))), (b"ok", Err(EBADF)));
    });
    let bad = Cqe { tag, ..answer };
    assert_eq!(daemon.write(&[bad]), Err(EINVAL));
}

#[test]
fn a_dup_with_a_verb_goes_to_the_scheme() {
    let daemon = Daemon::new("pass-dup");
    let client = daemon.client();
    let fd = daemon.open(&client, "", 7, NewFdFlags::empty());
    let duplicating = client.spawn(move || call::dup(fd, b"verb").unwrap());
    let sqe = daemon.expect(Opcode::Dup);
    // SAFETY: the request isn't answered yet.
    assert_eq!((sqe.args[0], unsafe { lent(&sqe) } as &[u8]), (7, b"verb".as_slice()));
    daemon.answer(&sqe, Ok(8));
    let copy = duplicating.join().unwrap();
    client.enter(|| call::close(copy).unwrap());
    assert_eq!(daemon.expect(Opcode::CloseMsg).args[0], 8);
}
