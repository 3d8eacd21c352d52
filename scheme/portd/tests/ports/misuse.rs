//! Misuse: one documented errno each, and everybody else's messages keep flowing.

use agent::{Errno, Status, Words};
use client::{
    Batch, May, Outgoing, Port, SendRight,
    record::{Flags, MAX_DATA, RECORD, Record, Verb},
};
use libredox::{call, errno::*, flag::*};
use syscall::CallFlags;

use crate::{
    common::{World, errno, list, open, send},
    setup::{NAME, ends, message, numbered, patient, replies, reply, world},
};

const ALL: u16 = 0o666;
/// What the daemon allows: messages of one right; messages that wait at one port.
const OUTSTANDING: u64 = 1024;
const QUEUED: u64 = 4096;

/// Runs a hostile client as user 8 against a port of user 7's, and checks afterwards that it
/// serves a third as if nothing had been.
fn hostile(attack: impl FnOnce(&World, &mut Port)) {
    let world = world();
    let server = world.process(7, 7);
    let mut port = server.enter(|| Port::create(NAME, 0o622).unwrap());
    world.client(8, 8, || attack(&world, &mut port));
    let client = world.process(9, 9);
    let right = client.enter(|| {
        let right = SendRight::open(NAME).unwrap();
        right.send_one(numbered(99)).unwrap();
        right
    });
    server.enter(|| {
        port.set_nonblocking(true).unwrap();
        while let Ok(event) = port.receive() {
            match event {
                client::Event::Message(message) if message.words()[0] == 99 => {
                    message.reply(Ok(99), [0; 3], &[]).unwrap();
                }
                _ => {}
            }
        }
    });
    client.enter(|| assert_eq!(ends(&right), [(99, Ok(99))]));
}

fn write(right: &SendRight, bytes: &[u8]) -> Result<usize, i32> {
    errno(right.fd().write(bytes))
}

/// The errno that a record of one's own making is refused with.
fn refused(right: &SendRight, record: Record) -> Errno {
    let mut bytes = record.to_bytes().to_vec();
    bytes.resize(RECORD + record.len as usize, 0);
    assert_eq!(write(right, &bytes), Ok(bytes.len()));
    let got = reply(right);
    assert!(got.refused && got.id == record.id, "{got:?}");
    got.status.unwrap_err()
}

#[test]
fn a_bad_record_is_refused_by_its_own_reply_and_the_others_are_sent() {
    hostile(|_, _| {
        let right = SendRight::open(NAME).unwrap();
        let good = Record::new(Verb::Send, 5);
        assert_eq!(refused(&right, Record { flags: Flags::CALL, ..good }), Errno::EPROTO);
        assert_eq!(refused(&right, Record { uid: 7, ..good }), Errno::EPROTO);
        assert_eq!(refused(&right, Record { pid: 1, ..good }), Errno::EPROTO);
        assert_eq!(refused(&right, Record { status: Status::ok(1), ..good }), Errno::EPROTO);
        let (long, room) = (MAX_DATA as u32 + 1, u32::MAX);
        assert_eq!(refused(&right, Record { len: long, ..good }), Errno::EMSGSIZE);
        assert_eq!(refused(&right, Record { room, ..good }), Errno::EMSGSIZE);
        for verb in [Verb::Reply, Verb::Forward, Verb::Connect, Verb::Drop] {
            assert_eq!(refused(&right, Record { verb, ..good }), Errno::EOPNOTSUPP);
        }
        let abort = Record { verb: Verb::Abort, len: 3, ..good };
        assert_eq!(refused(&right, abort), Errno::EPROTO);
        let mut unknown = good.to_bytes();
        unknown[0] = 99;
        assert_eq!(write(&right, &unknown), Ok(RECORD));
        assert_eq!(reply(&right).status, Err(Errno::ENOSYS));

        let mut mixed = good.to_bytes().to_vec();
        mixed.extend_from_slice(&unknown);
        mixed.extend_from_slice(&Record::new(Verb::Send, 6).to_bytes());
        assert_eq!(write(&right, &mixed), Ok(3 * RECORD));
        assert_eq!(right.fd().stat().unwrap().st_size, 2);
    });
}

#[test]
fn a_record_that_is_not_all_there_is_malformed_and_ends_the_write() {
    hostile(|_, _| {
        let right = SendRight::open(NAME).unwrap();
        let good = Record::new(Verb::Send, 5).to_bytes();
        assert_eq!(write(&right, &good[..RECORD - 1]), Err(EPROTO));
        for len in [1, 8, u32::MAX] {
            let torn = Record { len, ..Record::new(Verb::Send, 5) }.to_bytes();
            assert_eq!(write(&right, &torn), Err(EPROTO));
        }
        let mut two = good.to_vec();
        two.extend_from_slice(&good[..9]);
        assert_eq!(write(&right, &two), Ok(RECORD), "the bytes of whole records");
        assert_eq!(write(&right, &[]), Ok(0));
    });
}

#[test]
fn an_id_stands_for_one_message_at_a_time() {
    hostile(|_, port| {
        let right = SendRight::open(NAME).unwrap();
        right.send_one(numbered(5)).unwrap();
        right.send_one(numbered(5)).unwrap();
        let got = reply(&right);
        assert_eq!((got.status, got.refused), (Err(Errno::EEXIST), true));
        assert_eq!(right.fd().stat().unwrap().st_size, 1);
        let _ = port;
    });
}

#[test]
fn a_flood_of_sends_without_reads_is_pushed_back() {
    hostile(|_, _| {
        let right = SendRight::open(NAME).unwrap();
        let mut batch = Batch::new();
        (0..OUTSTANDING + 50).for_each(|id| batch.push(numbered(id)));
        assert_eq!(right.send(&mut batch), Ok(OUTSTANDING as usize));
        assert_eq!(right.send(&mut batch), Err(Errno::EAGAIN));
        assert_eq!(right.call(1, 0, &mut []), Err(Errno::EAGAIN));
        // A mistake needs room for its reply as well. An abort does not.
        assert_eq!(write(&right, &[0; RECORD]), Err(EAGAIN));
        assert_eq!(right.abort(3), Ok(1));
        assert_eq!(right.send(&mut batch), Err(Errno::EAGAIN), "its reply is not read");
        assert_eq!(ends(&right), [(3, Err(Errno::ECANCELED))]);
        assert_eq!(right.send(&mut batch), Ok(1));
    });
}

#[test]
fn a_port_s_queue_is_limited_and_has_room_again() {
    hostile(|_, port| {
        let rights: Vec<_> = (0..5).map(|_| SendRight::open(NAME).unwrap()).collect();
        let mut sent = 0;
        for right in &rights {
            let mut batch = Batch::new();
            (0..OUTSTANDING).for_each(|id| batch.push(numbered(id)));
            sent += right.send(&mut batch).unwrap_or(0) as u64;
        }
        assert_eq!(sent, QUEUED);
        let late = &rights[4];
        assert_eq!(late.send_one(numbered(1)), Err(Errno::EAGAIN));
        assert_eq!(late.call(1, 0, &mut []), Err(Errno::EAGAIN));
        let _ = port;
    });
}

#[test]
fn what_one_user_has_in_flight_is_limited_and_others_go_on() {
    hostile(|world, _| {
        let data = vec![7; MAX_DATA];
        let rights: Vec<_> = (0..2).map(|_| SendRight::open(NAME).unwrap()).collect();
        let mut end = Ok(());
        let mut sent = 0;
        for id in 0.. {
            end = rights[0].send_one(Outgoing { data: &data, ..numbered(id) });
            if end.is_err() {
                break;
            }
            sent += 1;
        }
        assert_eq!(end, Err(Errno::ENOMEM));
        assert!((200..=256).contains(&sent), "{sent}: 16 MiB, less what each takes itself");
        let mut room = vec![0; MAX_DATA];
        assert_eq!(rights[1].call(1, 0, &mut room), Err(Errno::ENOMEM));
        world.client(10, 10, || {
            let right = SendRight::open(NAME).unwrap();
            right.send_one(Outgoing { data: &data, ..numbered(1) }).unwrap();
        });
        drop(rights);
        SendRight::open(NAME).unwrap().send_one(Outgoing { data: &data, ..numbered(1) }).unwrap();
    });
}

#[test]
fn thousands_of_opens_are_limited_and_others_go_on() {
    hostile(|world, _| {
        let mut held = Vec::new();
        let end = loop {
            match SendRight::open(NAME) {
                Ok(right) => held.push(right),
                Err(errno) => break errno,
            }
        };
        assert_eq!((end, held.len()), (Errno::EMFILE, 16_384));
        assert_eq!(held[0].another().err(), Some(Errno::EMFILE));
        assert_eq!(Port::create("/scheme/port/user/8/x", ALL).err(), Some(Errno::EMFILE));
        assert_eq!(list("/scheme/port/user").err(), Some(EMFILE));
        world.client(10, 10, || SendRight::open(NAME).unwrap().send_one(numbered(1)).unwrap());
        held.truncate(10);
        assert!(SendRight::open(NAME).is_ok());
    });
}

#[test]
fn numbers_that_were_never_given_stand_for_nothing() {
    let world = world();
    world.client(7, 7, || {
        let mut port = Port::create(NAME, ALL).unwrap();
        let mut other = Port::create("/scheme/port/user/7/other", ALL).unwrap();
        let right = SendRight::open(NAME).unwrap();
        right.send_one(numbered(1)).unwrap();
        let taken = message(&mut port);
        let write = |port: &Port, record: Record| errno(port.fd().write(&record.to_bytes()));
        let number = u64::from(taken.number());
        for id in [0, number + 1, number | 1 << 32, u64::MAX] {
            for verb in [Verb::Reply, Verb::Forward, Verb::Drop] {
                let words = [right.fd().stat().unwrap().st_ino, 0, 0];
                let record = Record { words, ..Record::new(verb, id) };
                assert_eq!(write(&port, record), Err(ENOENT), "{verb:?} {id}");
            }
        }
        assert_eq!(write(&other, Record::new(Verb::Reply, number)), Err(ENOENT), "not its own");
        for token in [0, 1, u64::MAX, port.fd().stat().unwrap().st_ino] {
            let words = [token, 0, 0];
            let record = Record { words, ..Record::new(Verb::Forward, number) };
            assert_eq!(write(&port, record), Err(EBADF));
        }
        let to = Words { op: 1, object: taken.number() + 1, ..Words::default() };
        assert_eq!(send(right.fd(), to, &mut []), Err(ENOENT), "on behalf of nothing");
        assert_eq!(right.abort(77), Err(Errno::ENOENT));
        taken.reply(Ok(1), [0; 3], &[]).unwrap();
        let again = Record::new(Verb::Reply, number);
        assert_eq!(write(&port, again), Err(ENOENT), "answered once");
        assert_eq!(ends(&right), [(1, Ok(1))]);
        other.set_nonblocking(true).unwrap();
        assert_eq!(other.receive().err(), Some(Errno::EAGAIN));
    });
}

#[test]
fn a_bad_answer_leaves_the_message_where_it_is() {
    let world = world();
    world.client(7, 7, || {
        let mut port = Port::create(NAME, ALL).unwrap();
        let right = SendRight::open(NAME).unwrap();
        right.send_one(Outgoing { room: 4, ..numbered(1) }).unwrap();
        let taken = message(&mut port);
        let reply = Record::new(Verb::Reply, taken.number().into());
        let write = |record: Record| {
            let mut bytes = record.to_bytes().to_vec();
            bytes.resize(RECORD + record.len as usize, 0);
            errno(port.fd().write(&bytes))
        };
        assert_eq!(write(Record { len: 5, ..reply }), Err(EMSGSIZE));
        assert_eq!(write(Record { len: MAX_DATA as u32 + 1, ..reply }), Err(EMSGSIZE));
        assert_eq!(write(Record { verb: Verb::Forward, len: 1, ..reply }), Err(EPROTO));
        assert_eq!(write(Record { verb: Verb::Drop, len: 1, ..reply }), Err(EPROTO));
        for verb in [Verb::Send, Verb::Abort, Verb::Connect] {
            assert_eq!(write(Record { verb, ..reply }), Err(EOPNOTSUPP));
        }
        let mut bad = reply.to_bytes();
        bad[47] = 128;
        assert_eq!(errno(port.fd().write(&bad)), Err(EPROTO));
        // The good ones before a bad one count.
        let mut two = Record { len: 4, ..reply }.to_bytes().to_vec();
        two.extend_from_slice(b"fine");
        two.extend_from_slice(&bad);
        assert_eq!(errno(port.fd().write(&two)), Ok(RECORD + 4));
        assert_eq!(crate::setup::reply(&right).data, b"fine");
    });
}

#[test]
fn a_right_that_was_narrowed_does_no_more_than_what_is_left() {
    hostile(|_, port| {
        let right = SendRight::open(NAME).unwrap();
        let narrow = right.narrow(May::SEND).unwrap();
        let urgent = Outgoing { flags: Flags::PRIORITY, ..numbered(1) };
        narrow.send_one(urgent).unwrap();
        let got = reply(&narrow);
        assert_eq!((got.status, got.refused), (Err(Errno::EPERM), true));
        assert_eq!(narrow.another().err(), Some(Errno::EPERM));
        assert_eq!(narrow.narrow(May::all()).err(), Some(Errno::EPERM));
        narrow.send_one(numbered(1)).unwrap();
        let none = right.narrow(May::DUP).unwrap();
        assert_eq!(none.send_one(numbered(2)), Err(Errno::EACCES));
        assert_eq!(none.call(1, 0, &mut []), Err(Errno::EACCES));
        let regained = none.narrow(May::all()).unwrap();
        assert_eq!(regained.send_one(numbered(2)), Err(Errno::EACCES), "rights don't grow");
        let idle = SendRight::new(open(NAME, O_STAT, 0).unwrap());
        assert_eq!(idle.send_one(numbered(2)), Err(Errno::EACCES));
        assert_eq!(right.narrow(May::from_bits_retain(64)).err(), Some(Errno::EINVAL));
        for verb in [b"".as_slice(), b"receive", b"nonsense", b"narrow12", &[0; 100]] {
            if !verb.is_empty() {
                assert_eq!(errno(right.fd().dup(verb)), Err(EINVAL), "{verb:?}");
            }
        }
        let _ = port;
    });
}

/// `O_STAT` has no name in `libredox`.
const O_STAT: i32 = host::sys::O_STAT as i32;

#[test]
fn a_right_does_nothing_but_what_rights_do() {
    hostile(|_, _| {
        let right = patient(SendRight::open(NAME).unwrap());
        let fd = right.fd();
        let window = Words { op: 1, window: 3, ..Words::default() };
        assert_eq!(send(fd, window, &mut []), Err(EOPNOTSUPP));
        assert_eq!(send(fd, Words { op: 1, len: 9, ..Words::default() }, &mut []), Err(EPROTO));
        assert_eq!(send(fd, Words { op: 1, len: 9, ..Words::default() }, &mut [0; 8]), Err(EPROTO));
        assert_eq!(errno(fd.read(&mut [0; RECORD - 1])), Err(EINVAL));
        assert_eq!(errno(fd.ftruncate_to(3)), Err(EOPNOTSUPP));
        assert_eq!(errno(fd.statvfs()).map(drop), Err(EOPNOTSUPP));
        assert_eq!(errno(fd.chmod(0o777)), Err(EPERM));
        let given = open(NAME, O_RDWR, 0).unwrap().into_raw().to_ne_bytes();
        let passed = call::call_wo(fd.raw(), &given, CallFlags::FD, &[1]);
        assert_eq!(errno(passed), Err(EOPNOTSUPP));
        assert_eq!(errno(call::getdents(fd.raw(), &mut [0; 100], 0)), Err(ENOTDIR));
        assert_eq!(replies(&right), Err(Errno::EAGAIN));
        // A reply that does not fit stays.
        right.send_one(numbered(1)).unwrap();
        right.abort(1).unwrap();
        assert_eq!(errno(fd.read(&mut [0; RECORD])), Ok(RECORD));
    });
}

/// As `Fd::ftruncate`, which takes the descriptor away.
trait Truncate {
    fn ftruncate_to(&self, len: usize) -> libredox::error::Result<()>;
}

impl Truncate for libredox::Fd {
    fn ftruncate_to(&self, len: usize) -> libredox::error::Result<()> {
        call::ftruncate(self.raw(), len)
    }
}

#[test]
fn a_buffer_that_is_too_small_takes_nothing() {
    let world = world();
    world.client(7, 7, || {
        let mut port = Port::create(NAME, ALL).unwrap();
        let right = SendRight::open(NAME).unwrap();
        right.send_one(Outgoing { data: b"four", room: 4, ..numbered(1) }).unwrap();
        assert_eq!(errno(port.fd().read(&mut [0; RECORD - 1])), Err(EINVAL));
        assert_eq!(errno(port.fd().read(&mut [0; RECORD + 3])), Err(EMSGSIZE));
        message(&mut port).reply(Ok(0), [0; 3], b"four").unwrap();
        assert_eq!(errno(right.fd().read(&mut [0; RECORD + 3])), Err(EMSGSIZE));
        assert_eq!(reply(&right).data, b"four");
    });
}

#[test]
fn a_message_that_is_passed_on_through_too_many_ports_comes_back() {
    let world = world();
    world.client(7, 7, || {
        let path = |index| format!("{NAME}-{index}");
        let mut ports: Vec<_> =
            (0..9).map(|index| Port::create(&path(index), ALL).unwrap()).collect();
        let rights: Vec<_> = (0..9).map(|at| SendRight::open(&path(at)).unwrap()).collect();
        rights[0].send_one(numbered(1)).unwrap();
        for (port, onward) in ports.iter_mut().zip(&rights[1..]) {
            message(port).forward(onward).unwrap();
        }
        assert_eq!(ends(&rights[0]), [(1, Err(Errno::ELOOP))]);
    });
}

#[test]
fn reads_that_wait_at_a_handle_are_limited() {
    let world = world();
    let process = world.process(7, 7);
    let port = process.enter(|| Port::create(NAME, ALL).unwrap());
    let fd = port.fd().raw();
    let read = move || errno(call::read(fd, &mut [0; RECORD]));
    let waiting: Vec<_> = (0..64).map(|_| process.spawn(read)).collect();
    process.wait_blocked(64);
    assert_eq!(process.enter(read), Err(EAGAIN));
    assert_eq!(process.interrupt(), 64);
    assert!(waiting.into_iter().all(|thread| thread.join().unwrap() == Err(EINTR)));
    process.enter(|| drop(port));
}

#[test]
fn names_are_reserved_to_whom_they_belong() {
    let world = world();
    let make = |path: &str| Port::create(&format!("/scheme/port/{path}"), ALL).err();
    world.client(8, 8, || {
        for path in ["x", "user/7/x", "user/0/x", "user/08/x", "users/8/x", "user/9x/x"] {
            assert_eq!(make(path), Some(Errno::EACCES), "{path}");
        }
        for path in ["user", "user/8", "user/7"] {
            assert_eq!(make(path), Some(Errno::EISDIR), "{path}");
        }
        assert_eq!(make("user/8/../7/x"), Some(Errno::EINVAL));
        assert_eq!(make("user/8/a/b/c/d/e/f/g"), Some(Errno::ENAMETOOLONG));
        assert_eq!(make(&format!("user/8/{}", "n".repeat(256))), Some(Errno::ENAMETOOLONG));
        assert_eq!(make("user/8/a/b/c/d/e/f"), None);
    });
    world.root(|| {
        assert_eq!(make("x"), None);
        assert_eq!(make("user/8/x"), None);
        assert_eq!(make("null"), Some(Errno::EEXIST), "the configuration's");
        assert_eq!(make("null/x"), Some(Errno::ENOTDIR));
        assert_eq!(make(".stats"), Some(Errno::EACCES));
        assert_eq!(make(".mine"), Some(Errno::EACCES));
    });
}

#[test]
fn a_name_leads_to_one_port() {
    let world = world();
    world.client(7, 7, || {
        let port = Port::create(NAME, ALL).unwrap();
        assert_eq!(Port::create(NAME, ALL).err(), Some(Errno::EEXIST));
        assert_eq!(Port::create(&format!("{NAME}/below"), ALL).err(), Some(Errno::ENOTDIR));
        assert_eq!(SendRight::open(&format!("{NAME}/below")).err(), Some(Errno::ENOTDIR));
        assert_eq!(open(NAME, O_RDONLY | O_DIRECTORY, 0).err(), Some(ENOTDIR));
        assert_eq!(open("/scheme/port/user/7", O_RDWR, 0).err(), Some(EISDIR));
        assert_eq!(SendRight::open("/scheme/port/user/7/none").err(), Some(Errno::ENOENT));
        assert_eq!(host::sys::unlink("/scheme/port/user/7").map_err(|e| e.errno), Err(EISDIR));
        assert_eq!(host::sys::unlink("/scheme/port/user/7/none").map_err(|e| e.errno), Err(ENOENT));
        world.client(8, 8, || {
            assert_eq!(host::sys::unlink(NAME).map_err(|e| e.errno), Err(EPERM));
        });
        let right = SendRight::open(NAME).unwrap();
        host::sys::unlink(NAME).unwrap();
        assert_eq!(SendRight::open(NAME).err(), Some(Errno::ENOENT));
        right.send_one(numbered(1)).unwrap();
        assert_eq!(port.fd().stat().unwrap().st_size, 1, "rights stay good");
    });
}

#[test]
fn a_dead_owner_s_name_is_not_another_s_while_handles_remain() {
    let world = world();
    let path = "/scheme/port/shared";
    let top = world.process(0, 0);
    let port = top.enter(|| {
        let port = Port::create(path, 0o622).unwrap();
        port.fd().chown(7, 7).unwrap();
        port
    });
    let client = world.process(9, 9);
    let right = client.enter(|| SendRight::open(path).unwrap());
    client.enter(|| assert_eq!(right.fd().stat().unwrap().st_uid, 7));
    top.kill();
    client.enter(|| {
        assert_eq!(SendRight::open(path).err(), Some(Errno::ENOENT));
        assert_eq!(right.send_one(numbered(1)), Ok(()));
        assert_eq!(ends(&right), [(1, Err(Errno::ENODEV))]);
    });
    world.root(|| assert_eq!(Port::create(path, 0o622).err(), Some(Errno::EBUSY)));
    client.enter(|| drop(right));
    world.root(|| assert!(Port::create(path, 0o622).is_ok()));
    top.enter(|| drop(port));
}

#[test]
fn another_uid_s_port_is_opened_as_its_mode_says() {
    let world = world();
    let server = world.process(7, 7);
    let port = server.enter(|| Port::create(NAME, 0o600).unwrap());
    let allowed = |mode: u16, uid: u32, gid: u32| {
        server.enter(|| port.fd().chmod(mode).unwrap());
        world.client(uid, gid, || {
            (
                open(NAME, O_RDWR, 0).err(),
                open(NAME, O_RDONLY, 0).err(),
                open(NAME, O_STAT, 0).err(),
            )
        })
    };
    let no = Some(EACCES);
    assert_eq!(allowed(0o600, 8, 8), (no, no, None));
    assert_eq!(allowed(0o602, 8, 8), (None, no, None));
    assert_eq!(allowed(0o604, 8, 8), (no, None, None));
    assert_eq!(allowed(0o660, 8, 7), (None, None, None));
    assert_eq!(allowed(0o077, 7, 7), (no, no, None));
    assert_eq!(allowed(0o000, 0, 0), (None, None, None));
}
