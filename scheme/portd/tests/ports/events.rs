//! Who hears of what comes, and of room. What both worlds can show is in the smoke suite.

use agent::Errno;
use client::{Batch, Port, SendRight, record::RECORD};
use libredox::{Fd, call, flag::*};
use syscall::{Event, EventFlags};

use crate::setup::{NAME, message, numbered, replies, world};

const READ: EventFlags = EventFlags::EVENT_READ;
const WRITE: EventFlags = EventFlags::EVENT_WRITE;

/// A queue of events.
struct Queue(Fd);

impl Queue {
    fn new() -> Queue {
        let queue = Fd::open("/scheme/event", O_RDWR | O_CLOEXEC, 0).unwrap();
        call::fcntl(queue.raw(), 4, O_NONBLOCK as usize).unwrap();
        Queue(queue)
    }

    fn watch(&self, fd: &Fd, flags: EventFlags) {
        let event = Event { id: fd.raw(), flags, data: 0 };
        self.0.write(&event).unwrap();
    }

    /// What came since the last time.
    fn came(&self) -> EventFlags {
        let (mut all, mut event) = (EventFlags::empty(), Event::default());
        while self.0.read(&mut event).is_ok() {
            all |= event.flags;
        }
        all
    }
}

#[test]
fn a_sender_hears_of_room_in_a_port_that_others_filled() {
    let world = world();
    world.client(7, 7, || {
        let mut port = Port::create(NAME, 0o666).unwrap();
        let rights: Vec<_> = (0..4).map(|_| SendRight::open(NAME).unwrap()).collect();
        for right in &rights {
            let mut batch = Batch::new();
            (0..1024).for_each(|id| batch.push(numbered(id)));
            assert_eq!(right.send(&mut batch), Ok(1024));
        }
        let late = SendRight::open(NAME).unwrap();
        let queue = Queue::new();
        queue.watch(late.fd(), WRITE);
        assert_eq!(queue.came(), EventFlags::empty());
        assert_eq!(late.send_one(numbered(1)), Err(Errno::EAGAIN));
        drop(message(&mut port));
        assert_eq!(queue.came(), WRITE);
        assert_eq!(late.send_one(numbered(1)), Ok(()));
    });
}

#[test]
fn a_receiver_waits_for_a_message_or_is_told_that_there_is_none() {
    let world = world();
    let process = world.process(7, 7);
    let mut port = process.enter(|| Port::create(NAME, 0o666).unwrap());
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
fn of_many_receivers_those_hear_of_a_message_who_listen() {
    let world = world();
    let process = world.process(7, 7);
    let (right, others, late) = process.enter(|| {
        let port = Port::create(NAME, 0o666).unwrap();
        // Some do not listen, one has listened and is gone, one is told by an event.
        let mut others: Vec<_> = (0..8).map(|_| port.another().unwrap()).collect();
        let queue = Queue::new();
        let [gone, told] = [0, 1].map(|_| port.another().unwrap());
        queue.watch(gone.fd(), READ);
        drop(gone);
        queue.watch(told.fd(), READ);
        assert_eq!(queue.came(), EventFlags::empty());
        let right = SendRight::open(NAME).unwrap();
        right.send_one(numbered(1)).unwrap();
        assert_eq!(queue.came(), READ);
        // It was told once: whoever looks first has the message.
        assert_eq!(message(&mut others[3]).words()[0], 1);
        others.push(told);
        (right, others, port)
    });
    let read = |mut port: Port| process.spawn(move || message(&mut port).words()[0]);
    let readers: Vec<_> = others.into_iter().chain([late]).map(read).collect();
    process.wait_blocked(10);
    process.enter(|| (10..20).for_each(|id| right.send_one(numbered(id)).unwrap()));
    let mut seen: Vec<u64> = readers.into_iter().map(|reader| reader.join().unwrap()).collect();
    seen.sort_unstable();
    assert!(seen.into_iter().eq(10..20), "each who waits has one");
    process.enter(|| drop(right));
}

fn batch(ids: std::ops::Range<u64>) -> Batch {
    let mut batch = Batch::new();
    ids.for_each(|id| batch.push(numbered(id)));
    batch
}

#[test]
fn of_many_messages_in_one_write_each_who_sleeps_has_one() {
    let world = world();
    let process = world.process(7, 7);
    let port = process.enter(|| Port::create(NAME, 0o666).unwrap());
    let others = (0..4).map(|_| process.enter(|| port.another().unwrap()));
    // Each has room for one record.
    let read = |port: Port| {
        process.spawn(move || port.fd().read(&mut [0; RECORD]).map_err(|error| error.errno()))
    };
    let readers: Vec<_> = others.map(read).collect();
    process.wait_blocked(4);
    let right = process.enter(|| SendRight::open(NAME).unwrap());
    process.enter(|| assert_eq!(right.send(&mut batch(0..4)), Ok(4)));
    for reader in readers {
        assert_eq!(reader.join().unwrap(), Ok(RECORD));
    }
}

#[test]
fn who_sleeps_is_woken_whoever_of_several_writers_is_last() {
    const ROUNDS: u64 = 200;
    const MANY: u64 = 32;
    let world = world();
    let process = world.process(7, 7);
    let mut port = process.enter(|| Port::create(NAME, 0o666).unwrap());
    // A message that nobody is told of is not answered, and its writer waits for ever.
    let write = |many: u64| {
        let right = process.enter(|| SendRight::open(NAME).unwrap());
        process.spawn(move || {
            for round in 0..ROUNDS {
                assert_eq!(right.send(&mut batch(0..many)), Ok(many as usize), "{round}");
                let mut back = 0;
                while back < many {
                    back += replies(&right).unwrap().len() as u64;
                }
                assert_eq!(back, many);
            }
        })
    };
    // One sends each message by itself, while others write many.
    let writers = [MANY, MANY, 1].map(write);
    let receiving = process.spawn(move || {
        for _ in 0..ROUNDS * (2 * MANY + 1) {
            message(&mut port).reply(Ok(0), [0; 3], &[]).unwrap();
        }
        port.set_nonblocking(true).unwrap();
        assert_eq!(port.receive().err(), Some(Errno::EAGAIN), "each was taken once");
    });
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    receiving.join().unwrap();
}
