//! Ports over handles against a plain sequential model: random sends, receives, replies,
//! forwards, drops, aborts and closes, one after the other.

use std::collections::VecDeque;

use agent::Errno;

/// How many ports there are at the most.
pub(crate) const PORTS: usize = 3;

/// A message that is not back.
#[derive(Clone, Copy, Debug)]
struct Message {
    right: usize,
    id: u64,
    urgent: bool,
    droppable: bool,
    aborted: bool,
}

/// What a right reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) id: u64,
    pub(crate) status: Result<usize, Errno>,
    pub(crate) dropped: bool,
}

struct Back {
    urgent: bool,
    /// What came back at one stroke has one number, and no order.
    stroke: usize,
    reply: Reply,
}

#[derive(Default)]
struct Right {
    port: usize,
    back: Vec<Back>,
}

#[derive(Default)]
struct Port {
    urgent: VecDeque<Message>,
    others: VecDeque<Message>,
    open: bool,
}

#[derive(Default)]
struct Receiver {
    port: usize,
    taken: Vec<(u32, Message)>,
    /// Numbers to be told of, and when.
    aborts: Vec<(usize, u32)>,
}

/// All that there is. Rights and receivers that are closed leave a gap.
#[derive(Default)]
pub(crate) struct Model {
    ports: Vec<Port>,
    rights: Vec<Option<Right>>,
    receivers: Vec<Option<Receiver>>,
    strokes: usize,
}

/// What a receiver reads next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Nothing,
    /// The abort of any of these.
    Abort(Vec<u32>),
    Message(u64),
}

impl Model {
    pub(crate) fn make_port(&mut self) {
        self.ports.push(Port { open: true, ..Port::default() });
        self.add_receiver(self.ports.len() - 1);
    }

    pub(crate) fn port_of(&self, receiver: usize) -> usize {
        self.receivers[receiver].as_ref().unwrap().port
    }

    pub(crate) fn is_open(&self, port: usize) -> bool {
        self.ports[port].open
    }

    pub(crate) fn add_receiver(&mut self, port: usize) {
        self.receivers.push(Some(Receiver { port, ..Receiver::default() }));
    }

    pub(crate) fn add_right(&mut self, port: usize) {
        self.rights.push(Some(Right { port, ..Right::default() }));
    }

    fn give_back(&mut self, message: Message, status: Result<usize, Errno>, dropped: bool) {
        let (stroke, urgent) = (self.strokes, message.urgent);
        if let Some(right) = &mut self.rights[message.right] {
            let reply = Reply { id: message.id, status, dropped };
            right.back.push(Back { urgent, stroke, reply });
        }
    }

    fn queue(&mut self, port: usize, message: Message) {
        let target = &mut self.ports[port];
        if !target.open {
            self.give_back(message, Err(Errno::ENODEV), false);
        } else if message.urgent {
            target.urgent.push_back(message);
        } else {
            target.others.push_back(message);
        }
    }

    pub(crate) fn send(&mut self, right: usize, id: u64, urgent: bool, droppable: bool) {
        self.strokes += 1;
        let port = self.rights[right].as_ref().unwrap().port;
        let message = Message { right, id, urgent, droppable, aborted: false };
        self.queue(port, message);
    }

    /// What a receiver would read.
    pub(crate) fn next(&self, receiver: usize) -> Next {
        let receiver = self.receivers[receiver].as_ref().unwrap();
        let taken = |number| receiver.taken.iter().any(|(other, _)| *other == number);
        let told: Vec<_> = receiver.aborts.iter().filter(|(_, number)| taken(*number)).collect();
        if let Some(first) = told.iter().map(|(stroke, _)| stroke).min() {
            let first = told.iter().filter(|(stroke, _)| stroke == first);
            return Next::Abort(first.map(|(_, number)| *number).collect());
        }
        let port = &self.ports[receiver.port];
        let next = port.urgent.front().or(port.others.front());
        next.map_or(Next::Nothing, |message| Next::Message(message.id))
    }

    /// It read the abort of a message.
    pub(crate) fn told(&mut self, receiver: usize, number: u32) {
        let receiver = self.receivers[receiver].as_mut().unwrap();
        receiver.aborts.retain(|(_, other)| *other != number);
    }

    /// It read the next message, under this number.
    pub(crate) fn take(&mut self, receiver: usize, number: u32) {
        let receiver = self.receivers[receiver].as_mut().unwrap();
        let port = &mut self.ports[receiver.port];
        let message = port.urgent.pop_front().or_else(|| port.others.pop_front()).unwrap();
        receiver.taken.push((number, message));
    }

    /// The number of one of the messages that a receiver has taken.
    pub(crate) fn pick(&self, receiver: usize, which: usize) -> Option<u32> {
        let taken = &self.receivers[receiver].as_ref().unwrap().taken;
        taken.get(which % taken.len().max(1)).map(|(number, _)| *number)
    }

    fn put_down(&mut self, receiver: usize, number: u32) -> Message {
        let taken = &mut self.receivers[receiver].as_mut().unwrap().taken;
        let at = taken.iter().position(|(other, _)| *other == number).unwrap();
        taken.remove(at).1
    }

    pub(crate) fn reply(&mut self, receiver: usize, number: u32, status: Result<usize, Errno>) {
        self.strokes += 1;
        let message = self.put_down(receiver, number);
        self.give_back(message, status, false);
    }

    pub(crate) fn drop_message(&mut self, receiver: usize, number: u32) -> Result<(), Errno> {
        self.strokes += 1;
        let message = self.put_down(receiver, number);
        if !message.droppable {
            self.receivers[receiver].as_mut().unwrap().taken.push((number, message));
            return Err(Errno::EPERM);
        }
        self.give_back(message, Err(Errno::ECANCELED), true);
        Ok(())
    }

    pub(crate) fn forward(&mut self, receiver: usize, number: u32, right: usize) {
        self.strokes += 1;
        let port = self.rights[right].as_ref().unwrap().port;
        let message = self.put_down(receiver, number);
        if message.aborted {
            return self.give_back(message, Err(Errno::ECANCELED), false);
        }
        self.queue(port, message);
    }

    /// The messages of a right that are away are no longer wanted: all, or the one of this id.
    /// How many that is.
    fn unwanted(&mut self, right: usize, id: Option<u64>) -> usize {
        let wanted =
            |message: &Message| message.right != right || id.is_some_and(|id| id != message.id);
        let mut out = Vec::new();
        for port in &mut self.ports {
            for lane in [&mut port.urgent, &mut port.others] {
                out.extend(lane.iter().filter(|message| !wanted(message)));
                lane.retain(wanted);
            }
        }
        let mut count = out.len();
        out.into_iter().for_each(|message| self.give_back(message, Err(Errno::ECANCELED), false));
        for receiver in self.receivers.iter_mut().flatten() {
            for (number, message) in receiver.taken.iter_mut().filter(|(_, m)| !wanted(m)) {
                count += 1;
                if !std::mem::replace(&mut message.aborted, true) {
                    receiver.aborts.push((self.strokes, *number));
                }
            }
        }
        count
    }

    pub(crate) fn abort(&mut self, right: usize, id: u64) -> Result<usize, Errno> {
        self.strokes += 1;
        match self.unwanted(right, Some(id)) {
            0 => Err(Errno::ENOENT),
            count => Ok(count),
        }
    }

    pub(crate) fn close_right(&mut self, right: usize) {
        self.strokes += 1;
        self.unwanted(right, None);
        self.rights[right] = None;
    }

    pub(crate) fn close_receiver(&mut self, receiver: usize) {
        self.strokes += 1;
        let closed = self.receivers[receiver].take().unwrap();
        let last = !self.receivers.iter().flatten().any(|other| other.port == closed.port);
        if last {
            let port = &mut self.ports[closed.port];
            port.open = false;
            let rest: Vec<_> = port.urgent.drain(..).chain(port.others.drain(..)).collect();
            rest.into_iter().for_each(|message| self.give_back(message, Err(Errno::ENODEV), false));
            self.strokes += 1;
        }
        for (_, message) in closed.taken {
            self.give_back(message, Err(Errno::ECONNRESET), false);
        }
    }

    /// What a right may read next: those that come first, in no order.
    pub(crate) fn replies(&self, right: usize) -> Vec<Reply> {
        let back = &self.rights[right].as_ref().unwrap().back;
        let urgent = back.iter().any(|back| back.urgent);
        let lane: Vec<_> = back.iter().filter(|back| back.urgent == urgent).collect();
        let first = lane.iter().map(|back| back.stroke).min();
        lane.iter().filter(|back| Some(back.stroke) == first).map(|back| back.reply).collect()
    }

    /// It read this one.
    pub(crate) fn read(&mut self, right: usize, id: u64) {
        self.rights[right].as_mut().unwrap().back.retain(|back| back.reply.id != id);
    }
}
