//! How much the holders of handles may have.

use agent::Errno;

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
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            handles: Bound { of_user: 16_384, of_all: 65_536 },
            messages: Bound { of_user: 16 << 20, of_all: 256 << 20 },
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
