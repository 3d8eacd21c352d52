//! What each user has, and may have.

use alloc::collections::BTreeMap;
use core::fmt;

use driver::Errno;

/// Bytes and inodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Amount {
    pub(crate) bytes: u64,
    pub(crate) inodes: u64,
}

impl Amount {
    /// No limit.
    pub(crate) const UNLIMITED: Amount = Amount { bytes: u64::MAX, inodes: u64::MAX };

    pub(crate) const fn bytes(bytes: u64) -> Amount {
        Amount { bytes, inodes: 0 }
    }

    /// One inode with its bytes.
    pub(crate) const fn node(bytes: u64) -> Amount {
        Amount { bytes, inodes: 1 }
    }
}

/// The most that users may have.
pub(crate) struct Limits {
    /// Anybody who is not named.
    pub(crate) others: Amount,
    /// Those who are.
    pub(crate) users: BTreeMap<u32, Amount>,
}

impl Limits {
    /// A user's; root has none.
    fn of(&self, uid: u32) -> Amount {
        match uid {
            0 => Amount::UNLIMITED,
            uid => self.users.get(&uid).copied().unwrap_or(self.others),
        }
    }
}

/// What each user has.
pub(crate) struct Ledger {
    limits: Limits,
    users: BTreeMap<u32, Amount>,
}

impl Ledger {
    pub(crate) fn new(limits: Limits) -> Ledger {
        Ledger { limits, users: BTreeMap::new() }
    }

    /// Charges a user. `EDQUOT`, and nothing, where that is past a limit and more than nothing.
    pub(crate) fn charge(&mut self, uid: u32, amount: Amount) -> Result<(), Errno> {
        let has = self.users.get(&uid).copied().unwrap_or_default();
        let fits = |has: u64, more: u64, limit: u64| more == 0 || has.saturating_add(more) <= limit;
        let limit = self.limits.of(uid);
        let within = fits(has.bytes, amount.bytes, limit.bytes)
            && fits(has.inodes, amount.inodes, limit.inodes);
        if uid != 0 && !within {
            return Err(Errno::EDQUOT);
        }
        self.add(uid, amount);
        Ok(())
    }

    /// Counts what is there, whatever the limits.
    pub(crate) fn add(&mut self, uid: u32, amount: Amount) {
        let has = self.users.entry(uid).or_default();
        has.bytes = has.bytes.saturating_add(amount.bytes);
        has.inodes = has.inodes.saturating_add(amount.inodes);
    }

    /// Gives back.
    pub(crate) fn refund(&mut self, uid: u32, amount: Amount) {
        if let Some(has) = self.users.get_mut(&uid) {
            has.bytes = has.bytes.saturating_sub(amount.bytes);
            has.inodes = has.inodes.saturating_sub(amount.inodes);
            if *has == Amount::default() {
                self.users.remove(&uid);
            }
        }
    }

    pub(crate) fn report(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        for (uid, Amount { bytes, inodes }) in &self.users {
            write!(out, "{{\"uid\":{uid},\"bytes\":{bytes},\"inodes\":{inodes}")?;
            let limit = self.limits.of(*uid);
            let limits = [("byte_limit", limit.bytes), ("inode_limit", limit.inodes)];
            for (key, limit) in limits.into_iter().filter(|(_, limit)| *limit < u64::MAX) {
                write!(out, ",\"{key}\":{limit}")?;
            }
            writeln!(out, "}}")?;
        }
        Ok(())
    }
}
