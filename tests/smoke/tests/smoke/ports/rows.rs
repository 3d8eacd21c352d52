//! Each row of the table of file operations and what they are for ports.

use std::time::{Duration, Instant};

use agent::Errno;
use client::{
    Batch, Event, May, Outgoing, Port, SendRight,
    record::{Flags, MAX_DATA},
};
use libredox::{Fd, call};
use smoke::{End, catch_signals, errno};
use syscall::CallFlags;

use super::{
    ALL, beside, ended, make,
    talk::{ends, message, numbered, patient, replies, reply},
};
use crate::Test;

pub(crate) const TESTS: &[Test] = tests![
    a_call_is_answered_with_the_reply_and_its_data,
    what_is_written_is_sent_and_what_is_read_are_replies,
    many_messages_cross_at_once,
    a_read_waits_for_a_reply_or_says_that_there_is_none,
    a_read_that_is_interrupted_takes_nothing,
    what_has_priority_goes_first_there_and_back,
    a_receiver_drops_what_may_be_dropped,
    a_message_is_passed_on_and_its_reply_port_stays,
    an_abort_takes_back_what_waits_and_tells_who_has_what_was_taken,
    a_call_that_is_interrupted_is_aborted_and_waits_for_its_reply,
    a_call_whose_time_is_up_is_aborted_and_has_its_one_reply,
    a_right_is_made_anew_with_a_reply_port_of_its_own_or_with_fewer_rights,
    passing_a_descriptor_passes_one_right_in_the_name_of_its_opener,
    the_close_of_the_last_descriptor_aborts_and_gives_the_right_back,
    several_receive_rights_share_what_comes_and_outlive_each_other,
    the_data_of_a_message_may_be_as_long_as_is_said_and_no_longer,
];

fn a_call_is_answered_with_the_reply_and_its_data() {
    beside(|world, _, path| {
        let mut port = Port::create(path, ALL).unwrap();
        let to = path.to_string();
        let client = world.spawn_as(8, move || {
            let mut data = *b"question";
            let count = SendRight::open(&to).and_then(|right| right.call(5, 77, &mut data));
            assert_eq!(data, *b"yesstion");
            ended(count)
        });
        let message = message(&mut port);
        assert_eq!((message.words(), message.data()), ([5, 77, 0], b"question".as_slice()));
        let sender = message.sender();
        assert_eq!((sender.uid, sender.gid, sender.pid), (8, 8, client.pid()));
        assert_eq!((message.room(), message.flags()), (8, Flags::CALL));
        message.reply(Ok(3), [0; 3], b"yes").unwrap();
        assert_eq!(client.wait(), End::Gave(Ok(3)));
    });
}

fn what_is_written_is_sent_and_what_is_read_are_replies() {
    beside(|_, _, path| {
        let mut port = Port::create(path, ALL).unwrap();
        let right = SendRight::open(path).unwrap();
        let mut batch = Batch::new();
        for id in 1..=3 {
            let data = vec![id as u8; id as usize * 10];
            batch.push(Outgoing { data: &data, room: 100, ..numbered(id) });
        }
        assert_eq!(right.send(&mut batch), Ok(3));
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

fn many_messages_cross_at_once() {
    beside(|_, _, path| {
        let mut port = Port::create(path, ALL).unwrap();
        let right = SendRight::open(path).unwrap();
        let mut batch = Batch::new();
        (0..32).for_each(|id| batch.push(numbered(id)));
        assert_eq!(right.send(&mut batch), Ok(32), "all in one write");
        for id in 0..32 {
            let message = message(&mut port);
            assert_eq!(message.words()[0], id);
            message.reply(Ok(0), [0; 3], &[]).unwrap();
        }
        assert_eq!(replies(&right).unwrap().len(), 32, "all in one read");
    });
}

fn a_read_waits_for_a_reply_or_says_that_there_is_none() {
    beside(|world, _, path| {
        let mut port = Port::create(path, ALL).unwrap();
        port.set_nonblocking(true).unwrap();
        assert_eq!(port.receive().err(), Some(Errno::EAGAIN));
        port.set_nonblocking(false).unwrap();
        let to = path.to_string();
        let client = world.spawn(move || {
            let right = SendRight::open(&to).unwrap();
            right.set_nonblocking(true).unwrap();
            assert_eq!(replies(&right), Err(Errno::EAGAIN));
            right.set_nonblocking(false).unwrap();
            right.send_one(numbered(4)).unwrap();
            ended(reply(&right).status)
        });
        message(&mut port).reply(Ok(4), [0; 3], &[]).unwrap();
        assert_eq!(client.wait(), End::Gave(Ok(4)));
    });
}

fn a_read_that_is_interrupted_takes_nothing() {
    beside(|world, _, path| {
        // What starts from here catches them as well.
        catch_signals();
        let mut port = Port::create(path, ALL).unwrap();
        let twin = Fd::new(call::dup(port.fd().raw(), b"").unwrap());
        let mut reader = world.spawn_with(0, twin, |fd| {
            let event = Port::new(fd).receive();
            ended(event.map(|_| 0))
        });
        reader.signal_until_it_ends();
        assert_eq!(reader.wait(), End::Gave(Err(libredox::errno::EINTR)));
        let right = SendRight::open(path).unwrap();
        right.send_one(numbered(9)).unwrap();
        assert_eq!(message(&mut port).words()[0], 9);
    });
}

fn what_has_priority_goes_first_there_and_back() {
    beside(|_, _, path| {
        let mut port = Port::create(path, ALL).unwrap();
        let right = SendRight::open(path).unwrap();
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

fn a_receiver_drops_what_may_be_dropped() {
    beside(|_, _, path| {
        let mut port = Port::create(path, ALL).unwrap();
        let right = SendRight::open(path).unwrap();
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

fn a_message_is_passed_on_and_its_reply_port_stays() {
    beside(|_, daemon, path| {
        let other = daemon.at("user/0/other");
        let (mut first, mut second) =
            (Port::create(path, ALL).unwrap(), Port::create(&other, ALL).unwrap());
        let (right, onward) = (SendRight::open(path).unwrap(), SendRight::open(&other).unwrap());
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

fn an_abort_takes_back_what_waits_and_tells_who_has_what_was_taken() {
    beside(|_, _, path| {
        let mut port = Port::create(path, ALL).unwrap();
        let right = SendRight::open(path).unwrap();
        right.send_one(numbered(1)).unwrap();
        let taken = message(&mut port);
        right.send_one(numbered(2)).unwrap();
        assert_eq!(right.abort(2), Ok(1));
        assert_eq!(ends(&right), [(2, Err(Errno::ECANCELED))]);
        assert_eq!(right.abort(1), Ok(1));
        assert!(matches!(port.receive(), Ok(Event::Aborted(number)) if number == taken.number()));
        // It may still be answered.
        taken.reply(Ok(5), [0; 3], &[]).unwrap();
        assert_eq!(ends(&right), [(1, Ok(5))]);
        assert_eq!(right.abort(1), Err(Errno::ENOENT));
    });
}

fn a_call_that_is_interrupted_is_aborted_and_waits_for_its_reply() {
    beside(|world, _, path| {
        let mut port = Port::create(path, ALL).unwrap();
        let to = path.to_string();
        let mut client = world.spawn(move || {
            catch_signals();
            ended(SendRight::open(&to).unwrap().call(1, 0, &mut []))
        });
        let taken = message(&mut port);
        client.signal();
        assert!(matches!(port.receive(), Ok(Event::Aborted(number)) if number == taken.number()));
        assert!(!client.has_ended());
        drop(taken);
        assert_eq!(client.wait(), End::Gave(Err(libredox::errno::EINTR)));
    });
}

fn a_call_whose_time_is_up_is_aborted_and_has_its_one_reply() {
    beside(|world, _, path| {
        let mut port = Port::create(path, ALL).unwrap();
        // Nobody takes it.
        let right = SendRight::open(path).unwrap();
        for wait in [0, 5] {
            let deadline = Instant::now() + Duration::from_millis(wait);
            assert_eq!(right.call_until(deadline, 1, 0, &mut []), Err(Errno::ETIMEDOUT));
            assert_eq!(port.fd().stat().unwrap().st_size, 0, "it was taken back");
        }
        // Who has taken it is told, and says how it ends.
        let to = path.to_string();
        let mut client = world.spawn(move || {
            let right = SendRight::open(&to).unwrap();
            loop {
                let deadline = Instant::now() + Duration::from_millis(50);
                match right.call_until(deadline, 1, 0, &mut []) {
                    Err(Errno::ETIMEDOUT) => {}
                    other => return ended(other),
                }
            }
        });
        for status in [Err(Errno::ECANCELED), Ok(5)] {
            let taken = message(&mut port);
            assert!(matches!(port.receive(), Ok(Event::Aborted(told)) if told == taken.number()));
            assert!(!client.has_ended());
            taken.reply(status, [0; 3], &[]).unwrap();
        }
        assert_eq!(client.wait(), End::Gave(Ok(5)), "late, and its own");
        // In time.
        let to = path.to_string();
        let client = world.spawn(move || {
            let deadline = Instant::now() + Duration::from_secs(600);
            ended(SendRight::open(&to).unwrap().call_until(deadline, 1, 0, &mut []))
        });
        message(&mut port).reply(Ok(7), [0; 3], &[]).unwrap();
        assert_eq!(client.wait(), End::Gave(Ok(7)));
    });
}

fn a_right_is_made_anew_with_a_reply_port_of_its_own_or_with_fewer_rights() {
    beside(|_, _, path| {
        let mut port = Port::create(path, ALL).unwrap();
        let right = SendRight::open(path).unwrap();
        let (twin, narrow) = (right.another().unwrap(), right.narrow(May::SEND).unwrap());
        let own = port.send_right().unwrap();
        for right in [&right, &twin, &narrow, &own] {
            right.send_one(numbered(1)).unwrap();
        }
        for status in 1..=4 {
            message(&mut port).reply(Ok(status), [0; 3], &[]).unwrap();
        }
        for (right, status) in [&right, &twin, &narrow, &own].into_iter().zip(1..) {
            assert_eq!(ends(right), [(1, Ok(status))]);
        }
        assert_eq!(narrow.another().err(), Some(Errno::EPERM));
        let urgent = Outgoing { flags: Flags::PRIORITY, ..numbered(2) };
        narrow.send_one(urgent).unwrap();
        let refused = reply(&narrow);
        assert_eq!((refused.refused, refused.status), (true, Err(Errno::EPERM)));
        assert_eq!(errno(right.fd().dup(b"nonsense")), Err(libredox::errno::EINVAL));
    });
}

fn passing_a_descriptor_passes_one_right_in_the_name_of_its_opener() {
    beside(|world, _, path| {
        let mut port = Port::create(path, 0o600).unwrap();
        let (reader, writer) = world.pipe();
        let to = path.to_string();
        let client = world.spawn_with(8, reader, move |channel| {
            assert_eq!(SendRight::open(&to).err(), Some(Errno::EACCES));
            let mut number = usize::MAX.to_ne_bytes();
            let flags = CallFlags::FD | CallFlags::FD_UPPER;
            errno(call::call_ro(channel.raw(), &mut number, flags, &[]))?;
            let right = SendRight::new(Fd::new(usize::from_ne_bytes(number)));
            right.send_one(numbered(3)).unwrap();
            assert_eq!(right.another().err(), Some(Errno::EPERM));
            ended(reply(&right).status)
        });
        let right = SendRight::open(path).unwrap();
        right.pass(&writer).unwrap();
        let message = message(&mut port);
        assert_eq!((message.sender().uid, message.sender().pid), (0, client.pid()));
        message.reply(Ok(1), [0; 3], &[]).unwrap();
        assert_eq!(client.wait(), End::Gave(Ok(1)));
    });
}

fn the_close_of_the_last_descriptor_aborts_and_gives_the_right_back() {
    beside(|_, _, path| {
        let mut port = Port::create(path, ALL).unwrap();
        let right = SendRight::open(path).unwrap();
        right.send_one(numbered(1)).unwrap();
        let taken = message(&mut port);
        right.send_one(numbered(2)).unwrap();
        let twin = call::dup(right.fd().raw(), b"").unwrap();
        drop(right);
        assert_eq!(port.fd().stat().unwrap().st_size, 1, "one is left");
        call::close(twin).unwrap();
        assert!(matches!(port.receive(), Ok(Event::Aborted(number)) if number == taken.number()));
        port.set_nonblocking(true).unwrap();
        assert_eq!(port.receive().err(), Some(Errno::EAGAIN), "what waited is gone");
        // To answer is no mistake.
        taken.reply(Ok(0), [0; 3], &[]).unwrap();
    });
}

fn several_receive_rights_share_what_comes_and_outlive_each_other() {
    beside(|world, _, path| {
        let first = make(path, ALL);
        let second = Fd::new(first.dup(b"receive").unwrap());
        let work = |fd| {
            let mut port = Port::new(fd);
            let message = message(&mut port);
            let number = message.words()[0] as usize;
            message.reply(Ok(number), [0; 3], &[]).map(|()| number)
        };
        let right = SendRight::open(path).unwrap();
        let first = world.spawn_with(0, first, move |fd| ended(work(fd)));
        right.send_one(numbered(1)).unwrap();
        assert_eq!(ends(&right), [(1, Ok(1))]);
        assert_eq!(first.wait(), End::Gave(Ok(1)));
        right.send_one(numbered(2)).unwrap();
        let second = world.spawn_with(0, second, move |fd| ended(work(fd)));
        assert_eq!(ends(&right), [(2, Ok(2))]);
        assert_eq!(second.wait(), End::Gave(Ok(2)));
        right.send_one(numbered(3)).unwrap();
        assert_eq!(ends(&right), [(3, Err(Errno::ENODEV))], "the last one is gone");
    });
}

fn the_data_of_a_message_may_be_as_long_as_is_said_and_no_longer() {
    beside(|_, _, path| {
        let mut port = Port::create(path, ALL).unwrap();
        let right = SendRight::open(path).unwrap();
        for len in [1, 4095, 4096, 4097, MAX_DATA] {
            let data: Vec<u8> = (0..len).map(|at| (at * 7) as u8).collect();
            right.send_one(Outgoing { data: &data, room: len as u32, ..numbered(1) }).unwrap();
            let message = message(&mut port);
            assert!(message.data() == data, "{len} bytes");
            message.reply(Ok(0), [0; 3], &data).unwrap();
            assert!(reply(&right).data == data, "{len} bytes back");
        }
        let mut long = vec![0; MAX_DATA + 1];
        assert_eq!(right.call(1, 0, &mut long), Err(Errno::EMSGSIZE));
    });
}
