//! Ports that processes make and hold, through handles: what `read`, `write` and `SYS_CALL` on
//! them mean.
//!
//! | module | job |
//! | --- | --- |
//! | `requests`, `opens` | what comes for a handle on a port: names, attributes; opens and dups |
//! | `right`, `send`, `back` | a send right, what is written to it, and its reply port |
//! | `receive` | a receive right |
//! | `claim`, `sweep` | whether anybody has a right, and what becomes of those that nobody has |
//! | `served` | what was taken, and the calls made on its behalf |
//! | `hub`, `batches` | the port between them; several messages that are rung for once |
//! | `listeners`, `pushed` | who is told of messages, and of room |
//! | `locks` | a port that is the service's own: byte-range locks |
//! | `letter` | what a message is, and who pays for it |
//! | `desk` | reads that wait, and events |
//! | `names` | the names of ports |
//! | `connect`, `clock` | direct connections, and their deadline |
//!
//! Nothing here waits. A read that finds nothing is parked and answered by whoever brings
//! something; no lock is held while a message is sent, completed, forwarded or aborted, for that
//! may come back to the very right that it came from.

mod back;
mod batches;
mod claim;
mod clock;
mod connect;
mod desk;
mod hub;
mod letter;
mod listeners;
mod locks;
mod names;
mod opens;
mod pushed;
mod receive;
mod requests;
mod right;
mod send;
mod served;
mod sweep;

use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        Arc, Weak,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

pub use locks::KIND as RANGELOCK;

use agent::{Errno, Ticket};
use rustc_hash::FxHashMap;

use self::{
    clock::Clock,
    connect::Opening,
    hub::UserPort,
    letter::{Accounts, Letter},
    locks::Locks,
    names::{Dir, Named},
    receive::Receive,
    right::Right,
    served::Served,
    sweep::Sweeps,
};
use crate::{
    handle::{Mutex, lock},
    limits::Bound,
    socket::{Answer, Ask, Socket},
};

/// What a handle on a port is.
pub(crate) enum PortPlace {
    /// A directory of names.
    Names,
    /// A right to send.
    Send(Arc<Right>),
    /// A right to receive.
    Receive(Arc<Receive>),
}

impl PortPlace {
    /// Ends what the handle stood for.
    fn close(&self) {
        match self {
            PortPlace::Names => {}
            PortPlace::Send(right) => right.close(),
            PortPlace::Receive(receive) => receive.close(),
        }
    }

    /// The holder uses what it has.
    #[inline]
    fn stake(&self) {
        match self {
            PortPlace::Names => {}
            PortPlace::Send(right) => right.claim.stake(),
            PortPlace::Receive(receive) => receive.claim.stake(),
        }
    }

    /// The number of a right that nobody has used for as long as `limit`, and who opened it.
    fn unclaimed(&self, limit: Duration) -> Option<(u64, u32)> {
        let (number, claim) = match self {
            PortPlace::Names => return None,
            PortPlace::Send(right) => (right.number(), &right.claim),
            PortPlace::Receive(receive) => (receive.number(), &receive.claim),
        };
        (number != 0 && claim.is_open(limit)).then(|| (number, claim.opener()))
    }

    fn set_number(&self, number: u64) {
        match self {
            PortPlace::Names => {}
            PortPlace::Send(right) => right.set_number(number),
            PortPlace::Receive(receive) => receive.set_number(number),
        }
    }
}

/// Where a request waits that may be cancelled.
trait Waits: Send + Sync {
    /// The caller would rather not wait any more.
    fn cancel(&self, tag: u32);
}

/// All ports of a service that processes made. The tables go by numbers that the kernel or this
/// service gives out: nobody chooses them to be hashed to one place.
pub(crate) struct Ports {
    socket: Arc<Socket>,
    names: Mutex<Dir>,
    parked: Mutex<FxHashMap<u32, Arc<dyn Waits>>>,
    /// Send rights by what their holders know them by.
    tokens: Mutex<FxHashMap<u64, Weak<Right>>>,
    served: Served<Ticket<Letter>>,
    accounts: Arc<Accounts>,
    clock: Clock<Opening>,
    sweeps: Sweeps,
    serials: AtomicU64,
    numbers: AtomicU32,
    random: RandomState,
}

impl Ports {
    pub(crate) fn new(socket: &Arc<Socket>) -> Arc<Ports> {
        Arc::new(Ports {
            socket: Arc::clone(socket),
            names: Mutex::default(),
            parked: Mutex::default(),
            tokens: Mutex::default(),
            served: Served::new(),
            accounts: Arc::default(),
            clock: Clock::new(),
            sweeps: Sweeps::default(),
            serials: AtomicU64::new(1),
            numbers: AtomicU32::new(1),
            random: RandomState::new(),
        })
    }

    /// How much messages may take.
    pub(crate) fn set_bound(&self, bound: Bound) {
        self.accounts.set_bound(bound);
    }

    /// How long a service may take to answer who opens its port.
    pub(crate) fn set_connect_limit(&self, limit: Duration) {
        self.clock.set_limit(limit);
    }

    /// The caller of this tag would rather not wait any more.
    #[cold]
    pub(crate) fn cancel(&self, tag: u32) {
        let waits = lock(&self.parked).get(&tag).cloned();
        if let Some(waits) = waits {
            waits.cancel(tag);
        }
    }

    /// Lets go of what waits, at the end of the service. Those who wait for a reply have theirs
    /// with the end of the handles.
    pub(crate) fn end(&self) {
        let parked: Vec<_> = lock(&self.parked).drain().collect();
        parked.iter().for_each(|(tag, waits)| waits.cancel(*tag));
    }

    fn park(&self, tag: u32, waits: Arc<dyn Waits>) {
        lock(&self.parked).insert(tag, waits);
    }

    /// Answers a request that was parked. Its tag may be used again right after.
    fn answer(&self, ask: Ask, answer: Answer) {
        let parked = lock(&self.parked).remove(&ask.tag());
        self.socket.answer(ask, answer);
        drop(parked);
    }

    fn answer_all(&self, answers: impl IntoIterator<Item = (Ask, Answer)>) {
        answers.into_iter().for_each(|(ask, answer)| self.answer(ask, answer));
    }

    /// Makes a port of the configuration's, at which locks are asked for. `EEXIST` where there is
    /// one of this name.
    pub(crate) fn serve_locks(&self, name: &str) -> Result<(), Errno> {
        let locks = Locks::new(name);
        let port = UserPort::of_locks(self.serial(), name.into(), locks);
        lock(&self.names).insert(&[name.as_bytes()], &port, &mut || self.serial())
    }

    fn serial(&self) -> u64 {
        self.serials.fetch_add(1, Ordering::Relaxed)
    }

    fn named(self: &Arc<Ports>, path: &[u8]) -> Named {
        Named::new(self, path)
    }

    fn count(&self, path: &[u8], by: isize) {
        lock(&self.names).count(path, by);
    }

    fn bury(&self, port: &Arc<UserPort>) {
        lock(&self.names).bury(port);
    }

    /// A word that nobody guesses.
    fn token(&self) -> u64 {
        self.random.hash_one(self.serial())
    }

    fn add_token(&self, right: &Arc<Right>) {
        lock(&self.tokens).insert(right.token, Arc::downgrade(right));
    }

    fn remove_token(&self, token: u64) {
        lock(&self.tokens).remove(&token);
    }

    fn right(&self, token: u64) -> Option<Arc<Right>> {
        lock(&self.tokens).get(&token)?.upgrade()
    }

    /// A number for a message that is taken by a receive right.
    fn number(&self, held: &[u64], receive: u64) -> u32 {
        loop {
            let number = self.numbers.fetch_add(1, Ordering::Relaxed);
            if number != 0 && self.served.taken(number, held, receive) {
                return number;
            }
        }
    }
}
