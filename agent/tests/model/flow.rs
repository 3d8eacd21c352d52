//! The model of a message's way: down through ports, to a keeper, and up again.

use agent::{Errno, Status};

use crate::{
    model::{Frame, Keeper, MAX_DEPTH, MAX_GATES, MAX_HOLDS, Model, Place, Reply, Resume, Step},
    script::{Around, Event, Key, Kind, Pick},
};

/// What became of a message at a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Done(Status),
    Kept,
}

/// The same of a driver, which may panic.
pub(crate) enum Entered {
    Ended(Ended),
    Panicked,
}

/// What is to be done with a message next.
pub(crate) enum Next {
    Done(Status),
    Kept,
    Gone,
}

impl From<Ended> for Next {
    fn from(ended: Ended) -> Next {
        match ended {
            Ended::Done(status) => Next::Done(status),
            Ended::Kept => Next::Kept,
        }
    }
}

pub(crate) fn done(status: impl Into<Status>) -> Step<Entered> {
    Ok(Entered::Ended(Ended::Done(status.into())))
}

impl Model {
    pub(crate) fn driver(&self, port: usize) -> (Around, [Pick; 2]) {
        match self.ports[port].kind {
            Kind::Driver { around, lowers } => (around, lowers),
            _ => unreachable!("not a driver"),
        }
    }

    /// A message comes to a port, `guard` being the nearest thing around that it is inside of.
    pub(crate) fn begin(&mut self, port: usize, key: Key, guard: Option<usize>) -> Step<Ended> {
        let Kind::Driver { around, .. } = self.ports[port].kind else {
            self.message(key).keeper = Keeper::Queue(port);
            return Ok(Ended::Kept);
        };
        match around {
            Around::Nothing => match self.enter_begin(port, key, guard)? {
                Entered::Ended(ended) => Ok(ended),
                Entered::Panicked => unreachable!("nothing would contain it"),
            },
            Around::Containment => self.begin_contained(port, key),
            Around::Gate { .. } => self.begin_at_gate(port, key),
            Around::Thread { .. } => {
                if !self.ports[port].open {
                    return Ok(Ended::Done(Errno::ENODEV.into()));
                }
                self.refused_or_queued(port, key)
            }
        }
    }

    fn refused_or_queued(&mut self, port: usize, key: Key) -> Step<Ended> {
        if let Some(errno) = self.refusal(port, key) {
            return Ok(Ended::Done(errno.into()));
        }
        self.message(key).keeper = Keeper::Gate(port);
        Ok(Ended::Kept)
    }

    /// What a gate answers before anything else.
    fn refusal(&mut self, port: usize, key: Key) -> Option<Errno> {
        let message = self.message(key);
        if message.reply == Reply::Caller && message.chain.contains(&port) {
            return Some(Errno::EDEADLK);
        }
        (message.chain.len() == MAX_GATES).then_some(Errno::ELOOP)
    }

    fn begin_at_gate(&mut self, port: usize, key: Key) -> Step<Ended> {
        if self.ports[port].busy || self.refusal(port, key).is_some() {
            return self.refused_or_queued(port, key);
        }
        self.ports[port].busy = true;
        self.message(key).chain.push(port);
        let ended = self.begin_contained(port, key)?;
        self.message(key).chain.pop();
        self.leave(port)?;
        Ok(ended)
    }

    /// Begins a message inside what stands around the driver.
    pub(crate) fn begin_contained(&mut self, port: usize, key: Key) -> Step<Ended> {
        self.contained(port, key, |model| model.enter_begin(port, key, Some(port)))
    }

    /// The message ends with `EIO` where the driver of the guard panics, or has before.
    fn contained(
        &mut self,
        guard: usize,
        key: Key,
        entry: impl FnOnce(&mut Model) -> Step<Entered>,
    ) -> Step<Ended> {
        if self.ports[guard].failed {
            return Ok(Ended::Done(Errno::EIO.into()));
        }
        let (frames, chain) = (self.message(key).frames.len(), self.message(key).chain.len());
        match entry(self)? {
            Entered::Ended(ended) => Ok(ended),
            Entered::Panicked => {
                self.message(key).frames.truncate(frames);
                self.message(key).chain.truncate(chain);
                self.fail(guard, guard)?;
                Ok(Ended::Done(Errno::EIO.into()))
            }
        }
    }

    pub(crate) fn let_go(&mut self, key: Key) -> Step<()> {
        let status = self.let_go_status(key);
        self.complete(key, status)
    }

    pub(crate) fn forward_down(
        &mut self,
        port: usize,
        lower: usize,
        key: Key,
        guard: Option<usize>,
    ) -> Step<Entered> {
        if self.message(key).frames.len() == MAX_DEPTH {
            return done(Errno::ELOOP);
        }
        self.message(key).frames.push(Frame { port, guard });
        match self.begin(lower, key, guard)? {
            Ended::Kept => Ok(Entered::Ended(Ended::Kept)),
            Ended::Done(status) => {
                self.message(key).frames.pop();
                self.message(key).status = status;
                self.enter_up(port, key, guard)
            }
        }
    }

    /// A message that was kept goes to its keeper.
    pub(crate) fn hand_over(&mut self, key: Key) -> Step<()> {
        let message = self.message(key);
        (message.hops, message.asked_at) = (message.hops + 1, None);
        let keeper = message.keeper;
        match keeper.guard() {
            None => self.give(key),
            Some(guard) => self.enter_guard(guard, key, Resume::Take).map(|_| ()),
        }
    }

    pub(crate) fn is_mailbox(&self, port: usize) -> bool {
        matches!(self.ports[port].kind, Kind::Mailbox { .. })
    }

    /// Gives a message to its keeper, inside its guard: but none that is not wanted any more.
    pub(crate) fn give(&mut self, key: Key) -> Step<()> {
        let message = self.message(key);
        let (hop, keeper, aborted) = (message.hops, message.keeper, message.aborted);
        match keeper {
            _ if aborted => return self.complete(key, Errno::ECANCELED.into()),
            Keeper::Queue(port) => self.put(port, key)?,
            Keeper::Gate(port) => {
                let next = self.enter_guard(port, key, Resume::Begin)?;
                self.go_on(key, next)?;
            }
            Keeper::Driver { port, guard } => self.take_contained(port, key, guard)?,
        }
        let message = self.message(key);
        if message.hops == hop && message.is_away() {
            message.asked_at = Some(keeper);
            if message.aborted {
                self.tell(key, keeper)?;
            }
        }
        Ok(())
    }

    fn take_contained(&mut self, port: usize, key: Key, guard: Option<usize>) -> Step<()> {
        if guard.is_some_and(|guard| self.ports[guard].failed) {
            return self.complete(key, Errno::EIO.into());
        }
        self.inside += 1;
        let panicked = self.take(port, key)?;
        self.inside -= 1;
        match guard {
            // What came in while the driver failed is let go of, too.
            Some(guard) if panicked || self.ports[guard].failed => self.fail(guard, port),
            _ => Ok(()),
        }
    }

    /// Asks the keeper behind its guard to abort.
    pub(crate) fn abort_inside(&mut self, key: Key, keeper: Keeper) -> Step<()> {
        let Keeper::Driver { port, guard } = keeper else { return Ok(()) };
        if guard.is_some_and(|guard| self.ports[guard].failed) {
            return Ok(());
        }
        let panicked = self.enter_abort(port, key)?;
        match guard {
            Some(guard) if panicked || self.ports[guard].failed => self.fail(guard, port),
            _ => Ok(()),
        }
    }

    /// The holder is through with a message: the layers hear of it, then its sender.
    pub(crate) fn complete(&mut self, key: Key, mut status: Status) -> Step<()> {
        loop {
            let message = self.message(key);
            (message.place, message.status) = (Place::Moving, status);
            let Some(frame) = message.frames.last().copied() else {
                self.finish(key);
                return Ok(());
            };
            let next = match frame.guard {
                None => self.tell_layer(key)?,
                Some(guard) => self.enter_guard(guard, key, Resume::Up)?,
            };
            match next {
                Next::Done(next) => status = next,
                Next::Kept => return self.hand_over(key),
                Next::Gone => return Ok(()),
            }
        }
    }

    pub(crate) fn tell_layer(&mut self, key: Key) -> Step<Next> {
        let frame = self.message(key).frames.pop().expect("a layer waits");
        let ended = match frame.guard {
            Some(guard) => {
                self.contained(guard, key, |m| m.enter_up(frame.port, key, Some(guard)))?
            }
            None => match self.enter_up(frame.port, key, None)? {
                Entered::Ended(ended) => ended,
                Entered::Panicked => unreachable!("nothing would contain it"),
            },
        };
        Ok(ended.into())
    }

    pub(crate) fn go_on(&mut self, key: Key, next: Next) -> Step<()> {
        match next {
            Next::Done(status) => self.complete(key, status),
            Next::Kept => self.hand_over(key),
            Next::Gone => Ok(()),
        }
    }

    /// A kept message goes to another port.
    pub(crate) fn forward(&mut self, key: Key, port: usize) -> Step<()> {
        let message = self.message(key);
        message.place = Place::Moving;
        if !message.holds.contains(&port) {
            if message.holds.len() == MAX_HOLDS {
                return self.complete(key, Errno::ELOOP.into());
            }
            message.holds.push(port);
        }
        let ended = self.begin(port, key, None)?;
        self.go_on(key, ended.into())
    }

    /// The message is its sender's again.
    pub(crate) fn finish(&mut self, key: Key) {
        let batch = self.batch;
        for port in &mut self.ports {
            port.aborts.retain(|(other, _)| *other != key);
        }
        let message = self.message(key);
        message.place = Place::Back;
        let (reply, polled) = (message.reply, std::mem::take(&mut message.polled));
        if polled {
            self.events.push(Event::Woken(key));
        }
        match reply {
            Reply::Caller | Reply::Future => {}
            Reply::Inbox { inbox, age, .. } if self.inboxes[inbox].age == age => {
                self.message(key).place = Place::Inbox { inbox, batch, at_once: false };
            }
            Reply::Inbox { .. } | Reply::Nobody => self.free(key),
        }
    }
}
