//! Readiness, both ways, as event queues hear of it.

use agent::Errno;
use client::{Batch, Port, SendRight};
use libredox::{Fd, call, flag::*};
use syscall::{Event, EventFlags};

use super::{
    ALL, beside, ended,
    talk::{ends, message, numbered, patient},
};
use crate::Test;

pub(crate) const TESTS: &[Test] = tests![
    a_sender_hears_of_replies_and_of_room,
    a_receiver_hears_of_messages_and_of_aborts,
    who_waits_for_an_event_is_woken_by_a_message,
];

const READ: EventFlags = EventFlags::EVENT_READ;
const WRITE: EventFlags = EventFlags::EVENT_WRITE;

/// A queue of events.
struct Queue(Fd);

impl Queue {
    fn new() -> Queue {
        Queue(Fd::open("/scheme/event", O_RDWR | O_CLOEXEC, 0).unwrap())
    }

    fn watch(&self, fd: &Fd, flags: EventFlags) {
        self.0.write(&Event { id: fd.raw(), flags, data: 0 }).unwrap();
    }

    /// What came since the last time.
    fn came(&self) -> EventFlags {
        call::fcntl(self.0.raw(), 4, O_NONBLOCK as usize).unwrap();
        let (mut all, mut event) = (EventFlags::empty(), Event::default());
        while self.0.read(&mut event).is_ok() {
            all |= event.flags;
        }
        all
    }

    /// Waits for something.
    fn wait(&self) -> EventFlags {
        call::fcntl(self.0.raw(), 4, 0).unwrap();
        let mut event = Event::default();
        self.0.read(&mut event).unwrap();
        event.flags
    }
}

fn a_sender_hears_of_replies_and_of_room() {
    beside(|_, _, path| {
        let mut port = Port::create(path, ALL).unwrap();
        let right = patient(SendRight::open(path).unwrap());
        let queue = Queue::new();
        queue.watch(right.fd(), READ | WRITE);
        assert_eq!(queue.came(), WRITE, "ready from the start");
        right.send_one(numbered(1)).unwrap();
        assert_eq!(queue.came(), EventFlags::empty());
        message(&mut port).reply(Ok(0), [0; 3], &[]).unwrap();
        assert_eq!(queue.came(), READ);
        assert_eq!(ends(&right).len(), 1);
        let mut batch = Batch::new();
        (0..1025).for_each(|id| batch.push(numbered(id)));
        assert_eq!(right.send(&mut batch), Ok(1024));
        assert_eq!(right.send(&mut batch), Err(Errno::EAGAIN));
        assert_eq!(queue.came(), EventFlags::empty());
        message(&mut port).reply(Ok(0), [0; 3], &[]).unwrap();
        assert_eq!(queue.came(), READ);
        assert_eq!(ends(&right).len(), 1);
        assert_eq!(queue.came(), WRITE, "there is room");
    });
}

fn a_receiver_hears_of_messages_and_of_aborts() {
    beside(|_, _, path| {
        let mut port = Port::create(path, ALL).unwrap();
        port.set_nonblocking(true).unwrap();
        let right = patient(SendRight::open(path).unwrap());
        let queue = Queue::new();
        queue.watch(port.fd(), READ | WRITE);
        assert_eq!(queue.came(), WRITE);
        right.send_one(numbered(1)).unwrap();
        assert_eq!(queue.came(), READ);
        let taken = message(&mut port);
        assert_eq!(queue.came(), EventFlags::empty());
        right.abort(1).unwrap();
        assert_eq!(queue.came(), READ);
        assert!(matches!(port.receive(), Ok(client::Event::Aborted(_))));
        drop(taken);
        assert_eq!(ends(&right).len(), 1);
    });
}

fn who_waits_for_an_event_is_woken_by_a_message() {
    beside(|world, _, path| {
        let mut port = Port::create(path, ALL).unwrap();
        let queue = Queue::new();
        queue.watch(port.fd(), READ);
        let to = path.to_string();
        let sender = world.spawn(move || {
            let right = SendRight::open(&to).unwrap();
            right.send_one(numbered(2)).unwrap();
            ended(ends(&right)[0].1)
        });
        assert_eq!(queue.wait(), READ);
        message(&mut port).reply(Ok(6), [0; 3], &[]).unwrap();
        assert_eq!(sender.wait(), smoke::End::Gave(Ok(6)));
    });
}
