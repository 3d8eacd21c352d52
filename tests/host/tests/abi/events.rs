//! Event queues, windows.

use crate::common::*;
use event::{EventFlags, RawEventQueue};
use host::Process;
use libredox::call::{self, MmapArgs};
use libredox::errno::{EBADF, EBUSY, EINVAL};
use libredox::flag;
use syscall::EventFlags as RedoxFlags;
use syscall::data::TimeSpec;
use syscall::schemev2::{Cqe, CqeOpcode, NewFdFlags, Opcode};

/// The redox number of a clock that only goes forward.
const MONOTONIC: &str = "/scheme/time/4";

#[test]
fn a_handle_is_ready_at_once_or_when_the_scheme_says_so() {
    let daemon = Daemon::new("event-handle");
    let client = daemon.client();
    let fd = daemon.open(&client, "", 7, NewFdFlags::empty());
    let waiting = client.spawn(move || {
        let queue = RawEventQueue::new().unwrap();
        queue.subscribe(fd, 55, EventFlags::READ | EventFlags::WRITE).unwrap();
        let mut events = [(); 2].map(|()| queue.next_event().unwrap());
        // The two may overtake each other.
        events.sort_by_key(|event| event.flags);
        events.map(|event| (event.fd, event.user_data, event.flags))
    });
    let sqe = daemon.expect(Opcode::Fevent);
    assert_eq!(sqe.args[..2], [7, 3]);
    daemon.answer(&sqe, Ok(RedoxFlags::EVENT_WRITE.bits()));
    let flags = CqeOpcode::SendFevent as u8;
    let tag = RedoxFlags::EVENT_READ.bits() as u32;
    daemon.write(&[Cqe { flags, tag, result: 7, ..Cqe::default() }]).unwrap();
    assert_eq!(waiting.join().unwrap(), [(fd, 55, 1), (fd, 55, 2)]);
    assert_eq!(daemon.write(&[Cqe { flags, tag: 8, result: 7, ..Cqe::default() }]), Err(EINVAL));
}

#[test]
fn a_socket_is_ready_when_requests_are_queued() {
    let daemon = Daemon::new("event-socket");
    let client = daemon.client();
    let fd = daemon.open(&client, "", 7, NewFdFlags::empty());
    let queue = daemon.process.enter(|| {
        let queue = RawEventQueue::new().unwrap();
        queue.subscribe(daemon.socket, 1, EventFlags::READ).unwrap();
        queue
    });
    let calling = client.spawn(move || call_rw(fd, &mut [], &[]));
    let event = daemon.process.enter(|| queue.next_event().unwrap());
    assert_eq!((event.fd, event.flags), (daemon.socket, 1));
    let sqe = daemon.expect(Opcode::Call);
    daemon.answer(&sqe, Ok(0));
    calling.join().unwrap().unwrap();
    daemon.process.enter(|| drop(queue));
}

#[test]
fn a_pipe_wakes_a_queue_and_so_does_a_queue() {
    let process = Process::isolated("event-pipe", 0, 0);
    let (reader, writer) = process.pipe().unwrap();
    let waiting = process.spawn(move || {
        let (inner, outer) = (RawEventQueue::new().unwrap(), RawEventQueue::new().unwrap());
        inner.subscribe(reader, 1, EventFlags::READ).unwrap();
        inner.subscribe(writer, 2, EventFlags::WRITE).unwrap();
        assert_eq!(inner.next_event().unwrap().user_data, 2);
        inner.unsubscribe(writer).unwrap();
        assert!(outer.subscribe(12345, 3, EventFlags::READ).is_err());
        inner.next_event().unwrap().user_data
    });
    process.wait_blocked(1);
    process.enter(|| call::write(writer, b"x").unwrap());
    assert_eq!(waiting.join().unwrap(), 1);
}

#[test]
fn an_alarm_is_an_event() {
    let process = Process::isolated("event-alarm", 0, 0);
    process.enter(|| {
        let queue = RawEventQueue::new().unwrap();
        let clock = call::open(MONOTONIC, flag::O_RDWR, 0).unwrap();
        queue.subscribe(clock, 9, EventFlags::READ).unwrap();
        let mut now = TimeSpec::default();
        assert_eq!(call::read(clock, &mut now).unwrap(), size_of::<TimeSpec>());
        let due = TimeSpec::from_nanos(now.to_nanos() + 1_000_000);
        assert_eq!(call::write(clock, &due).unwrap(), size_of::<TimeSpec>());
        assert_eq!(queue.next_event().unwrap().user_data, 9);
        call::read(clock, &mut now).unwrap();
        assert!(now.to_nanos() >= due.to_nanos());
    });
}

#[test]
fn a_queue_s_timeout_is_an_event_once() {
    let process = Process::isolated("event-timeout", 0, 0);
    process.enter(|| {
        let queue = RawEventQueue::new().unwrap();
        queue.subscribe(syscall::EVENT_TIMEOUT_ID, 1, EventFlags::READ).unwrap();
        let event = queue.next_event().unwrap();
        assert_eq!((event.fd, event.user_data), (syscall::EVENT_TIMEOUT_ID, 1));
    });
}

fn window(fd: usize, offset: u64) -> MmapArgs {
    MmapArgs {
        addr: std::ptr::null_mut(),
        length: 2 * PAGE,
        prot: flag::PROT_READ | flag::PROT_WRITE,
        flags: flag::MAP_SHARED,
        fd,
        offset,
    }
}

#[test]
fn a_window_is_the_same_memory_on_both_sides() {
    let daemon = Daemon::new("event-window");
    let client = daemon.client();
    let fd = daemon.open(&client, "", 7, NewFdFlags::empty());
    let memory = daemon.process.enter(|| {
        // SAFETY: fresh memory at no particular place.
        unsafe { call::mmap(window(usize::MAX, 0)) }.unwrap() as usize
    });
    let mapping = client.spawn(move || {
        // SAFETY: the window is at no particular place and two pages long.
        unsafe {
            let base = call::mmap(window(fd, PAGE as u64)).unwrap();
            base.cast::<u8>().write(7);
            call::munmap(base, 2 * PAGE).unwrap();
        }
    });
    let sqe = daemon.expect(Opcode::MmapPrep);
    let flags = syscall::PROT_READ | syscall::PROT_WRITE | syscall::MAP_SHARED;
    assert_eq!(sqe.args[..4], [7, 2 * PAGE as u64, flags.bits() as u64, PAGE as u64]);
    daemon.answer(&sqe, Ok(memory));
    let sqe = daemon.expect(Opcode::Munmap);
    assert_eq!(sqe.args[..4], [7, 2 * PAGE as u64, 1, PAGE as u64]);
    daemon.answer(&sqe, Ok(0));
    mapping.join().unwrap();
    // SAFETY: the daemon's memory is still there.
    assert_eq!(unsafe { (memory as *const u8).read() }, 7);
}

#[test]
fn a_window_keeps_its_handle_open_until_the_process_ends() {
    let daemon = Daemon::new("event-keep");
    let client = daemon.client();
    let fd = daemon.open(&client, "", 7, NewFdFlags::empty());
    let memory = daemon.process.enter(|| {
        // SAFETY: fresh memory at no particular place.
        unsafe { call::mmap(window(usize::MAX, 0)) }.unwrap() as usize
    });
    let mapping = client.spawn(move || {
        // SAFETY: the window is at no particular place.
        unsafe { call::mmap(window(fd, 0)) }.unwrap();
        call::close(fd).unwrap();
    });
    let sqe = daemon.expect(Opcode::MmapPrep);
    daemon.answer(&sqe, Ok(memory));
    mapping.join().unwrap();
    client.exit();
    let sqe = daemon.expect(Opcode::Munmap);
    assert_eq!(daemon.expect(Opcode::CloseMsg).args[0], 7);
    daemon.answer(&sqe, Ok(0));
}

#[test]
fn windows_are_refused_where_the_kernel_refuses_them() {
    let daemon = Daemon::new("event-refuse");
    let client = daemon.client();
    let fd = daemon.open(&client, "", 7, NewFdFlags::empty());
    let own = daemon.open(&daemon.process, "", 8, NewFdFlags::empty());
    // SAFETY: none of these maps anything.
    let map = |args| errno(unsafe { call::mmap(args) }).map(|_| ());
    daemon.process.enter(|| assert_eq!(map(window(own, 0)), Err(EBUSY)));
    client.enter(|| {
        assert_eq!(map(window(fd, 5)), Err(EINVAL));
        assert_eq!(map(MmapArgs { length: 0, ..window(fd, 0) }), Err(EINVAL));
        assert_eq!(map(window(12345, 0)), Err(EBADF));
    });
    let mapping =
        // SAFETY: a window at a bad address is refused.
        client.spawn(move || errno(unsafe { call::mmap(window(fd, 0)) }).map(|_| ()));
    let sqe = daemon.expect(Opcode::MmapPrep);
    daemon.answer(&sqe, Ok(PAGE + 1));
    assert_eq!(mapping.join().unwrap(), Err(EINVAL));
}
