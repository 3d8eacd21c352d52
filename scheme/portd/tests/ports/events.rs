//! Readiness, both ways, as event queues hear of it.

use agent::Errno;
use client::{Batch, Port, SendRight};
use host::Process;
use libredox::{Fd, call, flag::*};
use syscall::{Event, EventFlags};

use crate::setup::{NAME, ends, message, numbered, patient, replies, world};

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

    /// Waits for something.
    fn wait(&self) -> EventFlags {
        call::fcntl(self.0.raw(), 4, 0).unwrap();
        let mut event = Event::default();
        self.0.read(&mut event).unwrap();
        event.flags
    }
}

fn inside(run: impl FnOnce(&Process)) {
    let world = world();
    let process = world.process(7, 7);
    process.enter(|| run(&process));
    process.exit();
}

#[test]
fn a_sender_hears_of_replies_and_of_room() {
    inside(|_| {
        let mut port = Port::create(NAME, 0o666).unwrap();
        let right = patient(SendRight::open(NAME).unwrap());
        let queue = Queue::new();
        queue.watch(right.fd(), READ | WRITE);
        assert_eq!(queue.came(), WRITE, "ready from the start");
        right.send_one(numbered(1)).unwrap();
        assert_eq!(queue.came(), EventFlags::empty());
        message(&mut port).reply(Ok(0), [0; 3], &[]).unwrap();
        assert_eq!(queue.came(), READ);
        right.send_one(numbered(2)).unwrap();
        message(&mut port).reply(Ok(0), [0; 3], &[]).unwrap();
        assert_eq!(queue.came(), EventFlags::empty(), "told already");
        assert_eq!(right.fd().read(&mut [0; 64]).unwrap(), 64);
        assert_eq!(queue.came(), READ, "there is more");
        assert_eq!(ends(&right).len(), 1);
        let mut batch = Batch::new();
        (0..1025).for_each(|id| batch.push(numbered(id)));
        assert_eq!(right.send(&mut batch), Ok(1024));
        assert_eq!(queue.came(), EventFlags::empty());
        message(&mut port).reply(Ok(0), [0; 3], &[]).unwrap();
        assert_eq!(queue.came(), READ);
        assert_eq!(ends(&right).len(), 1);
        assert_eq!(queue.came(), WRITE, "there is room");
    });
}

#[test]
fn a_sender_hears_of_room_in_a_port_that_others_filled() {
    inside(|_| {
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
fn a_receiver_hears_of_messages_and_of_aborts() {
    inside(|process| {
        let mut port = Port::create(NAME, 0o666).unwrap();
        port.set_nonblocking(true).unwrap();
        let right = patient(SendRight::open(NAME).unwrap());
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
        assert_eq!(replies(&right).unwrap().len(), 1);
        let sending = process.spawn(move || right.send_one(numbered(2)).map(|()| right));
        assert_eq!(queue.wait(), READ, "woken from a sleep");
        assert!(sending.join().unwrap().is_ok());
    });
}
