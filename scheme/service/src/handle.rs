//! What a handle stands for, and the nodes that its holder may name.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use agent::Errno;
use driver::{Cred, FileKind, Node, OpenFlags};

use crate::mount::Mount;

/// Nodes that one handle's table takes.
const MAX_NODES: usize = 65_536;

/// Handles that are open at once.
const MAX_HANDLES: usize = 65_536;

/// What was opened.
pub(crate) enum Place {
    /// The directory of names.
    Names,
    /// A text that the service itself writes: figures while they are read, the plan.
    Text { bytes: Vec<u8>, figures: bool },
    /// A device, or a node of a file system, open there.
    Object { mount: Arc<Mount>, node: Node, kind: FileKind },
    /// A symbolic link to be, once its target is written.
    NewLink { mount: Arc<Mount>, parent: Node, name: Vec<u8> },
}

/// An open handle. It acts with its opener's credentials and rights, whoever holds it.
pub(crate) struct Handle {
    pub(crate) place: Place,
    pub(crate) cred: Cred,
    pub(crate) access: OpenFlags,
    /// Path inside the scheme, as the opener wrote it.
    pub(crate) path: Vec<u8>,
    table: Mutex<Table>,
}

/// Nodes found through a handle. Index 0 is the handle's own object and not in here.
#[derive(Default)]
struct Table {
    entries: Vec<Entry>,
    index: HashMap<Node, u32>,
}

#[derive(Clone, Copy)]
struct Entry {
    node: Node,
    rights: OpenFlags,
    opens: u32,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every update below is complete at once, so a panic elsewhere leaves the value good.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Handle {
    pub(crate) fn new(place: Place, cred: Cred, access: OpenFlags, path: Vec<u8>) -> Handle {
        Handle { place, cred, access, path, table: Mutex::default() }
    }

    /// The mount that the handle is on.
    pub(crate) fn mount(&self) -> Option<&Arc<Mount>> {
        match &self.place {
            Place::Object { mount, .. } | Place::NewLink { mount, .. } => Some(mount),
            Place::Names | Place::Text { .. } => None,
        }
    }

    /// The mount and the node, of a handle that is open on one. `EBADF` otherwise.
    pub(crate) fn object(&self) -> Result<(&Arc<Mount>, Node, FileKind), Errno> {
        match &self.place {
            Place::Object { mount, node, kind } => Ok((mount, *node, *kind)),
            _ => Err(Errno::EBADF),
        }
    }

    /// `EBADF` where the handle was not opened for `rights`.
    pub(crate) fn may(&self, rights: OpenFlags) -> Result<(), Errno> {
        if self.access.contains(rights) { Ok(()) } else { Err(Errno::EBADF) }
    }

    /// The number that the holder knows a node by from here on. `EMFILE` where it knows too
    /// many.
    pub(crate) fn give(&self, node: Node) -> Result<u32, Errno> {
        let mut table = lock(&self.table);
        if let Some(index) = table.index.get(&node) {
            return Ok(*index);
        }
        if table.entries.len() >= MAX_NODES {
            return Err(Errno::EMFILE);
        }
        table.entries.push(Entry { node, rights: OpenFlags::empty(), opens: 0 });
        let index = table.entries.len() as u32;
        table.index.insert(node, index);
        Ok(index)
    }

    /// The node behind a number; `ESTALE` for one that was never given.
    pub(crate) fn node(&self, index: u64) -> Result<Node, Errno> {
        let own = self.object()?.1;
        self.entry(index).map(|entry| entry.map_or(own, |entry| entry.node))
    }

    /// `EBADF` where the object behind a number is not open for `rights`.
    pub(crate) fn may_on(&self, index: u64, rights: OpenFlags) -> Result<(), Errno> {
        match self.entry(index)? {
            Some(entry) if !entry.rights.contains(rights) => Err(Errno::EBADF),
            Some(_) => Ok(()),
            None => self.may(rights),
        }
    }

    fn entry(&self, index: u64) -> Result<Option<Entry>, Errno> {
        let Some(place) = index.checked_sub(1) else { return Ok(None) };
        let table = lock(&self.table);
        let entry = usize::try_from(place).ok().and_then(|place| table.entries.get(place));
        entry.map(|entry| Some(*entry)).ok_or(Errno::ESTALE)
    }

    /// Notes that the object behind a number was opened for `rights`.
    pub(crate) fn opened(&self, index: u64, rights: OpenFlags) {
        if let Some(entry) = self.entry_mut(&mut lock(&self.table), index) {
            entry.rights |= rights;
            entry.opens += 1;
        }
    }

    /// Notes that it was closed once. `EBADF` where it was not open.
    pub(crate) fn closed(&self, index: u64) -> Result<(), Errno> {
        let mut table = lock(&self.table);
        let entry = self.entry_mut(&mut table, index).filter(|entry| entry.opens > 0);
        let entry = entry.ok_or(Errno::EBADF)?;
        entry.opens -= 1;
        if entry.opens == 0 {
            entry.rights = OpenFlags::empty();
        }
        Ok(())
    }

    fn entry_mut<'t>(&self, table: &'t mut Table, index: u64) -> Option<&'t mut Entry> {
        let place = usize::try_from(index.checked_sub(1)?).ok()?;
        table.entries.get_mut(place)
    }

    /// The nodes that the holder left open, as often as it did; for the end of the handle.
    pub(crate) fn left_open(&self) -> Vec<Node> {
        let table = lock(&self.table);
        let repeat = |entry: &Entry| std::iter::repeat_n(entry.node, entry.opens as usize);
        table.entries.iter().flat_map(repeat).collect()
    }
}

/// All open handles. 0 is the scheme's root and is not in here.
#[derive(Default)]
pub(crate) struct Handles(Mutex<(HashMap<u64, Arc<Handle>>, u64)>);

impl Handles {
    /// Adds a handle; its number. `EMFILE` where too many are open.
    pub(crate) fn insert(&self, handle: Handle) -> Result<u64, Errno> {
        let (handles, last) = &mut *lock(&self.0);
        if handles.len() >= MAX_HANDLES {
            return Err(Errno::EMFILE);
        }
        *last += 1;
        handles.insert(*last, Arc::new(handle));
        Ok(*last)
    }

    pub(crate) fn get(&self, number: u64) -> Option<Arc<Handle>> {
        lock(&self.0).0.get(&number).cloned()
    }

    pub(crate) fn remove(&self, number: u64) -> Option<Arc<Handle>> {
        lock(&self.0).0.remove(&number)
    }
}
