//! What a message among ports is, and who pays for the memory that it takes.

use std::{
    collections::HashMap,
    sync::{
        Arc, Weak,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use agent::Errno;
use client::record::{Flags, Record, Verb};
use driver::Cred;

use super::{connect::Opening, locks::Holder};
use crate::{
    handle::{Mutex, lock},
    limits::{Bound, Limits},
    socket::Ask,
};

/// What a message takes beside its data, rounded up: record, late part, places in tables.
const OVERHEAD: usize = 2048;

/// The body of a message among ports: the question, then the reply.
#[derive(Default)]
pub(crate) struct Letter {
    pub(crate) words: [u64; 3],
    pub(crate) data: Vec<u8>,
    /// The most data that the reply may bring; it is paid for.
    pub(crate) room: u32,
    pub(crate) flags: Flags,
    /// The sender's id for the message.
    pub(crate) id: u64,
    pub(crate) from: Cred,
    pub(crate) pid: u32,
    /// The receive rights that the message's chain of calls holds.
    pub(crate) chain: Vec<u64>,
    /// The number of the message that a call is made on behalf of, or 0.
    pub(crate) behalf: u32,
    /// The caller who waits for the reply.
    pub(crate) ask: Option<Ask>,
    /// Whose locks are asked for, at a port that has some.
    pub(crate) holder: Option<Arc<Holder>>,
    /// Who opens the port, where that is what the message is about.
    pub(crate) opening: Option<Arc<Opening>>,
    /// True where a receiver answered: words and data are the reply's.
    pub(crate) answered: bool,
    pub(crate) charge: Option<Charge>,
}

impl Letter {
    /// The letter as its sender gets it back: what no receiver answered brings nothing.
    pub(crate) fn replied(self) -> Letter {
        if self.answered {
            return self;
        }
        Letter { words: [0; 3], data: Vec::new(), ..self }
    }

    /// The record by which a receiver sees the message.
    pub(crate) fn record(&self, number: u32) -> Record {
        let verb = if self.opening.is_some() { Verb::Connect } else { Verb::Send };
        Record {
            flags: self.flags,
            len: self.data.len() as u32,
            words: self.words,
            uid: self.from.uid,
            gid: self.from.gid,
            pid: self.pid,
            room: self.room,
            ..Record::new(verb, number.into())
        }
    }
}

/// Bytes that messages take, by user.
pub(crate) struct Accounts {
    users: Mutex<HashMap<u32, Weak<Account>>>,
    all: AtomicUsize,
    of_user: AtomicUsize,
    of_all: AtomicUsize,
}

impl Default for Accounts {
    fn default() -> Accounts {
        let Bound { of_user, of_all } = Limits::default().messages;
        let [all, of_user, of_all] = [0, of_user, of_all].map(AtomicUsize::new);
        Accounts { users: Mutex::default(), all, of_user, of_all }
    }
}

/// What one user's messages take. It is there as long as somebody may charge it.
pub(crate) struct Account {
    accounts: Arc<Accounts>,
    uid: u32,
    bytes: AtomicUsize,
}

/// A message's memory, given back with the value.
pub(crate) struct Charge {
    account: Arc<Account>,
    bytes: usize,
}

impl Accounts {
    /// Sets how much messages may take from here on.
    pub(crate) fn set_bound(&self, bound: Bound) {
        self.of_user.store(bound.of_user, Relaxed);
        self.of_all.store(bound.of_all, Relaxed);
    }

    /// The account of a user.
    pub(crate) fn of(self: &Arc<Accounts>, uid: u32) -> Arc<Account> {
        let users = &mut *lock(&self.users);
        let known = users.get(&uid).and_then(Weak::upgrade);
        known.unwrap_or_else(|| {
            let (accounts, bytes) = (Arc::clone(self), AtomicUsize::new(0));
            let account = Arc::new(Account { accounts, uid, bytes });
            users.insert(uid, Arc::downgrade(&account));
            account
        })
    }

    /// What all messages take.
    #[cfg(test)]
    pub(crate) fn all(&self) -> usize {
        self.all.load(Relaxed)
    }
}

/// Adds to a sum, unless that would be more than `most`.
fn add(sum: &AtomicUsize, bytes: usize, most: usize) -> Result<(), Errno> {
    let within = |now: usize| now.checked_add(bytes).filter(|next| *next <= most);
    sum.fetch_update(Relaxed, Relaxed, within).map(drop).map_err(|_| Errno::ENOMEM)
}

impl Account {
    /// Memory for a message with `data` bytes. `ENOMEM` where the user, or all together, have
    /// too much in flight.
    pub(crate) fn charge(self: &Arc<Account>, data: usize) -> Result<Charge, Errno> {
        let bytes = OVERHEAD + data;
        let Accounts { all, of_user, of_all, .. } = &*self.accounts;
        add(&self.bytes, bytes, of_user.load(Relaxed))?;
        add(all, bytes, of_all.load(Relaxed)).inspect_err(|_| {
            self.bytes.fetch_sub(bytes, Relaxed);
        })?;
        Ok(Charge { account: Arc::clone(self), bytes })
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.account.bytes.fetch_sub(self.bytes, Relaxed);
        self.account.accounts.all.fetch_sub(self.bytes, Relaxed);
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        let users = &mut *lock(&self.accounts.users);
        // There may be another one by now.
        if users.get(&self.uid).is_some_and(|account| account.strong_count() == 0) {
            users.remove(&self.uid);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_user_has_in_flight_is_limited_and_given_back() {
        let accounts = Arc::new(Accounts::default());
        let size = Limits::default().messages.of_user / 4 - OVERHEAD;
        let charge = |uid, size| accounts.of(uid).charge(size);
        let mut charges: Vec<_> = (0..4).map(|_| charge(7, size).unwrap()).collect();
        assert_eq!(charge(7, 0).err(), Some(Errno::ENOMEM));
        let other = charge(8, size).unwrap();
        charges.pop();
        charges.push(charge(7, size).unwrap());
        drop((charges, other));
        assert_eq!((accounts.all(), lock(&accounts.users).len()), (0, 0));
    }

    #[test]
    fn what_all_have_in_flight_is_limited() {
        let accounts = Arc::new(Accounts::default());
        let Bound { of_user, of_all } = Limits::default().messages;
        let (whole, users) = (of_user - OVERHEAD, (of_all / of_user) as u32);
        let charges: Vec<_> =
            (0..users).map(|uid| accounts.of(uid).charge(whole).unwrap()).collect();
        assert_eq!(accounts.of(users).charge(0).err(), Some(Errno::ENOMEM));
        drop(charges);
        assert!(accounts.of(users).charge(0).is_ok());
    }
}
