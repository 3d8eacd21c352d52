//! Many clients at once, with aborts and closes: no message is lost, none comes back twice.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering::Relaxed},
    },
};

use agent::Errno;
use client::{Batch, Event, Message, Outgoing, Port, SendRight, record::Flags};

use crate::setup::{NAME, replies, world};

const CLIENTS: u64 = 8;
/// Messages of each client; `PORTS_STRESS` in the environment says how many else.
const MESSAGES: u64 = 2_000;
/// Of each client's are away at a time; so few that the port always has room.
const AWAY: usize = 400;
/// Ends a worker.
const END: u64 = u64::MAX;

/// Xorshift: the same numbers each time.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }
}

/// What workers did with each message: how often it was taken.
type Taken = Arc<Vec<AtomicU8>>;

/// Takes messages, keeps some for a while, answers or drops them, each with its id, or passes
/// them on.
struct Worker {
    port: Port,
    onward: SendRight,
    kept: Vec<Message>,
    taken: Taken,
    random: Random,
}

impl Worker {
    fn run(mut self) {
        loop {
            match self.next() {
                Event::Message(message) if message.words()[0] == END => {
                    message.reply(Ok(0), [0; 3], &[]).unwrap();
                    break;
                }
                Event::Message(message) => self.take(message),
                Event::Aborted(number) => self.kept.retain(|kept| kept.number() != number),
                Event::Connect(_) => panic!("nobody connects"),
            }
            if self.kept.len() > 16 {
                let at = self.random.below(16) as usize;
                answer(self.kept.swap_remove(at));
            }
        }
        self.kept.drain(..).for_each(answer);
    }

    /// What comes next. Before it waits, it answers what it keeps.
    fn next(&mut self) -> Event {
        self.port.set_nonblocking(true).unwrap();
        self.port.receive().unwrap_or_else(|errno| {
            assert_eq!(errno, Errno::EAGAIN);
            self.kept.drain(..).for_each(answer);
            self.port.set_nonblocking(false).unwrap();
            self.port.receive().unwrap()
        })
    }

    fn take(&mut self, message: Message) {
        let (id, passed) = question(&message);
        let before = self.taken[id as usize].fetch_add(1, Relaxed);
        assert!(before <= u8::from(passed), "message {id} was taken before");
        if passed && before == 0 {
            message.forward(&self.onward).unwrap();
        } else if message.flags().contains(Flags::DROPPABLE) && self.random.one_in(2) {
            message.drop_message().unwrap();
        } else if self.random.one_in(3) {
            answer(message);
        } else {
            self.kept.push(message);
        }
    }
}

/// The message's id, and whether it is to be passed on once.
fn question(message: &Message) -> (u64, bool) {
    match message.words() {
        [_, id, _] if message.flags().contains(Flags::CALL) => (id, false),
        [id, passed, _] => (id, passed == 1),
    }
}

fn answer(message: Message) {
    let (id, _) = question(&message);
    let data = &id.to_le_bytes()[..message.room().min(8)];
    message.reply(Ok(id as usize), [id; 3], data).unwrap();
}

/// What one client saw.
#[derive(Default)]
struct Seen {
    answered: u64,
    cancelled: u64,
    dropped: u64,
    /// Away when their right was closed.
    left: u64,
}

struct Client {
    right: SendRight,
    ids: std::ops::Range<u64>,
    away: HashSet<u64>,
    random: Random,
    seen: Seen,
}

impl Client {
    fn run(mut self) -> Seen {
        while !self.ids.is_empty() {
            while self.away.len() > AWAY {
                self.read();
            }
            self.send();
            if self.random.one_in(4) {
                self.abort();
            }
            if self.random.one_in(3) {
                self.read();
            }
            if self.random.one_in(100) {
                // Closed with what is outstanding, which nobody is told of any more.
                self.right = SendRight::open(NAME).unwrap();
                self.seen.left += self.away.len() as u64;
                self.away.clear();
            }
            if self.random.one_in(8) {
                self.call();
            }
        }
        while !self.away.is_empty() {
            self.read();
        }
        self.right.set_nonblocking(true).unwrap();
        assert_eq!(replies(&self.right), Err(Errno::EAGAIN), "nothing comes twice");
        self.seen
    }

    fn send(&mut self) {
        let mut batch = Batch::new();
        let count = 1 + self.random.below(32);
        let ids: Vec<_> = self.ids.by_ref().take(count as usize).collect();
        for id in &ids {
            let words = [*id, self.random.below(8).min(1) ^ 1, 0];
            let mut flags = Flags::empty();
            flags.set(Flags::PRIORITY, self.random.one_in(5));
            flags.set(Flags::DROPPABLE, self.random.one_in(5));
            let data = &id.to_le_bytes()[..self.random.below(9) as usize];
            batch.push(Outgoing { id: *id, words, data, room: 8, flags });
        }
        self.away.extend(ids);
        self.right.send(&mut batch).unwrap();
        assert!(batch.is_empty());
    }

    fn abort(&mut self) {
        let mut batch = Batch::new();
        let some = self.away.iter().take(3).copied().collect::<Vec<_>>();
        some.into_iter().for_each(|id| batch.abort(id));
        self.right.send(&mut batch).unwrap();
    }

    fn read(&mut self) {
        if self.away.is_empty() {
            return;
        }
        for got in replies(&self.right).unwrap() {
            assert!(self.away.remove(&got.id), "{got:?} was not away");
            match got.status {
                Ok(id) => {
                    assert_eq!((id as u64, got.words), (got.id, [got.id; 3]));
                    assert_eq!(got.data, got.id.to_le_bytes());
                    self.seen.answered += 1;
                }
                Err(Errno::ECANCELED) if got.dropped => self.seen.dropped += 1,
                Err(Errno::ECANCELED) => self.seen.cancelled += 1,
                Err(errno) => panic!("{errno}"),
            }
        }
    }

    fn call(&mut self) {
        let Some(id) = self.ids.next() else { return };
        let mut data = [0; 8];
        assert_eq!(self.right.call(1, id, &mut data), Ok(id as usize));
        assert_eq!(data, id.to_le_bytes());
        self.seen.answered += 1;
    }
}

#[test]
fn no_message_is_lost_and_none_comes_back_twice() {
    let each = std::env::var("PORTS_STRESS").ok().and_then(|text| text.parse().ok());
    let each: u64 = each.unwrap_or(MESSAGES);
    let world = world();
    let server = world.process(7, 7);
    let taken: Taken = Arc::new((0..CLIENTS * each).map(|_| AtomicU8::new(0)).collect());
    let first = server.enter(|| Port::create(NAME, 0o666).unwrap());
    let workers: Vec<_> = (1..=3)
        .map(|seed| {
            let port = server.enter(|| first.another().unwrap());
            let onward = server.enter(|| first.send_right().unwrap());
            let (taken, random) = (Arc::clone(&taken), Random(seed));
            let worker = Worker { port, onward, kept: Vec::new(), taken, random };
            server.spawn(move || worker.run())
        })
        .collect();
    server.enter(|| drop(first));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|index| {
            let process = world.process(10 + index as u32, 10);
            process.spawn(move || {
                let right = SendRight::open(NAME).unwrap();
                let ids = index * each..(index + 1) * each;
                let random = Random(index + 77);
                Client { right, ids, away: HashSet::new(), random, seen: Seen::default() }.run()
            })
        })
        .collect();
    let mut all = Seen::default();
    for client in clients {
        let seen = client.join().unwrap();
        all.answered += seen.answered;
        all.cancelled += seen.cancelled;
        all.dropped += seen.dropped;
        all.left += seen.left;
    }
    assert_eq!(all.answered + all.cancelled + all.dropped + all.left, CLIENTS * each);
    assert!(all.answered > all.cancelled && all.dropped > 0 && all.left > 0);
    world.root(|| {
        let right = SendRight::open(NAME).unwrap();
        let ends = 0..workers.len() as u64;
        let message = |id| Outgoing { id, words: [END; 3], ..Outgoing::default() };
        ends.for_each(|id| right.send_one(message(id)).unwrap());
        workers.into_iter().for_each(|worker| worker.join().unwrap());
    });
}
