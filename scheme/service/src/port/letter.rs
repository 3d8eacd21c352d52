//! What a message among ports is, and who pays for the memory that it takes.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use agent::Errno;
use client::record::{Flags, Record, Verb};
use driver::Cred;

use super::connect::Opening;
use crate::{
    handle::lock,
    limits::{Bound, Limits},
    socket::Ask,
};

/// What a message takes beside its data, rounded up: record, late part, places in tables.
const OVERHEAD: usize = 1024;

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
    /// The caller who waits for the reply.
    pub(crate) ask: Option<Ask>,
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
#[derive(Default)]
pub(crate) struct Accounts(Mutex<Taken>);

struct Taken {
    users: HashMap<u32, usize>,
    all: usize,
    bound: Bound,
}

impl Default for Taken {
    fn default() -> Taken {
        Taken { users: HashMap::new(), all: 0, bound: Limits::default().messages }
    }
}

/// A message's memory, given back with the value.
pub(crate) struct Charge {
    accounts: Arc<Accounts>,
    uid: u32,
    bytes: usize,
}

impl Accounts {
    /// Sets how much messages may take from here on.
    pub(crate) fn set_bound(&self, bound: Bound) {
        lock(&self.0).bound = bound;
    }

    /// Memory for a message with `data` bytes. `ENOMEM` where the user, or all together, have
    /// too much in flight.
    pub(crate) fn charge(self: &Arc<Accounts>, uid: u32, data: usize) -> Result<Charge, Errno> {
        let bytes = OVERHEAD + data;
        let taken = &mut *lock(&self.0);
        let user = taken.users.get(&uid).copied().unwrap_or(0) + bytes;
        taken.bound.check(user, taken.all + bytes, Errno::ENOMEM)?;
        taken.users.insert(uid, user);
        taken.all += bytes;
        Ok(Charge { accounts: Arc::clone(self), uid, bytes })
    }

    /// What all messages take.
    #[cfg(test)]
    pub(crate) fn all(&self) -> usize {
        lock(&self.0).all
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        let taken = &mut *lock(&self.accounts.0);
        taken.all -= self.bytes;
        if let Some(user) = taken.users.get_mut(&self.uid) {
            *user -= self.bytes;
            if *user == 0 {
                taken.users.remove(&self.uid);
            }
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
        let mut charges: Vec<_> = (0..4).map(|_| accounts.charge(7, size).unwrap()).collect();
        assert_eq!(accounts.charge(7, 0).err(), Some(Errno::ENOMEM));
        let other = accounts.charge(8, size).unwrap();
        charges.pop();
        charges.push(accounts.charge(7, size).unwrap());
        drop((charges, other));
        assert_eq!((accounts.all(), lock(&accounts.0).users.len()), (0, 0));
    }

    #[test]
    fn what_all_have_in_flight_is_limited() {
        let accounts = Arc::new(Accounts::default());
        let Bound { of_user, of_all } = Limits::default().messages;
        let (whole, users) = (of_user - OVERHEAD, (of_all / of_user) as u32);
        let charges: Vec<_> = (0..users).map(|uid| accounts.charge(uid, whole).unwrap()).collect();
        assert_eq!(accounts.charge(users, 0).err(), Some(Errno::ENOMEM));
        assert_eq!(lock(&accounts.0).users.len(), charges.len(), "who is refused is not noted");
        drop(charges);
        assert!(accounts.charge(users, 0).is_ok());
    }
}
