//! What a change came to on each half, gathered in the one word that a merge hands on.

use driver::{Body, Came, Errno, Status};

/// Halves that there may be: a bit each.
pub(crate) const MOST: usize = 8;

/// On which halves a change was made in full, on which it was cancelled, and the first error.
#[derive(Clone, Copy)]
pub(crate) struct Tally {
    halves: usize,
    done: usize,
    cancelled: usize,
    errno: u16,
}

/// Adds what one half came to, in the halves' order.
pub(crate) fn tally(_: &mut Body, so_far: Status, child: Came<'_, Body>) -> Status {
    let mut tally = Tally::of(so_far);
    let half = 1 << tally.halves;
    tally.halves += 1;
    let errno = match child.status.result() {
        Ok(count) if count == child.range.len() => {
            tally.done |= half;
            return tally.status();
        }
        Ok(_) => Errno::EIO,
        Err(errno) => errno,
    };
    if errno == Errno::ECANCELED {
        tally.cancelled |= half;
    }
    if tally.errno == 0 {
        tally.errno = errno.0;
    }
    tally.status()
}

impl Tally {
    /// What a status holds. An error is that of all: nothing was begun.
    pub(crate) fn of(status: Status) -> Tally {
        match status.result() {
            Ok(word) => Tally {
                halves: word & 0xf,
                done: word >> 4 & 0xff,
                cancelled: word >> 12 & 0xff,
                errno: (word >> 20 & 0xfff) as u16,
            },
            Err(errno) => Tally { halves: 0, done: 0, cancelled: 0, errno: errno.0 },
        }
    }

    fn status(self) -> Status {
        // Errnos have twelve bits.
        let errno = usize::from(self.errno & 0xfff);
        Status::ok(self.halves | self.done << 4 | self.cancelled << 12 | errno << 20)
    }

    /// True where nothing was begun.
    pub(crate) fn is_empty(&self) -> bool {
        self.halves == 0
    }

    /// The same without a half.
    pub(crate) fn without(self, half: usize) -> Tally {
        Tally { done: self.done & !(1 << half), ..self }
    }

    pub(crate) fn is_done(&self, half: usize) -> bool {
        self.done >> half & 1 == 1
    }

    pub(crate) fn is_cancelled(&self, half: usize) -> bool {
        self.cancelled >> half & 1 == 1
    }

    /// True where some half has it.
    pub(crate) fn is_done_somewhere(&self) -> bool {
        self.done != 0
    }

    /// What the sender is told.
    pub(crate) fn outcome(&self, count: usize) -> Status {
        if self.is_done_somewhere() { Status::ok(count) } else { Errno(self.errno).into() }
    }
}
