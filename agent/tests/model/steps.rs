//! The model of what senders and receivers do.

use agent::Status;

use crate::{
    flow::Ended,
    model::{INBOX_LIMIT, INBOXES, Model, Place, Reply, Step, TICKETS},
    script::{Around, Event, Key, Kind, Op, Pick, Plan, Way, pick},
};

impl Model {
    pub(crate) fn step(&mut self, op: &Op) -> Step<()> {
        self.depth += 1;
        if self.inside == 0 {
            self.batch += 1;
        }
        self.take_step(op)?;
        self.depth -= 1;
        if self.depth == 0 {
            self.drop_tickets(TICKETS);
        }
        Ok(())
    }

    pub(crate) fn nested(&mut self, ops: &[Op]) -> Step<()> {
        ops.iter().try_for_each(|op| self.step(op))
    }

    /// What a sender looks at, it looks at while no driver is being entered: whether a reply is
    /// there at once or as soon as the driver returns is left open.
    fn take_step(&mut self, op: &Op) -> Step<()> {
        match op {
            Op::Send { inbox, to, way, plan } => self.send(*inbox, *to, *way, plan),
            Op::Ask { to, plan } => self.ask(*to, plan),
            Op::DropMessage(at) => {
                if let Some(key) = pick(&self.mine(), *at).copied() {
                    self.free(key);
                }
                Ok(())
            }
            Op::AbortFuture(at) => match pick(&self.futures, *at).copied() {
                Some(key) => self.abort(key),
                None => Ok(()),
            },
            Op::DropFuture(at) => self.drop_future(*at),
            Op::Abort(at) => match pick(&self.tickets, *at).copied() {
                Some((key, send)) if self.message(key).sends == send => self.abort(key),
                _ => Ok(()),
            },
            Op::Receive { port, patience } => self.receive_until(*port, *patience),
            Op::Done(at, count) => match pick(&self.kept(), *at).copied() {
                Some(key) => self.complete(key, Status::ok((*count).into())),
                None => Ok(()),
            },
            Op::LetGo(at) => match pick(&self.kept(), *at).copied() {
                Some(key) => self.let_go(key),
                None => Ok(()),
            },
            Op::Forward(at, to) => match pick(&self.kept(), *at).copied() {
                Some(key) => self.forward(key, usize::from(*to) % self.ports.len()),
                None => Ok(()),
            },
            Op::Unqueue { port, message } => self.unqueue_one(*port, *message),
            Op::Close(port) => match self.receives(*port) {
                Some(port) => self.close(port),
                None => Ok(()),
            },
            Op::Calm => {
                self.calm = true;
                Ok(())
            }
            _ if self.inside > 0 => Ok(()),
            Op::Call { to, plan, until, interrupted, during } => {
                self.call(*to, plan, *until, *interrupted, during)
            }
            Op::TryTake(at) => self.look(*at, false),
            Op::Poll(at) => self.look(*at, true),
            Op::Run { port, during } => self.run_thread(*port, during),
            _ if self.depth > 1 => Ok(()),
            Op::Get { inbox, patience, during } => self.get(*inbox, *patience, during),
            Op::GetOne(at) => self.get_one(*at),
            Op::DropInbox(inbox) => self.drop_inbox(*inbox),
        }
    }

    /// Puts a message under way.
    pub(crate) fn start(&mut self, key: Key, reply: Reply, hold: Option<usize>, droppable: bool) {
        let message = self.message(key);
        message.place = Place::Moving;
        message.sends += 1;
        (message.reply, message.droppable) = (reply, droppable);
        (message.dropped, message.aborted, message.polled) = (false, false, false);
        (message.asked_at, message.cost) = (None, 1);
        message.holds = hold.into_iter().collect();
    }

    fn begin_first(&mut self, key: Key, to: usize) -> Step<()> {
        match self.begin(to, key, None)? {
            Ended::Done(status) => {
                self.message(key).status = status;
                self.finish(key);
                let message = self.message(key);
                if let Place::Inbox { inbox, batch, .. } = message.place {
                    let at_once = matches!(message.reply, Reply::Inbox { reserved: true, .. });
                    message.place = Place::Inbox { inbox, batch, at_once };
                }
                Ok(())
            }
            Ended::Kept => self.hand_over(key),
        }
    }

    fn send(&mut self, inbox: Pick, to: Pick, way: Way, plan: &Plan) -> Step<()> {
        let (inbox, to) = (usize::from(inbox) % INBOXES, usize::from(to) % self.ports.len());
        let key = self.prepare(plan);
        let reserved = matches!(way, Way::Inbox | Way::Droppable | Way::Right);
        if reserved && self.inboxes[inbox].outstanding == INBOX_LIMIT {
            self.events.push(Event::Refused(key));
            return Ok(());
        }
        if reserved {
            self.inboxes[inbox].outstanding += 1;
        }
        let reply = match way {
            Way::Discard => Reply::Nobody,
            _ => Reply::Inbox { inbox, age: self.inboxes[inbox].age, reserved },
        };
        let hold = (way != Way::Right).then_some(to);
        self.start(key, reply, hold, matches!(way, Way::Droppable | Way::DroppableReplyPort));
        self.begin_first(key, to)
    }

    fn ask(&mut self, to: Pick, plan: &Plan) -> Step<()> {
        let to = usize::from(to) % self.ports.len();
        let key = self.prepare(plan);
        self.start(key, Reply::Future, Some(to), false);
        self.begin_first(key, to)?;
        self.futures.push(key);
        Ok(())
    }

    fn look(&mut self, at: Pick, poll: bool) -> Step<()> {
        let Some(key) = pick(&self.futures, at).copied() else { return Ok(()) };
        self.futures.retain(|other| *other != key);
        if self.message(key).is_away() {
            self.message(key).polled |= poll;
            self.futures.push(key);
        } else {
            self.got(key);
        }
        Ok(())
    }

    fn drop_future(&mut self, at: Pick) -> Step<()> {
        let Some(key) = pick(&self.futures, at).copied() else { return Ok(()) };
        self.futures.retain(|other| *other != key);
        self.abort(key)?;
        if self.message(key).is_away() {
            self.message(key).reply = Reply::Nobody;
        } else {
            self.free(key);
        }
        Ok(())
    }

    fn get(&mut self, inbox: Pick, patience: u8, during: &[Op]) -> Step<()> {
        let inbox = usize::from(inbox) % INBOXES;
        let (deadline, mut during) = (self.now + u64::from(patience), during.iter());
        loop {
            if let Some(key) = self.next_of(inbox) {
                self.got_from(inbox, key);
                return Ok(());
            }
            if self.now >= deadline {
                return Ok(());
            }
            match during.next() {
                Some(op) => self.step(op)?,
                None => self.now = deadline,
            }
        }
    }

    fn got_from(&mut self, inbox: usize, key: Key) {
        if let Reply::Inbox { reserved: true, .. } = self.message(key).reply {
            self.inboxes[inbox].outstanding -= 1;
        }
        self.got(key);
    }

    /// The very message that a ticket is of, where it is back.
    fn get_one(&mut self, at: Pick) -> Step<()> {
        let Some((key, send)) = pick(&self.tickets, at).copied() else { return Ok(()) };
        let message = self.message(key);
        if let Place::Inbox { inbox, .. } = message.place
            && message.sends == send
        {
            self.got_from(inbox, key);
        }
        Ok(())
    }

    fn drop_inbox(&mut self, inbox: Pick) -> Step<()> {
        let inbox = usize::from(inbox) % INBOXES;
        let here = |place| matches!(place, Place::Inbox { inbox: at, .. } if at == inbox);
        self.keys(|m| here(m.place)).into_iter().for_each(|key| self.free(key));
        self.inboxes[inbox].age += 1;
        self.inboxes[inbox].outstanding = 0;
        Ok(())
    }

    fn receive_until(&mut self, port: Pick, patience: u8) -> Step<()> {
        let Some(port) = self.receives(port) else { return Ok(()) };
        if self.is_mailbox(port) && self.ports[port].receiving {
            return Ok(());
        }
        let deadline = self.now + u64::from(patience);
        if self.receive(port)?.is_none() && self.ports[port].open {
            self.now = self.now.max(deadline);
        }
        Ok(())
    }

    fn unqueue_one(&mut self, port: Pick, message: Pick) -> Step<()> {
        let queues = |port: &usize| match self.ports[*port].kind {
            Kind::Driver { around, .. } => {
                matches!(around, Around::Gate { .. } | Around::Thread { .. })
            }
            _ => true,
        };
        let ports: Vec<_> = (0..self.ports.len()).filter(queues).collect();
        let mut there = self.keys(|m| m.reply != Reply::Caller);
        there.retain(|key| self.is_alive(*key));
        if !message.is_multiple_of(4) {
            there.retain(|key| self.messages[key].droppable);
        }
        match (pick(&ports, port), pick(&there, message)) {
            (Some(port), Some(key)) => self.unqueue(*port, *key),
            _ => Ok(()),
        }
    }
}
