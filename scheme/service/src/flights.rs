//! The table of requests that are not answered yet, where aborts find them: by tag, by handle and
//! id, by handle.

use std::collections::{BTreeSet, HashMap};

use crate::{
    scope::Scope,
    sync::{Arc, Mutex, left_out, lock},
};

/// The id of what has none: it is not a message.
const NO_ID: u64 = u64::MAX;

/// What can be asked for an abort. It may lead back to the table.
pub(crate) trait Abort {
    fn abort(&self);
}

/// What a request goes by.
#[derive(Clone, Copy)]
pub(crate) struct Name {
    pub(crate) handle: u64,
    pub(crate) id: Option<u32>,
    pub(crate) tag: u32,
}

/// Where a request is. `W` aborts it where it waits, `K` where it is kept.
enum Stage<W, K> {
    /// Put off: nobody has begun with it.
    PutOff,
    /// Before a driver that is busy.
    Waits(W),
    /// In the hands of a thread.
    Works(Arc<Scope>, u64),
    /// Kept by a driver.
    Kept(K),
    /// Anywhere; the abort has been asked for.
    Asked,
}

impl<W: Abort, K: Abort> Stage<W, K> {
    fn abort(self) {
        match self {
            Stage::Waits(ticket) => ticket.abort(),
            Stage::Works(scope, job) => scope.interrupt(job),
            Stage::Kept(ticket) => ticket.abort(),
            Stage::PutOff | Stage::Asked => {}
        }
    }
}

/// Requests that are not answered.
pub(crate) struct Flights<W, K>(Mutex<Table<W, K>>);

struct Table<W, K> {
    by_tag: HashMap<u32, Flight<W, K>>,
    /// Handle, id and tag of each.
    names: BTreeSet<(u64, u64, u32)>,
}

struct Flight<W, K> {
    handle: u64,
    id: u64,
    stage: Stage<W, K>,
}

impl<W, K> Table<W, K> {
    fn insert(&mut self, name: Name, stage: Stage<W, K>) {
        let (handle, id, tag) = (name.handle, name.id.map_or(NO_ID, u64::from), name.tag);
        self.names.insert((handle, id, tag));
        self.by_tag.insert(tag, Flight { handle, id, stage });
    }

    fn ask(&mut self, tag: u32) -> Option<Stage<W, K>> {
        let flight = self.by_tag.get_mut(&tag)?;
        Some(std::mem::replace(&mut flight.stage, Stage::Asked))
    }
}

impl<W: Abort, K: Abort> Flights<W, K> {
    pub(crate) fn new() -> Flights<W, K> {
        Flights(Mutex::new(Table { by_tag: HashMap::new(), names: BTreeSet::new() }))
    }

    /// A request is to wait for its driver.
    pub(crate) fn waits(&self, name: Name, ticket: W) {
        lock(&self.0).insert(name, Stage::Waits(ticket));
    }

    /// A request is to be performed later on.
    pub(crate) fn put_off(&self, name: Name) {
        if !left_out("flight-put-off") {
            lock(&self.0).insert(name, Stage::PutOff);
        }
    }

    /// It is worked on now. False where its abort has been asked for.
    pub(crate) fn works(&self, tag: u32, scope: &Arc<Scope>, job: u64) -> bool {
        match lock(&self.0).by_tag.get_mut(&tag) {
            Some(Flight { stage: Stage::Asked, .. }) if !left_out("flight-works") => false,
            Some(flight) => {
                flight.stage = Stage::Works(Arc::clone(scope), job);
                true
            }
            None => true,
        }
    }

    /// A driver is about to keep it.
    pub(crate) fn kept(&self, name: Name, ticket: K) {
        let table = &mut *lock(&self.0);
        match table.by_tag.get_mut(&name.tag) {
            // On its way to the keeper it is only marked.
            Some(Flight { stage: Stage::Asked, .. }) if !left_out("flight-kept") => ticket.abort(),
            Some(flight) => flight.stage = Stage::Kept(ticket),
            None => table.insert(name, Stage::Kept(ticket)),
        }
    }

    /// It is about to be answered: its tag may be used again right after.
    pub(crate) fn over(&self, tag: u32) {
        let table = &mut *lock(&self.0);
        if let Some(flight) = table.by_tag.remove(&tag)
            && !left_out("flight-over")
        {
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
        let stages: Vec<Stage<W, K>> = {
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
    #[cfg_attr(loom, allow(dead_code))]
    pub(crate) fn abort_all(&self) {
        let tags: Vec<u32> = lock(&self.0).by_tag.keys().copied().collect();
        tags.into_iter().for_each(|tag| self.abort_tag(tag));
    }
}
