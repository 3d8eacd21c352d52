//! Requests that are not answered yet, and how the abort comes to them: by tag (the kernel's own
//! cancel), by the sender's id (a message of its own), by the end of the handle.
//!
//! What is answered by the thread that read it is not in here: nobody could ask meanwhile.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use agent::{Errno, Ticket, Words};
use driver::Body;

use crate::{
    handle::{Handle, Mutex, lock},
    scope::Scope,
    serve::Core,
    socket::Ask,
    worker::Job,
};

/// The name of what has no id: it is not a message.
const NO_ID: u64 = u64::MAX;

/// Where a request is.
enum Stage {
    /// Before a driver that is busy.
    Waits(Ticket<Job>),
    /// In the hands of a thread.
    Works(Arc<Scope>, u64),
    /// Kept by a driver.
    Kept(Ticket<Body>),
    /// Anywhere; the abort has been asked for.
    Asked,
}

impl Stage {
    /// Asks for the abort. Leads into drivers, and from there back to the table.
    fn abort(self) {
        match self {
            Stage::Waits(ticket) => ticket.abort(),
            Stage::Works(scope, job) => scope.interrupt(job),
            Stage::Kept(ticket) => ticket.abort(),
            Stage::Asked => {}
        }
    }
}

/// Requests that are not answered.
#[derive(Default)]
pub(crate) struct Flights(Mutex<Table>);

#[derive(Default)]
struct Table {
    by_tag: HashMap<u32, Flight>,
    /// Handle, id and tag of each.
    names: BTreeSet<(u64, u64, u32)>,
}

struct Flight {
    handle: u64,
    id: u64,
    stage: Stage,
}

impl Table {
    fn insert(&mut self, ask: &Ask, stage: Stage) {
        let (handle, id, tag) = (ask.handle(), ask.id().map_or(NO_ID, u64::from), ask.tag());
        self.names.insert((handle, id, tag));
        self.by_tag.insert(tag, Flight { handle, id, stage });
    }

    fn ask(&mut self, tag: u32) -> Option<Stage> {
        let flight = self.by_tag.get_mut(&tag)?;
        Some(std::mem::replace(&mut flight.stage, Stage::Asked))
    }
}

impl Flights {
    /// A request is to wait for its driver.
    pub(crate) fn waits(&self, ask: &Ask, ticket: Ticket<Job>) {
        lock(&self.0).insert(ask, Stage::Waits(ticket));
    }

    /// It is worked on now. False where its abort has been asked for.
    pub(crate) fn works(&self, tag: u32, scope: &Arc<Scope>, job: u64) -> bool {
        match lock(&self.0).by_tag.get_mut(&tag) {
            Some(Flight { stage: Stage::Asked, .. }) => false,
            Some(flight) => {
                flight.stage = Stage::Works(Arc::clone(scope), job);
                true
            }
            None => true,
        }
    }

    /// It is worked on, and may come to wait.
    pub(crate) fn begins(&self, ask: &Ask, scope: &Arc<Scope>, job: u64) {
        lock(&self.0).insert(ask, Stage::Works(Arc::clone(scope), job));
    }

    /// A driver is about to keep it.
    pub(crate) fn kept(&self, ask: &Ask, ticket: Ticket<Body>) {
        let table = &mut *lock(&self.0);
        match table.by_tag.get_mut(&ask.tag()) {
            // On its way to the keeper it is only marked.
            Some(Flight { stage: Stage::Asked, .. }) => ticket.abort(),
            Some(flight) => flight.stage = Stage::Kept(ticket),
            None => table.insert(ask, Stage::Kept(ticket)),
        }
    }

    /// It is about to be answered: its tag may be used again right after.
    pub(crate) fn over(&self, tag: u32) {
        let table = &mut *lock(&self.0);
        if let Some(flight) = table.by_tag.remove(&tag) {
            table.names.remove(&(flight.handle, flight.id, tag));
        }
    }

    /// Asks for the abort of the request with this tag.
    pub(crate) fn abort_tag(&self, tag: u32) {
        let stage = lock(&self.0).ask(tag);
        stage.into_iter().for_each(Stage::abort);
    }

    /// The same for those of a handle with an id, or with any. False where there are none.
    pub(crate) fn abort_named(&self, handle: u64, id: Option<u32>) -> bool {
        let ids = id.map_or(0..=NO_ID, |id| u64::from(id)..=u64::from(id));
        let stages: Vec<Stage> = {
            let table = &mut *lock(&self.0);
            let range = (handle, *ids.start(), 0)..=(handle, *ids.end(), u32::MAX);
            let tags: Vec<u32> = table.names.range(range).map(|(_, _, tag)| *tag).collect();
            tags.into_iter().filter_map(|tag| table.ask(tag)).collect()
        };
        let found = !stages.is_empty();
        stages.into_iter().for_each(Stage::abort);
        found
    }

    /// The same for all.
    pub(crate) fn abort_all(&self) {
        let tags: Vec<u32> = lock(&self.0).by_tag.keys().copied().collect();
        tags.into_iter().for_each(|tag| self.abort_tag(tag));
    }
}

impl Core {
    /// Performs the message that aborts another of the same handle. `EBADF` for a handle that
    /// takes none, `EPROTO` where it carries anything, `ENOENT` where no message of this id is
    /// under way.
    #[cold]
    pub(crate) fn abort(&self, handle: Option<&Handle>, ask: &Ask) -> Result<usize, Errno> {
        handle.ok_or(Errno::EBADF)?.object()?;
        let words = Words::decode(ask.words());
        let bare = Words { op: Words::ABORT, id: words.id, ..Words::default() };
        if words != bare || ask.len() > 0 {
            return Err(Errno::EPROTO);
        }
        match self.flights.abort_named(ask.handle(), Some(words.id)) {
            true => Ok(0),
            false => Err(Errno::ENOENT),
        }
    }
}
