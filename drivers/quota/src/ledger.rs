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
    pub(crate) const fn bytes(bytes: u64) -> Amount {
        Amount { bytes, inodes: 0 }
    }

    /// One inode with its bytes.
    pub(crate) const fn node(bytes: u64) -> Amount {
        Amount { bytes, inodes: 1 }
    }
}

/// What each user has. Root has no limits.
pub(crate) struct Ledger {
    /// The most that a user may have.
    limit: Amount,
    users: BTreeMap<u32, Amount>,
}

impl Ledger {
    pub(crate) fn new(limit: Amount) -> Ledger {
        Ledger { limit, users: BTreeMap::new() }
    }

    /// Charges a user. `EDQUOT`, and nothing, where that is past a limit and more than nothing.
    pub(crate) fn charge(&mut self, uid: u32, amount: Amount) -> Result<(), Errno> {
        let has = self.users.get(&uid).copied().unwrap_or_default();
        let fits = |has: u64, more: u64, limit: u64| more == 0 || has.saturating_add(more) <= limit;
        let within = fits(has.bytes, amount.bytes, self.limit.bytes)
            && fits(has.inodes, amount.inodes, self.limit.inodes);
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
            let limits = [("byte_limit", self.limit.bytes), ("inode_limit", self.limit.inodes)];
            for (key, limit) in
                limits.into_iter().filter(|(_, limit)| *uid != 0 && *limit < u64::MAX)
            {
                write!(out, ",\"{key}\":{limit}")?;
            }
            writeln!(out, "}}")?;
        }
        Ok(())
    }
}
