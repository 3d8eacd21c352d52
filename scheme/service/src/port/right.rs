//! A send right: a handle with a reply port of its own.

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
};

use agent::{Access, Errno, Message, ReplyPort, Status, Ticket, Words};
use client::record::{ABORT, Flags, MAX_DATA, Record, Verb};
use driver::Cred;
use rustc_hash::FxHashMap;
use syscall::flag::EventFlags;

use super::{
    Ports, Waits,
    back::{Back, Reply},
    claim::Claim,
    desk::{Desk, Done},
    hub::UserPort,
    letter::{Account, Letter},
    locks::Holder,
    names::Named,
    served::abort,
};
use crate::{
    handle::{Mutex, lock},
    socket::{Answer, Ask},
};

/// Messages of one right that are away, or back and not read.
const MAX_OUTSTANDING: usize = 1024;

/// Messages of one right that are kept to be used again.
const MAX_SPARE: usize = 32;

bitflags::bitflags! {
    /// What the holder of a send right may do with it.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct May: u32 {
        /// Send and call.
        const SEND = 1;
        /// Have messages go before others.
        const PRIORITY = 2;
        /// Make more rights of it.
        const DUP = 4;
    }
}

/// A right to send to a port.
pub(crate) struct Right {
    pub(crate) ports: Arc<Ports>,
    pub(crate) port: Arc<UserPort>,
    /// Whose messages they are, whoever holds the right.
    pub(crate) cred: Cred,
    /// Who pays for them.
    pub(super) account: Arc<Account>,
    pub(crate) may: May,
    pub(super) claim: Claim,
    /// Names the right to those who hold it, and is not to be guessed.
    pub(crate) token: u64,
    this: Weak<Right>,
    pub(super) state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    desk: Desk,
    /// What was sent and is away, by the sender's id.
    pub(super) sends: BTreeMap<u64, Ticket<Letter>>,
    /// Calls that wait, by the tag of the request; and the caller's id.
    calls: FxHashMap<u32, (u32, Ticket<Letter>)>,
    pub(super) back: Back,
    /// Messages to use again.
    pub(super) spare: Vec<Message<Letter>>,
    /// The name, for as long as the right is.
    named: Option<Named>,
    /// Whose locks are asked for with it.
    pub(super) holder: Option<Arc<Holder>>,
}

impl State {
    fn outstanding(&self) -> usize {
        self.sends.len() + self.calls.len() + self.back.len()
    }
}

impl Right {
    /// A right to send to `port`.
    pub(crate) fn new(
        ports: &Arc<Ports>,
        port: &Arc<UserPort>,
        cred: Cred,
        payer: u32,
        may: May,
        claim: Claim,
    ) -> Arc<Right> {
        let named = Some(ports.named(&port.path));
        let account = ports.accounts.of(payer);
        let holder = port.holder(ports.serial(), &account);
        let right = Arc::new_cyclic(|this| Right {
            ports: Arc::clone(ports),
            port: Arc::clone(port),
            cred,
            account,
            may,
            claim,
            token: ports.token(),
            this: Weak::clone(this),
            state: Mutex::new(State { named, holder, ..State::default() }),
        });
        ports.add_token(&right);
        right
    }

    pub(crate) fn set_number(&self, number: u64) {
        lock(&self.state).desk.set_number(number);
    }

    /// The handle's number; 0 where it has none yet.
    pub(crate) fn number(&self) -> u64 {
        lock(&self.state).desk.number()
    }

    /// `EACCES` where the right does not include `needed`.
    pub(crate) fn need(&self, needed: May) -> Result<(), Errno> {
        if self.may.contains(needed) { Ok(()) } else { Err(Errno::EACCES) }
    }

    /// `EAGAIN` where there is no room for one more message and its reply.
    pub(super) fn check_room(&self, state: &State) -> Result<(), Errno> {
        if state.desk.is_closed() {
            return Err(Errno::EBADF);
        }
        if self.port.is_full() && self.port.push_back(self.token, &self.this) {
            return Err(Errno::EAGAIN);
        }
        if state.outstanding() < MAX_OUTSTANDING { Ok(()) } else { Err(Errno::EAGAIN) }
    }

    /// A message whose sender waits. It is answered with the reply.
    pub(crate) fn call(self: &Arc<Right>, ask: Ask) -> Done {
        let words = Words::decode(ask.words());
        if words.op == ABORT {
            return Done::now(ask, self.abort_all(&words));
        }
        match self.prepare(&words, &ask) {
            Ok(letter) => self.begin(letter, ask),
            Err(errno) => Done::Now(ask, Answer::error(errno)),
        }
    }

    fn prepare(self: &Arc<Right>, words: &Words, ask: &Ask) -> Result<Letter, Errno> {
        self.need(May::SEND)?;
        if words.window != 0 {
            return Err(Errno::EOPNOTSUPP);
        }
        if words.len as usize != ask.len() {
            return Err(Errno::EPROTO);
        }
        let chain = self.ports.served.held(words.object)?;
        if self.port.is_held_by(&chain) {
            return Err(Errno::EDEADLK);
        }
        let holder = {
            let state = lock(&self.state);
            self.check_room(&state)?;
            state.holder.clone()
        };
        let data = ask.copy(MAX_DATA, Errno::EMSGSIZE)?;
        Ok(Letter {
            words: [words.op.into(), words.offset, 0],
            room: words.len,
            flags: Flags::CALL,
            id: words.id.into(),
            from: self.cred,
            pid: ask.pid(),
            chain,
            behalf: words.object,
            holder,
            charge: Some(self.account.charge(data.len())?),
            data,
            ..Letter::default()
        })
    }

    fn begin(self: &Arc<Right>, letter: Letter, ask: Ask) -> Done {
        let tag = ask.tag();
        let mut message = Message::new(letter);
        if let Err(errno) = self.enter_call(tag, &mut message) {
            return Done::Now(ask, Answer::error(errno));
        }
        message.body_mut().ask = Some(ask);
        self.ports.park(tag, Arc::clone(self) as Arc<dyn Waits>);
        self.port.send(message, &(Arc::clone(self) as Arc<dyn ReplyPort<Letter>>));
        Done::Later
    }

    /// Notes a call as under way, where aborts find it.
    fn enter_call(&self, tag: u32, message: &mut Message<Letter>) -> Result<(), Errno> {
        let (ticket, letter) = (message.ticket(), message.body());
        let state = &mut *lock(&self.state);
        if state.desk.is_closed() {
            return Err(Errno::EBADF);
        }
        self.ports.served.calls(letter.behalf, tag, &ticket)?;
        state.calls.insert(tag, (letter.id as u32, ticket));
        Ok(())
    }

    /// Reads replies; where there is none, waits, or `EAGAIN`.
    pub(crate) fn read(self: &Arc<Right>, ask: Ask, wait: bool) -> Done {
        let state = &mut *lock(&self.state);
        state.desk.looked(EventFlags::EVENT_READ);
        let read = match state.back.fill(&ask) {
            Ok(0) if wait => state.desk.has_room().map(|()| 0),
            Ok(0) => Err(Errno::EAGAIN),
            other => other,
        };
        if read == Ok(0) {
            self.ports.park(ask.tag(), Arc::clone(self) as Arc<dyn Waits>);
            state.desk.wait(ask);
            return Done::Later;
        }
        self.tell_in(state);
        Done::now(ask, read)
    }

    /// Asks to be told of events; what is ready now.
    pub(crate) fn subscribe(&self, interest: EventFlags) -> EventFlags {
        let state = &mut *lock(&self.state);
        let ready = self.ready(state);
        state.desk.subscribe(interest, ready)
    }

    fn ready(&self, state: &State) -> EventFlags {
        let mut ready = EventFlags::empty();
        ready.set(EventFlags::EVENT_READ, state.back.len() > 0);
        ready.set(EventFlags::EVENT_WRITE, self.check_room(state).is_ok());
        ready
    }

    fn tell_in(&self, state: &mut State) {
        let ready = self.ready(state);
        if let Some((number, news)) = state.desk.news(ready) {
            self.ports.socket.event(number, news);
        }
    }

    /// Tells the holder what is news.
    pub(crate) fn tell(&self) {
        self.tell_in(&mut lock(&self.state));
    }

    /// Serves those who wait, and tells of what is there.
    pub(super) fn pump(&self) {
        let served = {
            let state = &mut *lock(&self.state);
            let State { desk, back, .. } = state;
            let served = desk.serve(|ask| back.fill(ask));
            self.tell_in(state);
            served
        };
        self.ports.answer_all(served);
    }

    pub(super) fn abort(&self, id: u64) -> usize {
        // Cloned out: the message may come back to this very right.
        let ticket = lock(&self.state).sends.get(&id).cloned();
        ticket.iter().for_each(abort);
        usize::from(ticket.is_some())
    }

    fn abort_all(&self, words: &Words) -> Result<usize, Errno> {
        if words.window != 0 || words.len != 0 {
            return Err(Errno::EPROTO);
        }
        let calls: Vec<_> = {
            let state = lock(&self.state);
            let mine = state.calls.values().filter(|(id, _)| *id == words.id);
            mine.map(|(_, ticket)| ticket.clone()).collect()
        };
        calls.iter().for_each(abort);
        match calls.len() + self.abort(words.id.into()) {
            0 => Err(Errno::ENOENT),
            count => Ok(count),
        }
    }

    /// The handle is gone: what is outstanding is aborted, and the right given back.
    pub(crate) fn close(&self) {
        self.ports.remove_token(self.token);
        self.port.forget(self.token);
        // Locks are given back outside: others may have them by that, and be told.
        let (asks, tickets, _holder) = {
            let state = &mut *lock(&self.state);
            state.named = None;
            state.back = Back::default();
            let sends = std::mem::take(&mut state.sends).into_values();
            let calls = state.calls.values().map(|(_, ticket)| ticket.clone());
            let tickets = sends.chain(calls).collect::<Vec<_>>();
            (state.desk.close(), tickets, state.holder.take())
        };
        tickets.iter().for_each(abort);
        self.ports.answer_all(asks.into_iter().map(|ask| (ask, Answer::error(Errno::EBADF))));
    }

    fn reply_to_call(&self, ask: Ask, status: Status, letter: Letter) {
        lock(&self.state).calls.remove(&ask.tag());
        self.ports.served.called(letter.behalf, ask.tag());
        let letter = letter.replied();
        let data = &letter.data[..letter.data.len().min(ask.len())];
        let copied = match status.result() {
            Ok(count) => ask.payload(Access::FILL).copy_in(0, data).map(|()| count),
            Err(errno) => Err(errno),
        };
        self.ports.answer(ask, copied.map_or_else(Answer::error, Answer::count));
    }
}

impl ReplyPort<Letter> for Right {
    fn reply(&self, mut message: Message<Letter>) {
        let status = message.status();
        let mut letter = std::mem::take(message.body_mut());
        if let Some(ask) = letter.ask.take() {
            return self.reply_to_call(ask, status, letter);
        }
        let Letter { id, flags, words, data, charge, .. } = letter.replied();
        let flags = flags & (Flags::PRIORITY | Flags::DROPPED);
        let len = data.len() as u32;
        let record = Record { flags, len, words, status, ..Record::new(Verb::Reply, id) };
        {
            let state = &mut *lock(&self.state);
            state.sends.remove(&id);
            if state.desk.is_closed() {
                return;
            }
            state.back.push(Reply { record, data, _charge: charge });
            if state.spare.len() < MAX_SPARE {
                state.spare.push(message);
            }
        }
        self.pump();
    }
}

impl Waits for Right {
    fn cancel(&self, tag: u32) {
        let (ask, ticket) = {
            let state = &mut *lock(&self.state);
            let ticket = state.calls.get(&tag).map(|(_, ticket)| ticket.clone());
            (state.desk.cancel(tag), ticket)
        };
        if let Some(ticket) = ticket {
            abort(&ticket);
        }
        if let Some(ask) = ask {
            self.ports.answer(ask, Answer::error(Errno::ECANCELED));
        }
    }
}
