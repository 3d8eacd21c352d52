//! `SYS_CALL`: payloads, metadata, flags, answers.

use crate::common::*;
use libredox::call;
use libredox::errno::{EBADFD, EFAULT, EINVAL, EIO};
use syscall::CallFlags;
use syscall::schemev2::{Cqe, CqeOpcode, NewFdFlags, Opcode};

#[test]
fn a_call_without_payload_lends_nothing() {
    let daemon = Daemon::new("calls-empty");
    let client = daemon.client();
    let fd = daemon.open(&client, "", 7, NewFdFlags::empty());
    let before = client.stats();
    let calling = client.spawn(move || call_rw(fd, &mut [], &[1, 2, 3]));
    let sqe = daemon.expect(Opcode::Call);
    assert_eq!(sqe.args, [7, 1 << 62, 0, 1, 2, 3]);
    assert_eq!(sqe.caller, client.pid() as u64);
    daemon.answer(&sqe, Ok(42));
    assert_eq!(calling.join().unwrap(), Ok(42));
    let cost = client.stats().since(&before);
    assert_eq!((cost.requests, cost.without_memory, cost.pages_mapped()), (1, 1, 0));
}

#[test]
fn payloads_of_any_size_and_place_go_there_and_back() {
    let echo = Echo::start();
    let (client, fd) = echo.client();
    client.enter(|| {
        let mut memory = vec![0_u8; (1 << 20) + 3 * PAGE];
        let aligned = memory.as_ptr().align_offset(PAGE);
        for len in [1, 64, PAGE - 1, PAGE, PAGE + 1, 3 * PAGE, 1 << 16, 1 << 20] {
            for offset in [0, 1, 8, PAGE - 1] {
                let payload = &mut memory[aligned + offset..][..len];
                payload.fill(len as u8);
                assert_eq!(call_rw(fd, payload, &[5]), Ok(5));
                assert!(payload.iter().all(|byte| *byte == (len as u8).wrapping_add(1)));
            }
        }
    });
    echo.stop();
}

#[test]
fn a_payload_of_64_mib_is_lent() {
    let daemon = Daemon::new("calls-large");
    let client = daemon.client();
    let fd = daemon.open(&client, "", 7, NewFdFlags::empty());
    let calling = client.spawn(move || {
        let mut payload = vec![1_u8; 64 << 20];
        payload[(64 << 20) - 1] = 2;
        let done = call_rw(fd, &mut payload, &[]);
        (done, payload[0], payload[1 << 20], payload[(64 << 20) - 1])
    });
    let sqe = daemon.expect(Opcode::Call);
    // SAFETY: the request isn't answered yet.
    let lent = unsafe { lent(&sqe) };
    assert_eq!((lent.len(), lent[0], lent[(64 << 20) - 1]), (64 << 20, 1, 2));
    lent[1 << 20] = 3;
    daemon.answer(&sqe, Ok(0));
    assert_eq!(calling.join().unwrap(), (Ok(0), 1, 3, 2));
}

#[test]
fn a_payload_appears_at_the_same_place_in_its_page() {
    let daemon = Daemon::new("calls-place");
    let client = daemon.client();
    let fd = daemon.open(&client, "", 7, NewFdFlags::empty());
    let mut memory = vec![3_u8; 4 * PAGE];
    let calling = client.spawn(move || {
        let start = memory.as_ptr().align_offset(PAGE) + 100;
        let payload = &mut memory[start..start + 2 * PAGE];
        let done = call_rw(fd, payload, &[]);
        (done, payload.as_ptr() as usize, payload[0])
    });
    let before = client.stats();
    let sqe = daemon.expect(Opcode::Call);
    assert_eq!(sqe.args[1] as usize % PAGE, 100);
    // SAFETY: the request isn't answered yet.
    unsafe { lent(&sqe)[0] = 9 };
    daemon.answer(&sqe, Ok(0));
    let (done, addr, first) = calling.join().unwrap();
    assert_eq!((done, first), (Ok(0), 9));
    assert_ne!(addr, sqe.args[1] as usize);
    let cost = client.stats();
    assert!(cost.requests >= before.requests);
    assert_eq!((cost.pages_shared, cost.bytes_out), (1, PAGE as u64));
}

#[test]
fn within_a_process_the_pointer_arrives_as_it_is() {
    let daemon = Daemon::new("calls-same");
    let fd = daemon.open(&daemon.process, "", 7, NewFdFlags::empty());
    let calling = daemon.process.spawn(move || {
        let mut payload = [1_u8; 10];
        (call_rw(fd, &mut payload, &[]), payload.as_ptr() as u64)
    });
    let sqe = daemon.expect(Opcode::Call);
    daemon.answer(&sqe, Ok(0));
    assert_eq!(calling.join().unwrap(), (Ok(0), sqe.args[1]));
}

#[test]
fn a_ragged_payload_in_read_only_memory_is_efault_after_the_daemon_served_it() {
    static DATA: [u8; 5] = *b"fixed";
    let daemon = Daemon::new("calls-fixed");
    let client = daemon.client();
    let fd = daemon.open(&client, "", 7, NewFdFlags::empty());
    let calling = client.spawn(move || errno(call::call_wo(fd, &DATA, CallFlags::empty(), &[])));
    let sqe = daemon.expect(Opcode::Call);
    // SAFETY: the request isn't answered yet.
    assert_eq!(unsafe { lent(&sqe) }, b"fixed");
    daemon.answer(&sqe, Ok(5));
    assert_eq!(calling.join().unwrap(), Err(EFAULT));
    let writing = client.spawn(move || errno(call::write(fd, &DATA)));
    let sqe = daemon.expect(Opcode::Write);
    daemon.answer(&sqe, Ok(5));
    assert_eq!(writing.join().unwrap(), Ok(5));
}

#[test]
fn metadata_over_three_words_is_dropped() {
    let echo = Echo::start();
    let (client, fd) = echo.client();
    client.enter(|| {
        assert_eq!(call_rw(fd, &mut [], &[1, 2, 4, 8, 16]), Ok(7));
        assert_eq!(call_rw(fd, &mut [], &[1]), Ok(1));
    });
    echo.stop();
}

#[test]
fn unknown_flags_are_refused_before_the_daemon_hears_of_it() {
    let echo = Echo::start();
    let (client, fd) = echo.client();
    client.enter(|| {
        for flags in [CallFlags::ALLOW_DIRECT_SWITCH, CallFlags::MULTIPLE_FDS2] {
            assert_eq!(errno(call::call_rw(fd, &mut [], flags, &[])), Err(EINVAL));
        }
        assert_eq!(
            errno(call::call_rw(&[fd, fd][..], &mut [], CallFlags::empty(), &[])),
            Err(EINVAL)
        );
    });
    echo.stop();
}

#[test]
fn an_answer_to_an_unknown_tag_is_ebadfd() {
    let daemon = Daemon::new("calls-tag");
    assert_eq!(daemon.write(&[word(55, Ok(0))]), Err(EBADFD));
}

#[test]
fn a_second_answer_in_one_write_ends_the_write_early() {
    let daemon = Daemon::new("calls-second");
    let client = daemon.client();
    let fd = daemon.open(&client, "", 7, NewFdFlags::empty());
    let calling = client.spawn(move || call_rw(fd, &mut [], &[]));
    let tag = daemon.expect(Opcode::Call).tag;
    let answers = [word(tag, Ok(1)), word(tag, Ok(2))];
    assert_eq!(daemon.write(&answers), Ok(size_of::<Cqe>()));
    assert_eq!(calling.join().unwrap(), Ok(1));
    assert_eq!(daemon.write(&[word(tag, Ok(3))]), Err(EBADFD));
}

#[test]
fn answering_a_call_with_a_descriptor_is_eio() {
    let daemon = Daemon::new("calls-fd");
    let client = daemon.client();
    let fd = daemon.open(&client, "", 7, NewFdFlags::empty());
    let calling = client.spawn(move || call_rw(fd, &mut [], &[]));
    let tag = daemon.expect(Opcode::Call).tag;
    let gift = daemon.process.enter(|| create_handle(daemon.socket, 8)).unwrap();
    let flags = CqeOpcode::RespondWithFd as u8;
    daemon.write(&[Cqe { flags, tag, result: gift as u64, ..Cqe::default() }]).unwrap();
    assert_eq!(calling.join().unwrap(), Err(EIO));
}

#[test]
fn an_errno_over_132_is_a_huge_success() {
    let daemon = Daemon::new("calls-errno");
    let client = daemon.client();
    let fd = daemon.open(&client, "", 7, NewFdFlags::empty());
    for (errno, raw) in [(132, -132), (133, -133)] {
        let reading = client.spawn(move || {
            // SAFETY: an empty buffer needs no memory.
            unsafe { raw_read(fd, std::ptr::null_mut(), 0) as isize }
        });
        let sqe = daemon.expect(Opcode::Read);
        daemon.answer(&sqe, Err(errno));
        assert_eq!(reading.join().unwrap(), raw);
    }
}

unsafe extern "C" {
    #[link_name = "redox_read_v1"]
    fn raw_read(fd: usize, base: *mut u8, len: usize) -> usize;
}

#[test]
fn answers_may_come_late_and_in_any_order() {
    let daemon = Daemon::new("calls-order");
    let client = daemon.client();
    let fd = daemon.open(&client, "", 7, NewFdFlags::empty());
    let calls: Vec<_> = (0..4).map(|n| client.spawn(move || call_rw(fd, &mut [], &[n]))).collect();
    let mut requests: Vec<_> = (0..4).map(|_| daemon.expect(Opcode::Call)).collect();
    requests.sort_by_key(|sqe| std::cmp::Reverse(sqe.tag));
    let answers: Vec<_> =
        requests.iter().map(|sqe| word(sqe.tag, Ok(sqe.args[3] as usize + 10))).collect();
    assert_eq!(daemon.write(&answers), Ok(4 * size_of::<Cqe>()));
    for (n, call) in calls.into_iter().enumerate() {
        assert_eq!(call.join().unwrap(), Ok(n + 10));
    }
}

#[test]
fn several_requests_are_read_at_once_and_only_whole_ones_are_taken() {
    let daemon = Daemon::new("calls-batch");
    let client = daemon.client();
    let fd = daemon.open(&client, "", 7, NewFdFlags::empty());
    let calls: Vec<_> = (0..3).map(|n| client.spawn(move || call_rw(fd, &mut [], &[n]))).collect();
    client.wait_blocked(3);
    daemon.process.enter(|| {
        let mut two = [0_u8; 2 * 64];
        assert_eq!(call::read(daemon.socket, &mut two).unwrap(), two.len());
    });
    let last = daemon.expect(Opcode::Call);
    let answers = [0, 1, 2].map(|tag| word(tag, Ok(0)));
    assert_eq!(last.tag, 2);
    daemon.write(&answers).unwrap();
    calls.into_iter().for_each(|call| assert_eq!(call.join().unwrap(), Ok(0)));
}

#[test]
fn several_threads_may_read_one_socket() {
    let daemon = Daemon::new("calls-threads");
    let client = daemon.client();
    let fd = daemon.open(&client, "", 7, NewFdFlags::empty());
    let socket = daemon.socket;
    // These were never attached: the socket's process adopts them.
    let workers: Vec<_> = (0..3)
        .map(|_| {
            std::thread::spawn(move || {
                let sqe = next(socket).unwrap();
                errno(call::write(socket, &word(sqe.tag, Ok(sqe.args[3] as usize)))).unwrap();
            })
        })
        .collect();
    let calls: Vec<_> = (0..3).map(|n| client.spawn(move || call_rw(fd, &mut [], &[n]))).collect();
    for (n, call) in calls.into_iter().enumerate() {
        assert_eq!(call.join().unwrap(), Ok(n));
    }
    workers.into_iter().for_each(|worker| worker.join().unwrap());
}
