//! What waits at one handle for something to read, and what its holder is told of.

use std::collections::VecDeque;

use agent::Errno;
use syscall::flag::EventFlags;

use crate::socket::{Answer, Ask};

/// Reads that wait at one handle.
const MAX_WAITING: usize = 64;

/// What became of a request.
pub(crate) enum Done {
    /// It is answered now.
    Now(Ask, Answer),
    /// It is answered later, or was answered already.
    Later,
}

impl Done {
    pub(crate) fn now(ask: Ask, result: Result<usize, Errno>) -> Done {
        Done::Now(ask, result.map_or_else(Answer::error, Answer::count))
    }
}

/// Reads that wait, and events.
#[derive(Default)]
pub(crate) struct Desk {
    asks: VecDeque<Ask>,
    interest: EventFlags,
    /// What is ready, as far as it was told.
    told: EventFlags,
    number: u64,
    closed: bool,
}

impl Desk {
    /// The handle's number, for events.
    pub(crate) fn set_number(&mut self, number: u64) {
        self.number = number;
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Ends the desk; those who wait are given back.
    pub(crate) fn close(&mut self) -> VecDeque<Ask> {
        self.closed = true;
        self.interest = EventFlags::empty();
        std::mem::take(&mut self.asks)
    }

    /// True where one more may wait. `EBADF` once the handle is closed, `EAGAIN` where too many
    /// do.
    pub(crate) fn has_room(&self) -> Result<(), Errno> {
        match self.asks.len() {
            _ if self.closed => Err(Errno::EBADF),
            MAX_WAITING.. => Err(Errno::EAGAIN),
            _ => Ok(()),
        }
    }

    pub(crate) fn wait(&mut self, ask: Ask) {
        self.asks.push_back(ask);
    }

    /// Takes out the request of this tag, if it waits here.
    pub(crate) fn cancel(&mut self, tag: u32) -> Option<Ask> {
        let at = self.asks.iter().position(|ask| ask.tag() == tag)?;
        self.asks.remove(at)
    }

    /// Serves those who wait, first come first served. `fill` answers 0 where there is nothing.
    pub(crate) fn serve(
        &mut self,
        mut fill: impl FnMut(&Ask) -> Result<usize, Errno>,
    ) -> Vec<(Ask, Answer)> {
        let mut served = Vec::new();
        while let Some(ask) = self.asks.front() {
            let result = fill(ask);
            if result == Ok(0) {
                break;
            }
            let answer = result.map_or_else(Answer::error, Answer::count);
            served.extend(self.asks.pop_front().map(|ask| (ask, answer)));
        }
        served
    }

    /// True where somebody waits to read, or is to be told that there is something.
    pub(crate) fn listens(&self) -> bool {
        let news = self.interest - self.told;
        !self.asks.is_empty() || news.contains(EventFlags::EVENT_READ)
    }

    /// Asks to be told of `interest`, given what is ready now.
    pub(crate) fn subscribe(&mut self, interest: EventFlags, ready: EventFlags) -> EventFlags {
        self.interest = interest;
        self.told = ready & interest;
        self.told
    }

    /// The holder has looked: what is ready then is news again.
    pub(crate) fn looked(&mut self, at: EventFlags) {
        self.told -= at;
    }

    /// What the holder is to be told, given what is ready now: the handle's number, and what is
    /// news.
    pub(crate) fn news(&mut self, ready: EventFlags) -> Option<(u64, EventFlags)> {
        let ready = ready & self.interest;
        let news = ready - self.told;
        self.told = ready;
        (!news.is_empty()).then_some((self.number, news))
    }
}

#[cfg(all(test, not(target_os = "redox")))]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::port::Waits;

    const READ: EventFlags = EventFlags::EVENT_READ;
    const WRITE: EventFlags = EventFlags::EVENT_WRITE;
    const NONE: EventFlags = EventFlags::empty();

    #[test]
    fn reads_that_wait_at_a_handle_take_7_kib_at_most() {
        // In the desk, and in the table of what waits, which may be half empty.
        let each = size_of::<Ask>() + 2 * size_of::<(u32, Arc<dyn Waits>)>();
        assert!(MAX_WAITING * each <= 7 << 10, "{each}");
    }

    #[test]
    fn the_holder_is_told_once_until_it_looks_or_there_was_nothing() {
        let mut desk = Desk::default();
        desk.set_number(9);
        assert_eq!(desk.news(READ), None, "nobody wants to know");
        assert!(!desk.listens());
        assert_eq!(desk.subscribe(READ | WRITE, WRITE), WRITE);
        assert!(desk.listens());
        assert_eq!(desk.news(READ | WRITE), Some((9, READ)));
        assert!(!desk.listens());
        assert_eq!(desk.news(READ | WRITE), None);
        desk.looked(READ);
        assert!(desk.listens());
        assert_eq!(desk.news(READ | WRITE), Some((9, READ)));
        assert_eq!(desk.news(WRITE), None);
        assert_eq!(desk.news(READ), Some((9, READ)));
        assert_eq!(desk.subscribe(NONE, READ), NONE);
        assert_eq!(desk.news(READ), None);
    }
}
