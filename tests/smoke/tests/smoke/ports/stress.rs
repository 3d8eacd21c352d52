//! Many clients at once, with aborts and closes: no message is lost, none comes back twice.

use std::collections::HashSet;

use agent::Errno;
use client::{Batch, Event, Message, Outgoing, Port, SendRight, record::Flags};
use libredox::Fd;
use smoke::{End, Process};

use super::{
    ALL, beside, ended, make,
    random::Random,
    talk::{numbered, patient, replies},
};
use crate::Test;

pub(crate) const TESTS: &[Test] = tests![no_message_is_lost_and_none_comes_back_twice];

const CLIENTS: u64 = 8;
const WORKERS: u64 = 3;
/// Messages of each client.
const MESSAGES: u64 = 400;
/// Of each client's are away at a time; so few that the port always has room.
const AWAY: usize = 100;
/// Ends a worker.
const END: u64 = u64::MAX;

/// Takes messages; answers some at once and others later, drops some, passes some on.
struct Worker {
    port: Port,
    onward: SendRight,
    kept: Vec<Message>,
    random: Random,
}

impl Worker {
    /// Works until it is told to end: how many messages it took.
    fn run(mut self) -> Result<usize, Errno> {
        let mut taken = 0;
        loop {
            match self.next()? {
                Event::Message(message) if message.words()[0] == END => {
                    self.kept.drain(..).try_for_each(answer)?;
                    return message.reply(Ok(0), [0; 3], &[]).map(|()| taken);
                }
                Event::Message(message) => {
                    taken += 1;
                    self.take(message)?;
                }
                Event::Aborted(number) => self.kept.retain(|kept| kept.number() != number),
                Event::Connect(_) => panic!("nobody connects"),
            }
        }
    }

    /// What comes next. Before it waits, it answers what it keeps.
    fn next(&mut self) -> Result<Event, Errno> {
        self.port.set_nonblocking(true)?;
        match self.port.receive() {
            Err(Errno::EAGAIN) => {}
            came => return came,
        }
        self.kept.drain(..).try_for_each(answer)?;
        self.port.set_nonblocking(false)?;
        self.port.receive()
    }

    fn take(&mut self, message: Message) -> Result<(), Errno> {
        if message.words()[2] == 1 && self.random.one_in(2) {
            message.forward(&self.onward)
        } else if message.flags().contains(Flags::DROPPABLE) && self.random.one_in(2) {
            message.drop_message()
        } else if self.random.one_in(3) || self.kept.len() > 16 {
            answer(message)
        } else {
            self.kept.push(message);
            Ok(())
        }
    }
}

/// With the id, which is the second word of a call and of any other message.
fn answer(message: Message) -> Result<(), Errno> {
    let id = message.words()[1];
    let data = &id.to_le_bytes()[..message.room().min(8)];
    message.reply(Ok(id as usize), [id; 3], data)
}

struct Client {
    path: String,
    right: SendRight,
    ids: std::ops::Range<u64>,
    away: HashSet<u64>,
    random: Random,
    /// Came back, and were answered or dropped by a worker.
    done: usize,
}

impl Client {
    /// Sends all and sees them back, but those whose right it closes: how many were worked on.
    fn run(mut self) -> Result<usize, Errno> {
        while !self.ids.is_empty() {
            while self.away.len() > AWAY {
                self.read()?;
            }
            self.send()?;
            match self.random.below(12) {
                0..=2 => self.abort()?,
                3..=6 => self.read()?,
                7 => self.call()?,
                8 if self.random.one_in(4) => {
                    // Nobody is told any more of what is outstanding.
                    self.right = SendRight::open(&self.path)?;
                    self.away.clear();
                }
                _ => {}
            }
        }
        while !self.away.is_empty() {
            self.read()?;
        }
        assert_eq!(replies(&patient(self.right)), Err(Errno::EAGAIN), "nothing comes twice");
        Ok(self.done)
    }

    fn send(&mut self) -> Result<(), Errno> {
        let mut batch = Batch::new();
        let count = 1 + self.random.below(16);
        for id in self.ids.by_ref().take(count as usize) {
            let words = [0, id, self.random.below(4)];
            let mut flags = Flags::empty();
            flags.set(Flags::PRIORITY, self.random.one_in(5));
            flags.set(Flags::DROPPABLE, self.random.one_in(5));
            let data = &id.to_le_bytes()[..self.random.below(9) as usize];
            batch.push(Outgoing { id, words, data, room: 8, flags });
            self.away.insert(id);
        }
        self.right.send(&mut batch)?;
        assert!(batch.is_empty());
        Ok(())
    }

    fn abort(&mut self) -> Result<(), Errno> {
        let mut batch = Batch::new();
        self.away.iter().take(3).for_each(|id| batch.abort(*id));
        self.right.send(&mut batch).map(drop)
    }

    fn read(&mut self) -> Result<(), Errno> {
        if self.away.is_empty() {
            return Ok(());
        }
        for got in replies(&self.right)? {
            assert!(self.away.remove(&got.id), "{got:?} was not away");
            match got.status {
                Ok(id) => {
                    assert_eq!((id as u64, got.words), (got.id, [got.id; 3]));
                    assert_eq!(got.data, got.id.to_le_bytes());
                    self.done += 1;
                }
                Err(Errno::ECANCELED) => self.done += usize::from(got.dropped),
                Err(errno) => return Err(errno),
            }
        }
        Ok(())
    }

    fn call(&mut self) -> Result<(), Errno> {
        let Some(id) = self.ids.next() else { return Ok(()) };
        let mut data = [0; 8];
        assert_eq!(self.right.call(1, id, &mut data), Ok(id as usize));
        assert_eq!(data, id.to_le_bytes());
        self.done += 1;
        Ok(())
    }
}

/// What all have done that ended well.
fn sum(processes: Vec<Process>) -> usize {
    let gave = |process: Process| match process.wait() {
        End::Gave(Ok(count)) => count,
        other => panic!("{other:?}"),
    };
    processes.into_iter().map(gave).sum()
}

fn no_message_is_lost_and_none_comes_back_twice() {
    beside(|world, _, path| {
        let first = make(path, ALL);
        let workers: Vec<_> = (1..=WORKERS)
            .map(|seed| {
                let own = Fd::new(first.dup(b"receive").unwrap());
                world.spawn_with(0, own, move |fd| {
                    let port = Port::new(fd);
                    let onward = port.send_right().unwrap();
                    let random = Random(seed);
                    ended(Worker { port, onward, kept: Vec::new(), random }.run())
                })
            })
            .collect();
        drop(first);
        let clients = (0..CLIENTS).map(|index| {
            let path = path.to_string();
            world.spawn_as(10 + index as u32, move || {
                let right = SendRight::open(&path).unwrap();
                let ids = index * MESSAGES..(index + 1) * MESSAGES;
                let (away, random) = (HashSet::new(), Random(index + 77));
                ended(Client { path, right, ids, away, random, done: 0 }.run())
            })
        });
        let done = sum(clients.collect());
        let right = SendRight::open(path).unwrap();
        for id in 0..WORKERS {
            right.send_one(Outgoing { words: [END; 3], ..numbered(id) }).unwrap();
        }
        let taken = sum(workers);
        assert!(done as u64 > CLIENTS * MESSAGES / 4, "{done}");
        assert!(taken >= done, "{taken} were taken, {done} worked on");
    });
}
