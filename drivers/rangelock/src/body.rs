//! What is asked of the lock service.

/// Whose a lock is: a connection, a handle, a process; whatever dies as one. Given by whoever
/// knows who asks, never by the asker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Owner(pub u64);

/// Names a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token(pub u64);

/// How a range is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Others may share it.
    Shared,
    /// Nobody else has it.
    Exclusive,
}

impl Mode {
    /// True where two owners can't both have it.
    pub fn conflicts(self, other: Mode) -> bool {
        self == Mode::Exclusive || other == Mode::Exclusive
    }

    /// True where this is as much as `other`.
    pub fn is_enough_for(self, other: Mode) -> bool {
        self == Mode::Exclusive || other == Mode::Shared
    }
}

/// The operation. Ranges are from `start` up to `end`, which is no longer in it; `u64::MAX` is the
/// end of everything. An empty one is answered `EINVAL`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockOp {
    /// Locks a range. Reply: [`LockReply::Granted`]. `EAGAIN` where that would be to wait and is
    /// not to; `EDEADLK`; `ENOLCK`; `ECANCELED` where the wait was aborted or the owner is gone.
    Lock {
        /// What the range is of.
        object: u64,
        /// First byte.
        start: u64,
        /// The byte after the last.
        end: u64,
        /// How.
        mode: Mode,
        /// Wait for it.
        wait: bool,
    },
    /// Gives a range back, whatever of it is locked. `ENOLCK` where that makes two of one, and one
    /// more is too many.
    Unlock {
        /// What the range is of.
        object: u64,
        /// First byte.
        start: u64,
        /// The byte after the last.
        end: u64,
    },
    /// Asks who is in the way. Reply: [`LockReply::Held`] or [`LockReply::Free`].
    Test {
        /// What the range is of.
        object: u64,
        /// First byte.
        start: u64,
        /// The byte after the last.
        end: u64,
        /// How it would be locked.
        mode: Mode,
    },
    /// Asks whether a grant, whosoever it is, still covers a range in a mode. `ESTALE` where it
    /// does not.
    Check {
        /// The grant.
        token: Token,
        /// What the range is of.
        object: u64,
        /// First byte.
        start: u64,
        /// The byte after the last.
        end: u64,
        /// How it has to be locked.
        mode: Mode,
    },
    /// Gives all of the owner's locks back and ends its waits.
    Release,
}

/// A lock that is in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// Whose it is.
    pub owner: Owner,
    /// First byte.
    pub start: u64,
    /// The byte after the last.
    pub end: u64,
    /// How it is locked.
    pub mode: Mode,
}

/// Values of a reply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LockReply {
    /// None.
    #[default]
    Nothing,
    /// The lock stands.
    Granted(Token),
    /// Nobody is in the way.
    Free,
    /// Somebody is.
    Held(Conflict),
}

/// The body of a message to the lock service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockBody {
    /// What is asked.
    pub op: LockOp,
    /// Who asks.
    pub owner: Owner,
    /// Where the reply's values go.
    pub reply: LockReply,
}

impl LockBody {
    /// Asks `op` in the name of `owner`.
    pub const fn new(op: LockOp, owner: Owner) -> LockBody {
        LockBody { op, owner, reply: LockReply::Nothing }
    }
}
