//! Each row of the table of file operations and what they are for ports.

use agent::Errno;
use client::{
    Batch, Event, May, Outgoing, Port, SendRight,
    record::{Flags, MAX_DATA, RECORD},
};
use libredox::{call, errno::*, flag::*};

use crate::{
    common::{errno, list, open},
    setup::{NAME, ends, message, numbered, patient, replies, reply, world},
};

const ALL: u16 = 0o666;

#[test]
fn a_call_is_answered_with_the_reply_and_its_data() {
    let world = world();
    let (server, client) = (world.process(7, 7), world.process(8, 9));
    let mut port = server.enter(|| Port::create(NAME, ALL).unwrap());
    let pid = client.pid() as u32;
    let calling = client.spawn(|| {
        let right = SendRight::open(NAME).unwrap();
        let mut data = *b"question";
        (right.call(5, 77, &mut data), data)
    });
    server.enter(|| {
        let message = message(&mut port);
        assert_eq!((message.words(), message.data()), ([5, 77, 0], b"question".as_slice()));
        let sender = message.sender();
        assert_eq!((sender.uid, sender.gid, sender.pid), (8, 9, pid));
        assert_eq!((message.room(), message.flags()), (8, Flags::CALL));
        message.reply(Ok(3), [0; 3], b"yes").unwrap();
    });
    assert_eq!(calling.join().unwrap(), (Ok(3), *b"yesstion"));
}

#[test]
fn what_is_written_is_sent_and_what_is_read_are_replies() {
    let world = world();
    world.client(7, 7, || {
        let mut port = Port::create(NAME, ALL).unwrap();
        let right = SendRight::open(NAME).unwrap();
        let mut batch = Batch::new();
        for id in 1..=3 {
            let data = vec![id as u8; id as usize * 10];
            batch.push(Outgoing { data: &data, room: 100, ..numbered(id) });
        }
        assert_eq!(right.send(&mut batch), Ok(3));
        assert!(batch.is_empty());
        for id in 1..=3_u64 {
            let message = message(&mut port);
            assert_eq!(message.words(), [id, 0, 0]);
            assert_eq!(message.data(), vec![id as u8; id as usize * 10]);
            message.reply(Ok(id as usize), [id, id, id], &[id as u8; 5]).unwrap();
        }
        let back = replies(&right).unwrap();
        assert_eq!(back.len(), 3, "all in one read");
        for (got, id) in back.iter().zip(1..) {
            assert_eq!((got.id, got.status, got.words), (id, Ok(id as usize), [id; 3]));
            assert_eq!(got.data, [id as u8; 5]);
        }
    });
}

#[test]
fn many_messages_cross_at_once() {
    let world = world();
    let client = world.process(7, 7);
    client.enter(|| {
        let mut port = Port::create(NAME, ALL).unwrap();
        let right = SendRight::open(NAME).unwrap();
        let mut batch = Batch::new();
        (0..32).for_each(|id| batch.push(numbered(id)));
        let before = client.stats();
        assert_eq!(right.send(&mut batch), Ok(32));
        let messages: Vec<_> = (0..32).map(|_| message(&mut port)).collect();
        assert_eq!(client.stats().since(&before).requests, 2, "a write and a read");
        messages.into_iter().for_each(|message| message.reply(Ok(0), [0; 3], &[]).unwrap());
        let before = client.stats();
        assert_eq!(replies(&right).unwrap().len(), 32);
        assert_eq!(client.stats().since(&before).requests, 1);
    });
    client.exit();
}

#[test]
fn a_read_waits_for_a_reply_or_says_that_there_is_none() {
    let world = world();
    let process = world.process(7, 7);
    let mut port = process.enter(|| Port::create(NAME, ALL).unwrap());
    let right = process.enter(|| SendRight::open(NAME).unwrap());
    process.enter(|| {
        right.set_nonblocking(true).unwrap();
        assert_eq!(replies(&right), Err(Errno::EAGAIN));
        right.set_nonblocking(false).unwrap();
        right.send_one(numbered(4)).unwrap();
    });
    let reading = process.spawn(move || reply(&right));
    process.wait_blocked(1);
    process.enter(|| message(&mut port).reply(Ok(4), [0; 3], &[]).unwrap());
    assert_eq!(reading.join().unwrap().status, Ok(4));
}

#[test]
fn a_receiver_waits_for_a_message_or_is_told_that_there_is_none() {
    let world = world();
    let process = world.process(7, 7);
    let mut port = process.enter(|| Port::create(NAME, ALL).unwrap());
    process.enter(|| {
        port.set_nonblocking(true).unwrap();
        assert_eq!(port.receive().err(), Some(Errno::EAGAIN));
        port.set_nonblocking(false).unwrap();
    });
    let receiving = process.spawn(move || message(&mut port).words()[0]);
    process.wait_blocked(1);
    let right = process.enter(|| SendRight::open(NAME).unwrap());
    process.enter(|| right.send_one(numbered(9)).unwrap());
    assert_eq!(receiving.join().unwrap(), 9);
}

#[test]
fn a_read_that_is_interrupted_takes_nothing() {
    let world = world();
    let process = world.process(7, 7);
    let mut port = process.enter(|| Port::create(NAME, ALL).unwrap());
    let receiving = process.spawn(move || (port.receive().err(), port));
    process.wait_blocked(1);
    assert_eq!(process.interrupt(), 1);
    let (came, mut port) = receiving.join().unwrap();
    assert_eq!(came, Some(Errno::EINTR));
    process.enter(|| {
        let right = SendRight::open(NAME).unwrap();
        right.send_one(numbered(9)).unwrap();
        assert_eq!(message(&mut port).words()[0], 9);
    });
}

#[test]
fn what_has_priority_goes_first_there_and_back() {
    let world = world();
    world.client(7, 7, || {
        let mut port = Port::create(NAME, ALL).unwrap();
        let right = SendRight::open(NAME).unwrap();
        let urgent = |id| Outgoing { flags: Flags::PRIORITY, ..numbered(id) };
        for message in [numbered(1), urgent(2), numbered(3), urgent(4)] {
            right.send_one(message).unwrap();
        }
        let messages: Vec<_> = (0..4).map(|_| message(&mut port)).collect();
        let order: Vec<_> = messages.iter().map(|message| message.words()[0]).collect();
        assert_eq!(order, [2, 4, 1, 3]);
        messages.into_iter().rev().for_each(|message| message.reply(Ok(0), [0; 3], &[]).unwrap());
        let order: Vec<_> = ends(&right).into_iter().map(|(id, _)| id).collect();
        assert_eq!(order, [4, 2, 3, 1]);
    });
}

#[test]
fn a_receiver_drops_what_may_be_dropped() {
    let world = world();
    world.client(7, 7, || {
        let mut port = Port::create(NAME, ALL).unwrap();
        let right = SendRight::open(NAME).unwrap();
        right.send_one(Outgoing { flags: Flags::DROPPABLE, ..numbered(1) }).unwrap();
        right.send_one(numbered(2)).unwrap();
        message(&mut port).drop_message().unwrap();
        let dropped = reply(&right);
        assert!(dropped.dropped && dropped.id == 1);
        assert_eq!(message(&mut port).drop_message(), Err(Errno::EPERM));
        let kept = reply(&right);
        assert_eq!((kept.dropped, kept.status), (false, Err(Errno::ECANCELED)));
    });
}

#[test]
fn a_message_is_passed_on_and_its_reply_port_stays() {
    let world = world();
    world.client(7, 7, || {
        let other = "/scheme/port/user/7/other";
        let (mut first, mut second) =
            (Port::create(NAME, ALL).unwrap(), Port::create(other, ALL).unwrap());
        let (right, onward) = (SendRight::open(NAME).unwrap(), SendRight::open(other).unwrap());
        right.send_one(Outgoing { data: b"data", room: 4, ..numbered(1) }).unwrap();
        message(&mut first).forward(&onward).unwrap();
        let message = message(&mut second);
        assert_eq!((message.words()[0], message.data()), (1, b"data".as_slice()));
        message.reply(Ok(8), [0; 3], b"back").unwrap();
        let got = reply(&right);
        assert_eq!((got.status, got.data.as_slice()), (Ok(8), b"back".as_slice()));
        assert_eq!(replies(&patient(onward)), Err(Errno::EAGAIN));
    });
}

#[test]
fn an_abort_takes_back_what_waits_and_tells_who_has_what_was_taken() {
    let world = world();
    world.client(7, 7, || {
        let mut port = Port::create(NAME, ALL).unwrap();
        let right = SendRight::open(NAME).unwrap();
        right.send_one(numbered(1)).unwrap();
        let taken = message(&mut port);
        right.send_one(numbered(2)).unwrap();
        assert_eq!(right.abort(2), Ok(1));
        assert_eq!(ends(&right), [(2, Err(Errno::ECANCELED))]);
        let mut batch = Batch::new();
        batch.abort(1);
        batch.abort(1);
        assert_eq!(right.send(&mut batch), Ok(2));
        match port.receive() {
            Ok(Event::Aborted(number)) => assert_eq!(number, taken.number()),
            _ => panic!("the receiver is told"),
        }
        // It may still be answered.
        taken.reply(Ok(5), [0; 3], &[]).unwrap();
        assert_eq!(ends(&right), [(1, Ok(5))]);
        port.set_nonblocking(true).unwrap();
        assert!(port.receive().is_err(), "told once");
        assert_eq!(right.abort(1), Err(Errno::ENOENT));
    });
}

#[test]
fn a_call_that_is_interrupted_is_aborted_and_waits_for_its_reply() {
    let world = world();
    let (server, client) = (world.process(7, 7), world.process(8, 8));
    let mut port = server.enter(|| Port::create(NAME, ALL).unwrap());
    let calling = client.spawn(|| SendRight::open(NAME).unwrap().call(1, 0, &mut []));
    let taken = server.enter(|| message(&mut port));
    client.wait_blocked(1);
    assert_eq!(client.interrupt(), 1);
    server.enter(|| {
        assert!(matches!(port.receive(), Ok(Event::Aborted(number)) if number == taken.number()));
        assert!(!calling.is_finished());
        drop(taken);
    });
    assert_eq!(calling.join().unwrap(), Err(Errno::EINTR));
}

#[test]
fn a_right_is_made_anew_with_a_reply_port_of_its_own_or_with_fewer_rights() {
    let world = world();
    world.client(7, 7, || {
        let mut port = Port::create(NAME, ALL).unwrap();
        let right = SendRight::open(NAME).unwrap();
        let (twin, narrow) = (right.another().unwrap(), right.narrow(May::SEND).unwrap());
        for right in [&right, &twin, &narrow] {
            right.send_one(numbered(1)).unwrap();
        }
        for status in 1..=3 {
            message(&mut port).reply(Ok(status), [0; 3], &[]).unwrap();
        }
        assert_eq!(ends(&right), [(1, Ok(1))]);
        assert_eq!(ends(&twin), [(1, Ok(2))]);
        assert_eq!(ends(&narrow), [(1, Ok(3))]);
    });
}

#[test]
fn passing_a_descriptor_passes_one_right_in_the_name_of_its_opener() {
    let world = world();
    let (anna, bert) = (world.process(7, 7), world.process(8, 8));
    let (reader, writer) = bert.pipe().unwrap();
    let channel = anna.inherit(&bert, writer).unwrap();
    let mut port = anna.enter(|| {
        let port = Port::create(NAME, 0o600).unwrap();
        let right = SendRight::open(NAME).unwrap();
        let channel = libredox::Fd::new(channel);
        right.pass(&channel).unwrap();
        port
    });
    let passed = bert.enter(|| {
        assert_eq!(SendRight::open(NAME).err(), Some(Errno::EACCES));
        let mut number = usize::MAX.to_ne_bytes();
        let flags = syscall::CallFlags::FD | syscall::CallFlags::FD_UPPER;
        call::call_ro(reader, &mut number, flags, &[]).unwrap();
        let right = SendRight::new(libredox::Fd::new(usize::from_ne_bytes(number)));
        right.send_one(numbered(3)).unwrap();
        assert_eq!(right.another().err(), Some(Errno::EPERM));
        right
    });
    anna.enter(|| {
        let message = message(&mut port);
        assert_eq!((message.sender().uid, message.sender().pid), (7, bert.pid() as u32));
        message.reply(Ok(1), [0; 3], &[]).unwrap();
    });
    bert.enter(|| assert_eq!(ends(&passed), [(3, Ok(1))]));
}

#[test]
fn the_close_of_the_last_descriptor_aborts_and_gives_the_right_back() {
    let world = world();
    world.client(7, 7, || {
        let mut port = Port::create(NAME, ALL).unwrap();
        let right = SendRight::open(NAME).unwrap();
        (1..=2).for_each(|id| right.send_one(numbered(id)).unwrap());
        let taken = message(&mut port);
        let twin = call::dup(right.fd().raw(), b"").unwrap();
        drop(right);
        port.set_nonblocking(true).unwrap();
        let second = message(&mut port);
        call::close(twin).unwrap();
        let aborted = [port.receive(), port.receive()].map(|event| match event {
            Ok(Event::Aborted(number)) => number,
            _ => panic!("the receiver is told"),
        });
        let mut numbers = [taken.number(), second.number()];
        numbers.sort_unstable();
        assert!(aborted.iter().all(|number| numbers.contains(number)) && aborted[0] != aborted[1]);
        // To answer is no mistake.
        taken.reply(Ok(0), [0; 3], &[]).unwrap();
        second.reply(Ok(0), [0; 3], &[]).unwrap();
    });
}

#[test]
fn a_receiver_that_is_gone_leaves_nobody_waiting() {
    let world = world();
    let (server, client) = (world.process(7, 7), world.process(8, 8));
    let port = server.enter(|| Port::create(NAME, ALL).unwrap());
    let right = client.enter(|| SendRight::open(NAME).unwrap());
    client.enter(|| (1..=2).for_each(|id| right.send_one(numbered(id)).unwrap()));
    let calling = client.spawn(|| SendRight::open(NAME).unwrap().call(1, 0, &mut []));
    client.wait_blocked(1);
    let buffer = server.enter(|| {
        // One is taken and no more.
        let mut buffer = [0; RECORD];
        assert_eq!(port.fd().read(&mut buffer).unwrap(), RECORD);
        buffer
    });
    assert_eq!(buffer[0], 1);
    server.kill();
    assert_eq!(calling.join().unwrap(), Err(Errno::ENODEV));
    client.enter(|| {
        let mut back = ends(&right);
        if back.len() < 2 {
            back.extend(ends(&right));
        }
        back.sort_unstable_by_key(|end| end.0);
        assert_eq!(back, [(1, Err(Errno::ECONNRESET)), (2, Err(Errno::ENODEV))]);
        right.send_one(numbered(3)).unwrap();
        assert_eq!(ends(&right), [(3, Err(Errno::ENODEV))]);
        assert_eq!(right.call(1, 0, &mut []), Err(Errno::ENODEV));
    });
    server.enter(|| drop(port));
}

#[test]
fn several_receive_rights_share_what_comes_and_outlive_each_other() {
    let world = world();
    world.client(7, 7, || {
        let mut port = Port::create(NAME, ALL).unwrap();
        let mut other = port.another().unwrap();
        let right = SendRight::open(NAME).unwrap();
        right.send_one(numbered(1)).unwrap();
        let first = message(&mut port);
        right.send_one(numbered(2)).unwrap();
        let second = message(&mut other);
        drop((port, first));
        assert_eq!(ends(&right), [(1, Err(Errno::ECANCELED))]);
        second.reply(Ok(2), [0; 3], &[]).unwrap();
        right.send_one(numbered(3)).unwrap();
        message(&mut other).reply(Ok(3), [0; 3], &[]).unwrap();
        let back: Vec<_> = std::iter::from_fn(|| Some(ends(&right))).flatten().take(2).collect();
        assert_eq!(back, [(2, Ok(2)), (3, Ok(3))]);
    });
}

#[test]
fn the_data_of_a_message_may_be_as_long_as_is_said_and_no_longer() {
    let world = world();
    let process = world.process(7, 7);
    process.enter(|| {
        let mut port = Port::create(NAME, ALL).unwrap();
        let right = SendRight::open(NAME).unwrap();
        let data: Vec<u8> = (0..MAX_DATA).map(|at| at as u8).collect();
        let room = MAX_DATA as u32;
        right.send_one(Outgoing { data: &data, room, ..numbered(1) }).unwrap();
        let message = message(&mut port);
        assert_eq!(message.data(), data);
        message.reply(Ok(0), [0; 3], &data).unwrap();
        assert_eq!(reply(&right).data, data);
        let mut long = vec![0; MAX_DATA + 1];
        assert_eq!(right.call(1, 0, &mut long), Err(Errno::EMSGSIZE));
    });
    process.exit();
}

#[test]
fn a_directory_lists_what_one_may_see() {
    let world = world();
    let (anna, bert) = (world.process(7, 7), world.process(8, 7));
    let ports = anna.enter(|| {
        let make = |name: &str, mode| Port::create(&format!("/scheme/port/user/7/{name}"), mode);
        [make("open", 0o622), make("group", 0o660), make("own", 0o600)].map(Result::unwrap)
    });
    let top = world.process(0, 0);
    let made = top.enter(|| Port::create("/scheme/port/system", 0o622).unwrap());
    let seen = |path: &str| list(path).unwrap();
    anna.enter(|| {
        assert_eq!(seen("/scheme/port"), ["null", "system", "user"]);
        assert_eq!(seen("/scheme/port/user"), ["7"]);
        assert_eq!(seen("/scheme/port/user/7"), ["group", "open", "own"]);
    });
    bert.enter(|| assert_eq!(seen("/scheme/port/user/7"), ["group", "open"]));
    world.client(9, 9, || assert_eq!(seen("/scheme/port/user/7"), ["open"]));
    world.root(|| assert_eq!(seen("/scheme/port/user/7"), ["group", "open", "own"]));
    anna.enter(|| ports[0].fd().chmod(0o600).unwrap());
    world.client(9, 9, || {
        assert_eq!(seen("/scheme/port"), ["null", "system"]);
        assert_eq!(open("/scheme/port/user/7", O_RDONLY | O_DIRECTORY, 0).err(), Some(ENOENT));
    });
    top.enter(|| drop(made));
    anna.enter(|| drop(ports));
    world.root(|| assert_eq!(seen("/scheme/port"), ["null"]));
}

#[test]
fn a_listing_of_many_ports_is_complete() {
    let world = world();
    world.client(7, 7, || {
        let path = |index| format!("/scheme/port/user/7/port-{index:04}");
        let ports: Vec<_> =
            (0..300).map(|index| Port::create(&path(index), ALL).unwrap()).collect();
        let names = list("/scheme/port/user/7").unwrap();
        assert_eq!(names.len(), ports.len());
        assert!(names.iter().enumerate().all(|(at, name)| path(at).ends_with(name.as_str())));
    });
}

#[test]
fn a_port_has_an_owner_a_group_and_a_mode() {
    let world = world();
    world.client(7, 6, || {
        let port = Port::create(NAME, 0o620).unwrap();
        let stat = port.fd().stat().unwrap();
        assert_eq!((stat.st_uid, stat.st_gid, stat.st_mode), (7, 6, 0o140_620));
        let right = SendRight::open(NAME).unwrap();
        right.send_one(numbered(1)).unwrap();
        assert_eq!(right.fd().stat().unwrap().st_size, 1);
        right.fd().chmod(0o644).unwrap();
        assert_eq!(port.fd().stat().unwrap().st_mode, 0o140_644);
        assert_eq!(errno(port.fd().chown(8, 6)), Err(EPERM));
        assert_eq!(errno(port.fd().chown(7, 6)), Ok(()));
    });
}
