//! What a request is answered with.

use agent::Errno;
use syscall::schemev2::{Cqe, CqeOpcode, NewFdFlags};

use super::Ask;

/// Errnos above this one would reach the caller as a count.
const LAST_ERRNO: u16 = 132;

/// How a request is answered with a word, in the flags of an answer.
const REGULAR: u16 = (CqeOpcode::RespondRegular as u16) << 8;

/// What to answer, as it crosses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    result: u64,
    /// Those of a new handle; above them, how it is answered. Two words fit into registers.
    flags: u16,
}

impl Answer {
    /// A count.
    #[inline]
    pub(crate) fn count(count: usize) -> Answer {
        Answer { result: count as u64, flags: REGULAR }
    }

    /// An errno; `EIO` for one that would read as a count.
    #[inline]
    pub(crate) fn error(errno: Errno) -> Answer {
        let errno = if errno.0 > LAST_ERRNO { Errno::EIO } else { errno };
        Answer { result: u64::from(errno.0).wrapping_neg(), flags: REGULAR }
    }

    /// A new handle; the kernel keeps an offset for it where it is `positioned`.
    pub(crate) fn opened(handle: u64, positioned: bool) -> Answer {
        let flags = if positioned { NewFdFlags::POSITIONED } else { NewFdFlags::empty() };
        Answer { result: handle, flags: REGULAR | u16::from(flags.bits()) }
    }

    /// The number of a new handle, and its flags.
    pub(crate) fn handle(self) -> (u64, u8) {
        (self.result, self.flags as u8)
    }

    /// A descriptor of this process, which goes with the answer: its number stays to be closed.
    pub(crate) fn descriptor(number: usize) -> Answer {
        Answer { result: number as u64, flags: (CqeOpcode::RespondWithFd as u16) << 8 }
    }

    #[inline]
    pub(super) fn encode(self, tag: u32) -> Cqe {
        let [extra, flags] = self.flags.to_le_bytes();
        Cqe { flags, extra_raw: [extra, 0, 0], tag, result: self.result }
    }
}

/// Answers to be written at once; the room is used again and again.
#[derive(Default)]
pub(crate) struct Answers(Vec<Cqe>);

impl Answers {
    /// Adds the answer to a request, which ends with it; a note is let go of.
    #[inline]
    pub(crate) fn push(&mut self, ask: Ask, answer: Answer) {
        if !ask.is_note() {
            self.0.push(answer.encode(ask.tag()));
        }
    }

    pub(super) fn as_slice(&self) -> &[Cqe] {
        &self.0
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(all(test, not(target_os = "redox")))]
mod tests {
    use super::*;

    impl Answers {
        /// What would be sent: results, by tag.
        pub(crate) fn take(&mut self) -> Vec<(u32, u64)> {
            self.0.drain(..).map(|cqe| (cqe.tag, cqe.result)).collect()
        }
    }

    #[test]
    fn an_errno_that_would_read_as_a_count_becomes_eio() {
        let word = |errno| Answer::error(Errno(errno)).encode(7).result;
        assert_eq!(word(LAST_ERRNO), u64::from(LAST_ERRNO).wrapping_neg());
        assert_eq!(word(LAST_ERRNO + 1), 5u64.wrapping_neg());
        assert_eq!(word(4095), 5u64.wrapping_neg());
    }
}
