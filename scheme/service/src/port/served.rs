//! Messages that were taken and are not answered yet: which receive rights their chains of calls
//! hold, and the calls that were made on their behalf, which an abort goes after.

use agent::{Errno, Ticket};
use rustc_hash::FxHashMap;

use crate::sync::{Mutex, left_out, lock, thread};

/// By number. `T` asks for the abort of a call.
pub(crate) struct Served<T>(Mutex<FxHashMap<u32, Chain<T>>>);

struct Chain<T> {
    /// Receive rights.
    held: Vec<u64>,
    /// The sender no longer wants the message.
    aborted: bool,
    /// Calls on its behalf that are under way, by the tags of their requests.
    calls: FxHashMap<u32, T>,
}

impl<T: Clone> Served<T> {
    pub(crate) fn new() -> Served<T> {
        Served(Mutex::new(FxHashMap::default()))
    }

    /// Notes a message of that number, taken by `receive`, whose chain held these before. False
    /// where there is one of that number.
    pub(crate) fn taken(&self, number: u32, held: &[u64], receive: u64) -> bool {
        let all = &mut *lock(&self.0);
        if all.contains_key(&number) {
            return false;
        }
        let held = held.iter().copied().chain([receive]).collect();
        all.insert(number, Chain { held, aborted: false, calls: FxHashMap::default() });
        true
    }

    /// It is answered, or passed on.
    pub(crate) fn over(&self, number: u32) {
        lock(&self.0).remove(&number);
    }

    /// What the chain of a message holds; nothing for 0. `ENOENT` for a number that stands for
    /// none.
    pub(crate) fn held(&self, number: u32) -> Result<Vec<u64>, Errno> {
        match number {
            0 => Ok(Vec::new()),
            number => Ok(lock(&self.0).get(&number).ok_or(Errno::ENOENT)?.held.clone()),
        }
    }

    /// A call is about to be made on behalf of a message, if that has a number. `ECANCELED` where
    /// its sender no longer wants it, `ENOENT` as above.
    pub(crate) fn calls(&self, number: u32, tag: u32, call: &T) -> Result<(), Errno> {
        if number == 0 {
            return Ok(());
        }
        let all = &mut *lock(&self.0);
        let chain = all.get_mut(&number).ok_or(Errno::ENOENT)?;
        if chain.aborted {
            return Err(Errno::ECANCELED);
        }
        chain.calls.insert(tag, call.clone());
        Ok(())
    }

    /// The call is back.
    pub(crate) fn called(&self, number: u32, tag: u32) {
        if number != 0
            && let Some(chain) = lock(&self.0).get_mut(&number)
        {
            chain.calls.remove(&tag);
        }
    }

    /// The sender of a message no longer wants it: the calls to be aborted with it.
    pub(crate) fn abort(&self, number: u32) -> Vec<T> {
        let all = &mut *lock(&self.0);
        let Some(chain) = all.get_mut(&number) else { return Vec::new() };
        chain.aborted = !left_out("served-aborted");
        chain.calls.values().cloned().collect()
    }
}

/// Asks for the abort of a message that may be in a table before it is sent: then the thread that
/// put it there is about to.
pub(crate) fn abort<B: Send>(ticket: &Ticket<B>) {
    while !ticket.is_begun() && !left_out("abort-begun") {
        thread::yield_now();
    }
    ticket.abort();
}
