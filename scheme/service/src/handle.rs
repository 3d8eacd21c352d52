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
/// How many of them may be one user's, but root's: the others go on.
const MAX_OF_USER: usize = 16_384;

/// What was opened.
pub(crate) enum Place {
    /// The directory of names.
    Names,
    /// A text that the service itself writes: figures as they were at the last read from the
    /// beginning, the plan.
    Text { bytes: Mutex<Vec<u8>>, figures: bool },
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

/// The nodes that the holder may name; the handle's own object is number 0.
#[derive(Default)]
struct Table {
    entries: Vec<Entry>,
    index: HashMap<Node, u32>,
}

struct Entry {
    node: Node,
    rights: OpenFlags,
    opens: u32,
}

impl Table {
    fn add(&mut self, node: Node) -> u32 {
        let number = self.entries.len() as u32;
        self.entries.push(Entry { node, rights: OpenFlags::empty(), opens: 0 });
        self.index.insert(node, number);
        number
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every update below is complete at once, so a panic elsewhere leaves the value good.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Handle {
    pub(crate) fn new(place: Place, cred: Cred, access: OpenFlags, path: Vec<u8>) -> Handle {
        let mut table = Table::default();
        if let Place::Object { node, .. } = &place {
            table.add(*node);
        }
        Handle { place, cred, access, path, table: Mutex::new(table) }
    }

    /// True where reads and writes have a place: in all but streams.
    pub(crate) fn is_positioned(&self) -> bool {
        !matches!(self.place, Place::Object { kind: FileKind::Character, .. })
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
        if let Some(number) = table.index.get(&node) {
            return Ok(*number);
        }
        if table.entries.len() > MAX_NODES {
            return Err(Errno::EMFILE);
        }
        Ok(table.add(node))
    }

    /// The node behind a number; `ESTALE` for one that was never given.
    pub(crate) fn node(&self, number: u64) -> Result<Node, Errno> {
        self.with(number, |entry| Ok(entry.node))
    }

    /// `EBADF` where the object behind a number is not open for `rights`.
    pub(crate) fn may_on(&self, number: u64, rights: OpenFlags) -> Result<(), Errno> {
        let own = if number == 0 { self.access } else { OpenFlags::empty() };
        self.with(number, |entry| {
            if (entry.rights | own).contains(rights) { Ok(()) } else { Err(Errno::EBADF) }
        })
    }

    /// Notes that the object behind a number was opened for `rights`.
    pub(crate) fn opened(&self, number: u64, rights: OpenFlags) -> Result<(), Errno> {
        self.with(number, |entry| {
            entry.rights |= rights;
            entry.opens += 1;
            Ok(())
        })
    }

    /// Notes that it was closed once. `EBADF` where it was not open.
    pub(crate) fn closed(&self, number: u64) -> Result<(), Errno> {
        self.with(number, |entry| {
            entry.opens = entry.opens.checked_sub(1).ok_or(Errno::EBADF)?;
            if entry.opens == 0 {
                entry.rights = OpenFlags::empty();
            }
            Ok(())
        })
    }

    fn with<T>(
        &self,
        number: u64,
        work: impl FnOnce(&mut Entry) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        let mut table = lock(&self.table);
        let entry = usize::try_from(number).ok().and_then(|place| table.entries.get_mut(place));
        work(entry.ok_or(Errno::ESTALE)?)
    }

    /// The nodes that the holder opened with messages and left open, as often as it did; for
    /// the end of the handle.
    pub(crate) fn left_open(&self) -> Vec<Node> {
        let table = lock(&self.table);
        let repeat = |entry: &Entry| std::iter::repeat_n(entry.node, entry.opens as usize);
        table.entries.iter().flat_map(repeat).collect()
    }
}

/// All open handles. 0 is the scheme's root and is not in here.
#[derive(Default)]
pub(crate) struct Handles(Mutex<Open>);

#[derive(Default)]
struct Open {
    handles: HashMap<u64, Arc<Handle>>,
    by_user: HashMap<u32, usize>,
    last: u64,
}

impl Handles {
    /// Adds a handle; its number. `EMFILE` where too many are open, or too many of one user's.
    pub(crate) fn insert(&self, handle: Handle) -> Result<u64, Errno> {
        let Open { handles, by_user, last } = &mut *lock(&self.0);
        let uid = handle.cred.uid;
        let users = by_user.entry(uid).or_default();
        if handles.len() >= MAX_HANDLES || (uid != 0 && *users >= MAX_OF_USER) {
            return Err(Errno::EMFILE);
        }
        *users += 1;
        *last += 1;
        handles.insert(*last, Arc::new(handle));
        Ok(*last)
    }

    pub(crate) fn get(&self, number: u64) -> Option<Arc<Handle>> {
        lock(&self.0).handles.get(&number).cloned()
    }

    pub(crate) fn remove(&self, number: u64) -> Option<Arc<Handle>> {
        let Open { handles, by_user, .. } = &mut *lock(&self.0);
        let handle = handles.remove(&number)?;
        if let Some(users) = by_user.get_mut(&handle.cred.uid) {
            *users -= 1;
        }
        Some(handle)
    }
}
