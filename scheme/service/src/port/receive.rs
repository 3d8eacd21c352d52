//! A receive right: a handle that messages are taken from, and answered on.

use std::{
    collections::VecDeque,
    sync::{Arc, Weak},
    time::Duration,
};

use agent::{Access, Errno, Exchange, Kept, MessageId, Status};
use client::record::{Flags, MAX_DATA, RECORD, Record, Verb, View};
use driver::Cred;
use rustc_hash::{FxHashMap, FxHashSet};
use syscall::flag::EventFlags;

use super::{
    Ports, Waits,
    claim::Claim,
    desk::{Desk, Done},
    hub::UserPort,
    letter::Letter,
    served::abort,
};
use crate::{
    handle::{Mutex, lock},
    socket::{Answer, Ask, Payload},
};

/// A right to receive from a port. Several of one port share what comes; each answers what it
/// took.
pub(crate) struct Receive {
    pub(crate) ports: Arc<Ports>,
    pub(crate) port: Arc<UserPort>,
    pub(crate) cred: Cred,
    id: u64,
    this: Weak<Receive>,
    pub(super) claim: Claim,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    desk: Desk,
    taken: Taken,
    /// Its place among those to whom the port says when a message comes.
    listens_at: Option<u64>,
}

/// What was taken and not answered yet, by number.
#[derive(Default)]
struct Taken {
    messages: FxHashMap<u32, Kept<Letter>>,
    numbers: FxHashMap<MessageId, u32>,
    /// Those whose senders no longer want them, and that the receiver was not told of.
    aborted: VecDeque<u32>,
    /// The same, to be looked up.
    untold: FxHashSet<u32>,
}

impl Taken {
    fn remove(&mut self, number: u32) -> Option<Kept<Letter>> {
        let kept = self.messages.remove(&number)?;
        self.numbers.remove(&kept.id());
        Some(kept)
    }

    /// Notes that a message is not wanted any more, once: its number. None where it is not here.
    fn abort(&mut self, id: MessageId) -> Option<u32> {
        let number = *self.numbers.get(&id)?;
        if !self.untold.insert(number) {
            return None;
        }
        self.aborted.push_back(number);
        Some(number)
    }

    /// The next abort to be told of: one of a message that is not answered yet.
    fn next_abort(&mut self) -> Option<u32> {
        while let Some(number) = self.aborted.pop_front() {
            self.untold.remove(&number);
            if self.messages.contains_key(&number) {
                return Some(number);
            }
        }
        None
    }
}

impl Receive {
    pub(crate) fn new(
        ports: &Arc<Ports>,
        port: &Arc<UserPort>,
        cred: Cred,
        claim: Claim,
    ) -> Arc<Receive> {
        let receive = Arc::new_cyclic(|this| Receive {
            ports: Arc::clone(ports),
            port: Arc::clone(port),
            cred,
            id: ports.serial(),
            this: Weak::clone(this),
            claim,
            state: Mutex::default(),
        });
        port.add(&receive);
        receive
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn set_number(&self, number: u64) {
        lock(&self.state).desk.set_number(number);
    }

    /// The handle's number; 0 where it has none yet.
    pub(crate) fn number(&self) -> u64 {
        lock(&self.state).desk.number()
    }

    /// The same, where nobody has used it for as long as `limit`.
    pub(crate) fn unclaimed(&self, limit: Duration) -> Option<u64> {
        let number = self.number();
        (number != 0 && self.claim.is_open(limit)).then_some(number)
    }

    /// Takes messages; where there is none, waits, or `EAGAIN`.
    pub(crate) fn read(self: &Arc<Receive>, ask: Ask, wait: bool) -> Done {
        let (done, missed) = {
            let state = &mut *lock(&self.state);
            state.desk.looked(EventFlags::EVENT_READ);
            let read = match self.fill(&mut state.taken, &ask) {
                Ok(0) if wait => state.desk.has_room().map(|()| 0),
                Ok(0) => Err(Errno::EAGAIN),
                other => other,
            };
            let done = if read == Ok(0) {
                self.ports.park(ask.tag(), Arc::clone(self) as Arc<dyn Waits>);
                state.desk.wait(ask);
                Done::Later
            } else {
                self.tell_in(state);
                Done::now(ask, read)
            };
            (done, self.listen_in(state))
        };
        if missed {
            self.pump();
        }
        self.port.tell_of_room();
        done
    }

    /// Has the port say when a message comes, where somebody wants to know. True where one came
    /// before that.
    fn listen_in(&self, state: &mut State) -> bool {
        if state.listens_at.is_some() || !state.desk.listens() {
            return false;
        }
        let place = self.ports.serial();
        state.listens_at = Some(place);
        self.port.listen(place, Weak::clone(&self.this))
    }

    /// A message came, and the port says so.
    pub(crate) fn heard(&self) {
        lock(&self.state).listens_at = None;
        self.pump();
    }

    /// Puts what is to be read into the request's buffer, as much as fits: the bytes of it, 0
    /// where there is nothing. `EINVAL` for a buffer that no record fits into, `EMSGSIZE` for
    /// one that the next message does not; nothing is taken then.
    fn fill(&self, taken: &mut Taken, ask: &Ask) -> Result<usize, Errno> {
        let payload = ask.payload(Access::FILL);
        if payload.len() < RECORD {
            return Err(Errno::EINVAL);
        }
        let mut at = 0;
        while payload.len() - at >= RECORD
            && let Some(number) = taken.next_abort()
        {
            let record = Record::new(Verb::Abort, number.into());
            payload.copy_in(at, &record.to_bytes())?;
            at += RECORD;
        }
        loop {
            let fits = |letter: &Letter| payload.len() - at >= RECORD + letter.data.len();
            match self.port.queue().get_if(fits) {
                Ok(Some(kept)) => at += self.take(taken, kept, &payload, at)?,
                Err(()) if at == 0 => return Err(Errno::EMSGSIZE),
                Ok(None) | Err(()) => return Ok(at),
            }
        }
    }

    /// Takes a message and shows it to the receiver: the bytes that it takes there.
    fn take(
        &self,
        taken: &mut Taken,
        kept: Kept<Letter>,
        payload: &Payload<'_>,
        at: usize,
    ) -> Result<usize, Errno> {
        let letter = kept.body();
        let number = self.ports.number(&letter.chain, self.id);
        payload.copy_in(at, &letter.record(number).to_bytes())?;
        payload.copy_in(at + RECORD, &letter.data)?;
        let bytes = RECORD + letter.data.len();
        let id = kept.id();
        taken.numbers.insert(id, number);
        let aborted = kept.aborted();
        taken.messages.insert(number, kept);
        // Who asked for it found nothing here; nor is there a call on its behalf yet.
        if aborted && taken.abort(id).is_some() {
            self.ports.served.abort(number);
        }
        Ok(bytes)
    }

    /// Serves those who wait, and tells of what is there.
    fn pump(&self) {
        loop {
            let (served, missed) = {
                let state = &mut *lock(&self.state);
                let State { desk, taken, .. } = state;
                let served = desk.serve(|ask| self.fill(taken, ask));
                self.tell_in(state);
                (served, self.listen_in(state))
            };
            self.ports.answer_all(served);
            if !missed {
                return;
            }
        }
    }

    /// The sender of a message no longer wants it. The holder is told, and whoever has what it
    /// asked meanwhile on the message's behalf.
    pub(crate) fn aborted(&self, id: MessageId) {
        let number = lock(&self.state).taken.abort(id);
        if let Some(number) = number {
            self.pump();
            self.ports.served.abort(number).iter().for_each(abort);
        }
    }

    pub(crate) fn subscribe(&self, interest: EventFlags) -> EventFlags {
        let state = &mut *lock(&self.state);
        // Before it looks: what comes after that is told.
        state.desk.subscribe(interest, EventFlags::empty());
        self.listen_in(state);
        state.desk.subscribe(interest, self.ready(&state.taken))
    }

    fn ready(&self, taken: &Taken) -> EventFlags {
        let mut ready = EventFlags::EVENT_WRITE;
        let waits = !self.port.queue().is_empty() || !taken.aborted.is_empty();
        ready.set(EventFlags::EVENT_READ, waits);
        ready
    }

    fn tell_in(&self, state: &mut State) {
        let ready = self.ready(&state.taken);
        if let Some((number, news)) = state.desk.news(ready) {
            self.ports.socket.event(number, news);
        }
    }

    /// Does what the records in the request's buffer say about messages that were taken: the
    /// bytes of those that were good. A bad one ends it, and is an error where it is the first.
    pub(crate) fn write(&self, ask: &Ask) -> Result<usize, Errno> {
        let payload = ask.payload(Access::FETCH);
        let mut at = 0;
        while at < payload.len() {
            match self.answer(&payload, at) {
                Ok(bytes) => at += bytes,
                Err(errno) if at == 0 => return Err(errno),
                Err(_) => break,
            }
        }
        Ok(at)
    }

    fn answer(&self, payload: &Payload<'_>, at: usize) -> Result<usize, Errno> {
        let mut head = [0; RECORD];
        payload.copy_out(at, &mut head).map_err(|_| Errno::EPROTO)?;
        let record = View::new(&head).ok_or(Errno::EPROTO)?.parse()?;
        let len = record.len as usize;
        if len > MAX_DATA {
            return Err(Errno::EMSGSIZE);
        }
        let mut data = vec![0; len];
        payload.copy_out(at + RECORD, &mut data).map_err(|_| Errno::EPROTO)?;
        match record.verb {
            Verb::Reply => self.reply(&record, data)?,
            Verb::Forward if len == 0 => self.forward(&record)?,
            Verb::Drop if len == 0 => self.drop_message(&record)?,
            Verb::Forward | Verb::Drop => return Err(Errno::EPROTO),
            Verb::Send | Verb::Abort | Verb::Connect => return Err(Errno::EOPNOTSUPP),
        }
        Ok(RECORD + len)
    }

    /// Takes a message out, to be answered, where `check` finds nothing wrong. `ENOENT` for a
    /// number that stands for none.
    fn out(
        &self,
        number: u64,
        check: impl FnOnce(&Letter) -> Result<(), Errno>,
    ) -> Result<Kept<Letter>, Errno> {
        let number = u32::try_from(number).map_err(|_| Errno::ENOENT)?;
        let taken = &mut lock(&self.state).taken;
        check(taken.messages.get(&number).ok_or(Errno::ENOENT)?.body())?;
        self.ports.served.over(number);
        taken.remove(number).ok_or(Errno::ENOENT)
    }

    /// `EMSGSIZE` for more data than the sender has room for; `EINVAL` where somebody who opens
    /// the port is answered with a count, and no descriptor. The message stays taken then.
    fn reply(&self, record: &Record, data: Vec<u8>) -> Result<(), Errno> {
        let mut kept = self.out(record.id, |letter| match &letter.opening {
            Some(_) if record.status.is_ok() => Err(Errno::EINVAL),
            _ if data.len() > letter.room as usize => Err(Errno::EMSGSIZE),
            _ => Ok(()),
        })?;
        let letter = kept.body_mut();
        (letter.words, letter.data, letter.answered) = (record.words, data, true);
        kept.done(record.status);
        Ok(())
    }

    /// `EBADF` for a token that names no right, `EACCES` for one that may not send.
    fn forward(&self, record: &Record) -> Result<(), Errno> {
        let right = self.ports.right(record.words[0]).ok_or(Errno::EBADF)?;
        right.need(super::right::May::SEND)?;
        let kept = self.out(record.id, |_| Ok(()))?;
        if kept.body().flags.contains(Flags::CALL) && right.port.is_held_by(&kept.body().chain) {
            kept.done(Errno::EDEADLK);
        } else {
            kept.forward(right.port.target());
        }
        Ok(())
    }

    /// `EPERM` where the message may not be dropped.
    fn drop_message(&self, record: &Record) -> Result<(), Errno> {
        let droppable = |letter: &Letter| letter.flags.contains(Flags::DROPPABLE);
        let mut kept = self
            .out(record.id, |letter| if droppable(letter) { Ok(()) } else { Err(Errno::EPERM) })?;
        kept.body_mut().flags |= Flags::DROPPED;
        kept.done(Errno::ECANCELED);
        Ok(())
    }

    /// Answers somebody who opens the port with the descriptor that came with the request.
    /// `EINVAL` for any other message, or for several descriptors.
    pub(crate) fn accept(&self, ask: &Ask) -> Result<usize, Errno> {
        if ask.arg(3) != 1 {
            return Err(Errno::EINVAL);
        }
        let kept = self.out(ask.arg(2), |letter| match letter.opening {
            Some(_) => Ok(()),
            None => Err(Errno::EINVAL),
        })?;
        let made = self.ports.socket.obtain(ask);
        let accepted = match (&kept.body().opening, made) {
            (Some(opening), Ok(made)) => opening.accept(&made),
            (_, made) => made.map(drop),
        };
        kept.done(accepted.err().map_or(Status::OK, Status::from));
        accepted.map(|()| 1)
    }

    /// The handle is gone. What it took is answered `ECONNRESET`; with the last one the port is
    /// gone, and what waits is answered `ENODEV`.
    pub(crate) fn close(&self) {
        let (asks, taken) = {
            let state = &mut *lock(&self.state);
            state.listens_at.take().into_iter().for_each(|place| self.port.listen_no_more(place));
            (state.desk.close(), std::mem::take(&mut state.taken))
        };
        if self.port.remove(self) {
            self.ports.bury(&self.port);
            self.port.queue().abandon();
            self.port.tell_of_room();
        }
        for (number, kept) in taken.messages {
            self.ports.served.over(number);
            kept.done(Errno::ECONNRESET);
        }
        self.ports.answer_all(asks.into_iter().map(|ask| (ask, Answer::error(Errno::EBADF))));
    }
}

impl Waits for Receive {
    fn cancel(&self, tag: u32) {
        let ask = lock(&self.state).desk.cancel(tag);
        if let Some(ask) = ask {
            self.ports.answer(ask, Answer::error(Errno::ECANCELED));
        }
    }
}
