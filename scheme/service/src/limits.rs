//! How much the holders of handles may have.

use std::{collections::HashMap, sync::Arc};

use agent::Errno;

use crate::{
    nodes::MAX_NODES,
    sync::{Mutex, lock},
};

/// How much of something one user may have, and all together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// One user's.
    pub of_user: usize,
    /// All users' together.
    pub of_all: usize,
}

/// What a service's users may have, before they are refused more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Handles that are open; root's are limited by what all may have only. More are `EMFILE`.
    pub handles: Bound,
    /// Bytes of messages among ports, each with what it takes beside its data; root is a user like
    /// any other. More are `ENOMEM`.
    pub messages: Bound,
    /// Nodes that handles on file systems know by number; root's are limited by what all may have
    /// only. More are `EMFILE`.
    pub nodes: Bound,
    /// Nodes that one handle knows at a time, 65,536 at most: for another, one that is not open and
    /// was not asked for lately is forgotten. More that are open are `EMFILE`.
    pub known: usize,
    /// Bytes of windows, in the same way. More are `ENOMEM`.
    pub windows: Bound,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            handles: Bound { of_user: 16_384, of_all: 65_536 },
            messages: Bound { of_user: 16 << 20, of_all: 256 << 20 },
            nodes: Bound { of_user: 1 << 18, of_all: 1 << 20 },
            known: MAX_NODES,
            windows: Bound { of_user: 64 << 20, of_all: 1 << 30 },
        }
    }
}

impl Bound {
    /// `otherwise` where a user who has `users`, or all, who have `all`, may not have that much.
    pub(crate) fn check(self, users: usize, all: usize, otherwise: Errno) -> Result<(), Errno> {
        if users > self.of_user || all > self.of_all { Err(otherwise) } else { Ok(()) }
    }

    /// The same where a user alone may have what all may.
    pub(crate) fn for_one(self) -> Bound {
        Bound { of_user: self.of_all, ..self }
    }
}

/// What users have of something. Root is limited by what all may have only.
pub(crate) struct Budget(Mutex<Spent>);

struct Spent {
    bound: Bound,
    all: usize,
    by_user: HashMap<u32, usize>,
}

/// What somebody has, given back with the value.
pub(crate) struct Charge {
    budget: Arc<Budget>,
    uid: u32,
    amount: usize,
}

impl Budget {
    pub(crate) fn new(bound: Bound) -> Arc<Budget> {
        Arc::new(Budget(Mutex::new(Spent { bound, all: 0, by_user: HashMap::new() })))
    }

    /// Sets how much there may be from here on.
    pub(crate) fn set_bound(&self, bound: Bound) {
        lock(&self.0).bound = bound;
    }

    /// Nothing yet.
    pub(crate) fn open(self: &Arc<Budget>, uid: u32) -> Charge {
        Charge { budget: Arc::clone(self), uid, amount: 0 }
    }

    /// `otherwise` where it is more than the user, or all of them, may have.
    pub(crate) fn charge(
        self: &Arc<Budget>,
        uid: u32,
        amount: usize,
        otherwise: Errno,
    ) -> Result<Charge, Errno> {
        let mut charge = self.open(uid);
        charge.add(amount, otherwise)?;
        Ok(charge)
    }
}

impl Charge {
    /// So much more; `otherwise` as above.
    pub(crate) fn add(&mut self, amount: usize, otherwise: Errno) -> Result<(), Errno> {
        let spent = &mut *lock(&self.budget.0);
        let users = spent.by_user.get(&self.uid).copied().unwrap_or(0) + amount;
        let bound = if self.uid == 0 { spent.bound.for_one() } else { spent.bound };
        bound.check(users, spent.all + amount, otherwise)?;
        spent.all += amount;
        spent.by_user.insert(self.uid, users);
        self.amount += amount;
        Ok(())
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        let spent = &mut *lock(&self.budget.0);
        spent.all -= self.amount;
        if let Some(users) = spent.by_user.get_mut(&self.uid) {
            *users -= self.amount;
            if *users == 0 {
                spent.by_user.remove(&self.uid);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_user_has_is_limited_and_given_back() {
        let budget = Budget::new(Bound { of_user: 100, of_all: 1000 });
        let charge = |uid, amount| budget.charge(uid, amount, Errno::ENOMEM).map_err(|e| e.0);
        let mut held: Vec<_> = (0..4).map(|_| charge(7, 20).unwrap()).collect();
        held[0].add(20, Errno::ENOMEM).unwrap();
        assert_eq!(held[0].add(1, Errno::EMFILE), Err(Errno::EMFILE));
        assert_eq!(charge(7, 1).err(), Some(Errno::ENOMEM.0));
        let other = charge(8, 1).unwrap();
        let root = charge(0, 899).unwrap();
        assert_eq!(charge(0, 1).err(), Some(Errno::ENOMEM.0), "all are limited");
        drop(held);
        charge(7, 100).unwrap();
        drop((other, root));
        let spent = lock(&budget.0);
        assert!(spent.all == 0 && spent.by_user.is_empty());
    }
}
