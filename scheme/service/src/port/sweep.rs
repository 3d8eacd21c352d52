//! Rights that nobody has: never used, and opened by a process that is gone. They are closed where
//! there would be too many handles otherwise.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use agent::Errno;
use rustc_hash::FxHashMap;

use crate::{
    handle::{Handle, Mutex, lock},
    serve::Core,
};

/// From one sweep to the next, at least.
const PAUSE: Duration = Duration::from_millis(100);

/// Processes that one sweep asks after.
const MAX_ASKED: usize = 1024;

/// When the last sweep was.
#[derive(Default)]
pub(super) struct Sweeps(Mutex<Option<Instant>>);

impl Sweeps {
    /// True where one may be made, which is noted.
    fn are_due(&self) -> bool {
        let last = &mut *lock(&self.0);
        let due = last.is_none_or(|last| last.elapsed() >= PAUSE);
        if due {
            *last = Some(Instant::now());
        }
        due
    }
}

impl Core {
    /// Adds a handle; its number. `EMFILE` where too many are open, or too many of one user's, and
    /// all of them are somebody's.
    pub(crate) fn add_handle(&self, handle: &Arc<Handle>) -> Result<u64, Errno> {
        match self.handles.insert(handle) {
            Err(Errno::EMFILE) if self.sweep() => self.handles.insert(handle),
            other => other,
        }
    }

    /// Closes rights that nobody has. False where there were none.
    #[cold]
    fn sweep(&self) -> bool {
        if !self.ports.sweeps.are_due() {
            return false;
        }
        let (limit, mut living, mut found) =
            (self.ports.clock.limit(), FxHashMap::default(), false);
        for handle in self.handles.all() {
            let Some((number, opener)) = handle.port().and_then(|place| place.unclaimed(limit))
            else {
                continue;
            };
            if living.len() == MAX_ASKED && !living.contains_key(&opener) {
                continue;
            }
            if !*living.entry(opener).or_insert_with(|| lives(opener)) {
                self.close_port(number);
                found = true;
            }
        }
        found
    }
}

/// True where there is a process of this number, or may be.
fn lives(pid: u32) -> bool {
    // 0 stands for a group.
    pid == 0 || libredox::call::kill(pid as usize, 0).map_err(Errno::from) != Err(Errno::ESRCH)
}
