//! The daemon beside the model: each step is made in both, and shows the same. The smoke suite
//! (`tests/smoke`) walks so too, inside Redox.

use agent::Errno;
use client::{
    Outgoing, Port, SendRight,
    record::{Flags, RECORD, Record, Verb, View},
};

use super::model::{Model, Next, PORTS, Reply};

/// A random step: what, which of those that there are, and more.
pub(crate) type Step = (u8, u8, u8, bool, bool);

/// Makes steps in both, with ports whose names begin with `base`.
pub(crate) fn walk(base: &str, steps: impl IntoIterator<Item = Step>) {
    let mut pair = Pair { base: base.to_string(), ..Pair::default() };
    // Something to begin with.
    (0..PORTS as u8).for_each(|port| {
        pair.make(port);
        pair.open(port);
    });
    steps.into_iter().for_each(|step| pair.step(step));
    pair.finish();
}

#[derive(Default)]
struct Pair {
    base: String,
    model: Model,
    ports: Vec<String>,
    rights: Vec<Option<SendRight>>,
    receivers: Vec<Option<Port>>,
    ids: u64,
}

/// One of those that are there.
fn pick<T>(all: &[Option<T>], which: u8) -> Option<usize> {
    let there: Vec<_> = (0..all.len()).filter(|at| all[*at].is_some()).collect();
    there.get(usize::from(which) % there.len().max(1)).copied()
}

impl Pair {
    fn step(&mut self, (what, which, other, one, two): Step) {
        let (right, receiver) = (pick(&self.rights, which), pick(&self.receivers, which));
        match what % 16 {
            0 => self.make(which),
            1 => self.open(which),
            2..=5 => right.into_iter().for_each(|right| self.send(right, one, two)),
            6..=8 => receiver.into_iter().for_each(|receiver| {
                self.receive(receiver);
            }),
            9 | 10 => self.answer(receiver, other, one),
            11 => self.forward(receiver, other),
            12 => self.drop_message(receiver, other),
            13 => right.into_iter().for_each(|right| self.abort(right, other)),
            14 => right.into_iter().for_each(|right| {
                self.read(right);
            }),
            _ if two => {}
            _ if one => right.into_iter().for_each(|right| self.close_right(right)),
            _ => receiver.into_iter().for_each(|receiver| self.close_receiver(receiver)),
        }
    }

    /// Makes a port, or one more right to receive from one.
    fn make(&mut self, which: u8) {
        if self.ports.len() < PORTS {
            let path = format!("{}{}", self.base, self.ports.len());
            self.add(Port::create(&path, 0o600).unwrap());
            self.ports.push(path);
            self.model.make_port();
        } else if let Some(receiver) = pick(&self.receivers, which) {
            self.add(self.receivers[receiver].as_ref().unwrap().another().unwrap());
            self.model.add_receiver(self.model.port_of(receiver));
        }
    }

    fn add(&mut self, port: Port) {
        port.set_nonblocking(true).unwrap();
        self.receivers.push(Some(port));
    }

    fn open(&mut self, which: u8) {
        if self.ports.is_empty() {
            return;
        }
        let port = usize::from(which) % self.ports.len();
        let opened = SendRight::open(&self.ports[port]);
        assert_eq!(opened.as_ref().err(), (!self.model.is_open(port)).then_some(&Errno::ENOENT));
        if let Ok(right) = opened {
            right.set_nonblocking(true).unwrap();
            self.rights.push(Some(right));
            self.model.add_right(port);
        }
    }

    fn send(&mut self, right: usize, urgent: bool, droppable: bool) {
        self.ids += 1;
        let mut flags = Flags::empty();
        flags.set(Flags::PRIORITY, urgent);
        flags.set(Flags::DROPPABLE, droppable);
        let (id, data) = (self.ids, self.ids.to_le_bytes());
        let message = Outgoing { id, words: [id, 0, 0], data: &data, room: 8, flags };
        self.rights[right].as_ref().unwrap().send_one(message).unwrap();
        self.model.send(right, id, urgent, droppable);
    }

    /// Reads one record at the most; false where there was nothing.
    fn receive(&mut self, receiver: usize) -> bool {
        let mut buffer = [0; RECORD + 8];
        let read = self.receivers[receiver].as_ref().unwrap().fd().read(&mut buffer);
        let (read, expected) = (read.map_err(Errno::from), self.model.next(receiver));
        if read == Err(Errno::EAGAIN) {
            assert_eq!(expected, Next::Nothing);
            return false;
        }
        let record = View::new(&buffer).unwrap().parse().unwrap();
        let number = record.id as u32;
        match expected {
            Next::Abort(numbers) => {
                assert!(record.verb == Verb::Abort && numbers.contains(&number), "{record:?}");
                self.model.told(receiver, number);
            }
            Next::Message(id) => {
                assert_eq!((record.verb, record.words[0]), (Verb::Send, id));
                assert_eq!(
                    (read, &buffer[RECORD..]),
                    (Ok(RECORD + 8), id.to_le_bytes().as_slice())
                );
                self.model.take(receiver, number);
            }
            Next::Nothing => panic!("{record:?}"),
        }
        true
    }

    fn write(&self, receiver: usize, record: Record) -> Result<(), Errno> {
        let written = self.receivers[receiver].as_ref().unwrap().fd().write(&record.to_bytes());
        assert!(written.as_ref().ok().is_none_or(|bytes| *bytes == RECORD));
        Ok(written.map(drop)?)
    }

    /// The receiver, and the number of a message that it has taken.
    fn taken(&self, receiver: Option<usize>, which: u8) -> Option<(usize, u32)> {
        let receiver = receiver?;
        Some((receiver, self.model.pick(receiver, which.into())?))
    }

    fn answer(&mut self, receiver: Option<usize>, which: u8, well: bool) {
        let Some((receiver, number)) = self.taken(receiver, which) else { return };
        let status = if well { Ok(which.into()) } else { Err(Errno::ENOSPC) };
        let record = Record { status: status.into(), ..Record::new(Verb::Reply, number.into()) };
        self.write(receiver, record).unwrap();
        self.model.reply(receiver, number, status);
    }

    fn forward(&mut self, receiver: Option<usize>, which: u8) {
        let Some((receiver, number)) = self.taken(receiver, which) else { return };
        let Some(right) = pick(&self.rights, which) else { return };
        let token = self.rights[right].as_ref().unwrap().fd().stat().unwrap().st_ino;
        let record = Record::new(Verb::Forward, number.into());
        self.write(receiver, Record { words: [token, 0, 0], ..record }).unwrap();
        self.model.forward(receiver, number, right);
    }

    fn drop_message(&mut self, receiver: Option<usize>, which: u8) {
        let Some((receiver, number)) = self.taken(receiver, which) else { return };
        let dropped = self.write(receiver, Record::new(Verb::Drop, number.into()));
        assert_eq!(dropped, self.model.drop_message(receiver, number));
    }

    fn abort(&mut self, right: usize, which: u8) {
        let id = self.ids.saturating_sub(u64::from(which % 8));
        let aborted = self.rights[right].as_ref().unwrap().abort(id as u32);
        assert_eq!(aborted, self.model.abort(right, id));
    }

    /// Reads one reply at the most; false where there was none.
    fn read(&mut self, right: usize) -> bool {
        let mut buffer = [0; RECORD];
        let mut came = match self.rights[right].as_ref().unwrap().replies(&mut buffer) {
            Ok(came) => came,
            Err(errno) => {
                assert_eq!((errno, self.model.replies(right)), (Errno::EAGAIN, Vec::new()));
                return false;
            }
        };
        let reply = came.next().unwrap().unwrap();
        let seen = Reply { id: reply.id, status: reply.status, dropped: reply.dropped };
        assert!(!reply.refused && reply.data.is_empty());
        let expected = self.model.replies(right);
        assert!(expected.contains(&seen), "{seen:?} in place of {expected:?}");
        self.model.read(right, seen.id);
        true
    }

    fn close_right(&mut self, right: usize) {
        self.rights[right] = None;
        self.model.close_right(right);
    }

    fn close_receiver(&mut self, receiver: usize) {
        self.receivers[receiver] = None;
        self.model.close_receiver(receiver);
    }

    /// Everything that is left comes back, once.
    fn finish(mut self) {
        for receiver in 0..self.receivers.len() {
            if self.receivers[receiver].is_some() {
                while self.receive(receiver) {}
            }
        }
        for receiver in 0..self.receivers.len() {
            if self.receivers[receiver].is_some() {
                self.close_receiver(receiver);
            }
        }
        for right in 0..self.rights.len() {
            if self.rights[right].is_some() {
                while self.read(right) {}
                assert_eq!(self.rights[right].as_ref().unwrap().fd().stat().unwrap().st_size, 0);
            }
        }
    }
}
