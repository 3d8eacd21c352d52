//! The model of what messages wait at: queues with receivers, gates.

use agent::Errno;

use crate::{
    flow::Next,
    model::{Keeper, Model, Place, Reply, Resume, Step, Stuck},
    script::{Around, Event, Holder, Key, Kind},
};

/// What waits at a gate.
enum Entry {
    Abort(Key, Keeper),
    Message(Key, Resume),
}

impl Model {
    /// A message goes on inside a guard, now or when it is its turn.
    pub(crate) fn enter_guard(&mut self, guard: usize, key: Key, resume: Resume) -> Step<Next> {
        let (Around::Gate { limit, .. } | Around::Thread { limit, .. }) = self.driver(guard).0
        else {
            return self.run(guard, key, resume);
        };
        if !self.ports[guard].busy {
            self.ports[guard].busy = true;
            let next = self.run_inside(guard, key, resume)?;
            self.leave(guard)?;
            return Ok(next);
        }
        let begins = resume == Resume::Begin;
        if begins && !self.ports[guard].open {
            return Ok(Next::Done(Errno::ENODEV.into()));
        }
        let sent = self.message(key).reply != Reply::Caller;
        if begins && sent && self.ports[guard].queue.len() >= limit {
            self.ports[guard].refused += 1;
            return Ok(Next::Done(Errno::EAGAIN.into()));
        }
        self.enqueue(guard, key, resume);
        Ok(Next::Gone)
    }

    fn enqueue(&mut self, port: usize, key: Key, resume: Resume) {
        let message = self.message(key);
        message.place = Place::Queue(port);
        let (urgent, receipt) = (message.priority, message.receipt);
        let Model { ports, messages, .. } = self;
        ports[port].put((key, resume), urgent, |other| messages[&other].priority);
        if receipt && resume == Resume::Begin {
            self.events.push(Event::Receipt(key));
        }
    }

    fn run_inside(&mut self, gate: usize, key: Key, resume: Resume) -> Step<Next> {
        if resume == Resume::Take {
            return self.run(gate, key, resume);
        }
        self.message(key).chain.push(gate);
        let next = self.run(gate, key, resume)?;
        self.message(key).chain.pop();
        Ok(next)
    }

    fn run(&mut self, guard: usize, key: Key, resume: Resume) -> Step<Next> {
        match resume {
            Resume::Begin => Ok(self.begin_contained(guard, key)?.into()),
            Resume::Up => self.tell_layer(key),
            Resume::Take => self.give(key).map(|()| Next::Gone),
        }
    }

    /// The one inside works off what waits, aborts first, and leaves. What leads to other
    /// drivers waits until it has left.
    pub(crate) fn leave(&mut self, gate: usize) -> Step<()> {
        let mut worked = Vec::new();
        while let Some(entry) = self.next_entry(gate) {
            if let Some((key, next)) = self.work(gate, entry)? {
                match next {
                    Next::Done(status) if self.message(key).frames.is_empty() => {
                        self.complete(key, status)?;
                    }
                    next => worked.push((key, next)),
                }
            }
        }
        self.ports[gate].busy = false;
        worked.into_iter().try_for_each(|(key, next)| self.go_on(key, next))
    }

    fn next_entry(&mut self, gate: usize) -> Option<Entry> {
        let port = &mut self.ports[gate];
        if let Some((key, keeper)) = port.aborts.pop() {
            return Some(Entry::Abort(key, keeper));
        }
        let (key, resume) = (!port.queue.is_empty()).then(|| port.queue.remove(0))?;
        self.message(key).place = Place::Moving;
        Some(Entry::Message(key, resume))
    }

    fn work(&mut self, gate: usize, entry: Entry) -> Step<Option<(Key, Next)>> {
        match entry {
            Entry::Abort(key, keeper) => self.abort_inside(key, keeper).map(|()| None),
            Entry::Message(key, resume) => match self.run_inside(gate, key, resume)? {
                Next::Gone => Ok(None),
                next => Ok(Some((key, next))),
            },
        }
    }

    /// The next step of a gate's own thread; false where there is none.
    pub(crate) fn work_one(&mut self, gate: usize) -> Step<bool> {
        let Some(entry) = self.next_entry(gate) else { return Ok(false) };
        if let Some((key, next)) = self.work(gate, entry)? {
            self.go_on(key, next)?;
        }
        Ok(true)
    }

    /// The thread has ended: what has not begun does not any more.
    pub(crate) fn turn_away(&mut self, gate: usize) -> Step<()> {
        while let Some(entry) = self.next_entry(gate) {
            if let Entry::Message(key, Resume::Begin) = entry {
                self.complete(key, Errno::ENODEV.into())?;
            } else if let Some((key, next)) = self.work(gate, entry)? {
                self.go_on(key, next)?;
            }
        }
        self.ports[gate].busy = false;
        Ok(())
    }

    /// A message comes to a queue.
    pub(crate) fn put(&mut self, port: usize, key: Key) -> Step<()> {
        let (Kind::Mailbox { limit } | Kind::Spin { limit }) = self.ports[port].kind else {
            unreachable!("not a queue");
        };
        let sent = self.message(key).reply != Reply::Caller;
        let refused = if !self.ports[port].open {
            Some(Errno::ENODEV)
        } else {
            (sent && self.ports[port].queue.len() >= limit).then_some(Errno::EAGAIN)
        };
        match refused {
            Some(errno) => self.complete(key, errno.into()),
            None => {
                self.enqueue(port, key, Resume::Begin);
                Ok(())
            }
        }
    }

    /// A receiver takes the next message.
    pub(crate) fn receive(&mut self, port: usize) -> Step<Option<Key>> {
        let mailbox = self.is_mailbox(port);
        if mailbox && (!self.ports[port].open || self.ports[port].receiving) {
            return Ok(None);
        }
        while !self.ports[port].queue.is_empty() {
            let (key, _) = self.ports[port].queue.remove(0);
            self.message(key).place = Place::Kept(Holder::Hand);
            if mailbox && self.message(key).aborted {
                self.ports[port].receiving = true;
                self.complete(key, Errno::ECANCELED.into())?;
                self.ports[port].receiving = false;
                continue;
            }
            self.events.push(Event::Received(port, key));
            return Ok(Some(key));
        }
        Ok(None)
    }

    /// The receive right goes: what waits in a mailbox is answered, what waits elsewhere stays.
    pub(crate) fn close(&mut self, port: usize) -> Step<()> {
        if self.ports[port].receiving {
            return Ok(());
        }
        self.ports[port].open = false;
        if !self.is_mailbox(port) {
            return Ok(());
        }
        let left = std::mem::take(&mut self.ports[port].queue);
        // In what order these hear of it is nobody's business.
        let layered = left.iter().filter(|(key, _)| !self.messages[key].frames.is_empty());
        if layered.count() > 1 {
            return Err(Stuck);
        }
        for (key, _) in &left {
            self.message(*key).place = Place::Moving;
        }
        left.into_iter().try_for_each(|(key, _)| self.complete(key, Errno::ENODEV.into()))
    }

    /// The sender of a message wants it no more.
    pub(crate) fn abort(&mut self, key: Key) -> Step<()> {
        let message = self.message(key);
        if !message.is_away() || std::mem::replace(&mut message.aborted, true) {
            return Ok(());
        }
        match message.asked_at {
            Some(keeper) => self.tell(key, keeper),
            None => Ok(()),
        }
    }

    /// Asks the keeper.
    pub(crate) fn tell(&mut self, key: Key, keeper: Keeper) -> Step<()> {
        match keeper {
            Keeper::Queue(port) if self.is_mailbox(port) => Ok(()),
            Keeper::Queue(port) => self.cancel(port, key),
            Keeper::Gate(port) => self.cancel(port, key),
            Keeper::Driver { guard: Some(guard), .. } if self.has_gate(guard) => {
                self.abort_through(guard, key, keeper)
            }
            Keeper::Driver { .. } => self.abort_inside(key, keeper),
        }
    }

    pub(crate) fn has_gate(&self, port: usize) -> bool {
        matches!(self.driver(port).0, Around::Gate { .. } | Around::Thread { .. })
    }

    fn abort_through(&mut self, gate: usize, key: Key, keeper: Keeper) -> Step<()> {
        if self.ports[gate].busy {
            // In what order several hints come is left open.
            if !self.ports[gate].aborts.is_empty() {
                return Err(Stuck);
            }
            self.ports[gate].aborts.push((key, keeper));
            return Ok(());
        }
        self.ports[gate].busy = true;
        self.abort_inside(key, keeper)?;
        self.leave(gate)
    }

    /// Takes a message out that waits here and has not begun.
    fn cancel(&mut self, port: usize, key: Key) -> Step<()> {
        let Some(at) = self.position(port, key) else { return Ok(()) };
        self.ports[port].queue.remove(at);
        if matches!(self.ports[port].kind, Kind::Driver { .. }) {
            self.ports[port].cancelled += 1;
        }
        self.complete(key, Errno::ECANCELED.into())
    }

    fn position(&self, port: usize, key: Key) -> Option<usize> {
        self.ports[port].queue.iter().position(|entry| *entry == (key, Resume::Begin))
    }

    /// Takes a droppable message out, as if it had never been sent.
    pub(crate) fn unqueue(&mut self, port: usize, key: Key) -> Step<()> {
        let open = self.ports[port].open || !self.is_mailbox(port);
        let droppable = self.message(key).droppable && open;
        let Some(at) = self.position(port, key).filter(|_| droppable) else {
            self.events.push(Event::Unqueued(port, key, Err(Errno::ENOENT)));
            return Ok(());
        };
        self.events.push(Event::Unqueued(port, key, Ok(())));
        self.ports[port].queue.remove(at);
        self.message(key).dropped = true;
        let mailbox = self.is_mailbox(port);
        let receiving = std::mem::replace(&mut self.ports[port].receiving, mailbox);
        self.complete(key, Errno::ECANCELED.into())?;
        self.ports[port].receiving = receiving;
        Ok(())
    }
}
