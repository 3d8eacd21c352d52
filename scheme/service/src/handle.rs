//! What a handle stands for.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock, RwLockWriteGuard},
};

use agent::Errno;
use driver::{Cred, FileKind, Node, OpenFlags};

use crate::{
    limits::{Bound, Budget, Limits},
    mount::Mount,
    nodes::{Entry, Table},
    port::PortPlace,
    stats::Figures,
    window::Windows,
};

pub(crate) use crate::sync::{Mutex, lock};

/// What was opened.
pub(crate) enum Place {
    /// The directory of names.
    Names,
    /// A text that the service itself writes: figures as they were at the last read from the
    /// beginning, the plan.
    Text { bytes: Mutex<Vec<u8>>, figures: Option<Figures> },
    /// A device, or a node of a file system, open there.
    Object { mount: Arc<Mount>, node: Node, kind: FileKind },
    /// A symbolic link to be, once its target is written.
    NewLink { mount: Arc<Mount>, parent: Node, name: Vec<u8> },
    /// A port that a process made.
    Port(PortPlace),
}

/// An open handle. It acts with its opener's credentials and rights, whoever holds it.
pub(crate) struct Handle {
    pub(crate) place: Place,
    pub(crate) cred: Cred,
    pub(crate) access: OpenFlags,
    /// Whose number of handles it counts for.
    pub(crate) payer: u32,
    /// Path inside the scheme, as the opener wrote it.
    pub(crate) path: Vec<u8>,
    pub(crate) windows: Windows,
    /// The nodes that the holder may name.
    table: Mutex<Table>,
}

impl Handle {
    pub(crate) fn new(place: Place, cred: Cred, access: OpenFlags, path: Vec<u8>) -> Handle {
        let mut table = Table::default();
        if let Place::Object { node, .. } = &place {
            table.own(*node);
        }
        let (windows, table) = (Windows::default(), Mutex::new(table));
        Handle { place, cred, access, payer: cred.uid, path, windows, table }
    }

    /// True where reads and writes have a place: in all but streams.
    pub(crate) fn is_positioned(&self) -> bool {
        !matches!(self.place, Place::Object { kind: FileKind::Character, .. } | Place::Port(_))
    }

    /// The mount that the handle is on.
    pub(crate) fn mount(&self) -> Option<&Arc<Mount>> {
        match &self.place {
            Place::Object { mount, .. } | Place::NewLink { mount, .. } => Some(mount),
            Place::Names | Place::Text { .. } | Place::Port(_) => None,
        }
    }

    /// What the handle is, where it is one on a port that a process made.
    #[inline]
    pub(crate) fn port(&self) -> Option<&PortPlace> {
        match &self.place {
            Place::Port(place) => Some(place),
            _ => None,
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

    /// The number that the holder knows a node by from here on, or until it has come to know so many
    /// others that it is forgotten. `EMFILE` where it has too many open, or its user's handles
    /// together know too many.
    pub(crate) fn give(&self, node: Node) -> Result<u32, Errno> {
        lock(&self.table).give(node)
    }

    /// The node behind a number; `ESTALE` for one that was never given, or is forgotten.
    #[inline]
    pub(crate) fn node(&self, number: u64) -> Result<Node, Errno> {
        match (&self.place, number) {
            (Place::Object { node, .. }, 0) => Ok(*node),
            _ => self.with(number, |entry| Ok(entry.node)),
        }
    }

    /// `EBADF` where the object behind a number is not open for `rights`.
    #[inline]
    pub(crate) fn may_on(&self, number: u64, rights: OpenFlags) -> Result<(), Errno> {
        let own = if number == 0 { self.access } else { OpenFlags::empty() };
        if own.contains(rights) {
            return Ok(());
        }
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

    #[inline(never)]
    fn with<T>(
        &self,
        number: u64,
        work: impl FnOnce(&mut Entry) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        work(lock(&self.table).entry(number).ok_or(Errno::ESTALE)?)
    }

    /// The nodes that the holder opened with messages and left open, as often as it did; for
    /// the end of the handle.
    pub(crate) fn left_open(&self) -> Vec<Node> {
        lock(&self.table).left_open()
    }
}

/// All open handles. 0 is the scheme's root and is not in here.
pub(crate) struct Handles {
    open: RwLock<Open>,
    nodes: Arc<Budget>,
}

struct Open {
    slots: Vec<Slot>,
    /// Slots without a handle.
    free: Vec<u32>,
    by_user: HashMap<u32, usize>,
    bound: Bound,
    /// Nodes that one of them may know at a time.
    known: usize,
}

impl Default for Handles {
    fn default() -> Handles {
        let (slots, free, by_user) = Default::default();
        let Limits { handles: bound, nodes, known, .. } = Limits::default();
        let open = RwLock::new(Open { slots, free, by_user, bound, known });
        Handles { open, nodes: Budget::new(nodes) }
    }
}

/// A place for handles, one after the other. A handle's number is its slot's index and generation,
/// so the number of one that is gone is not the next one's.
#[derive(Default)]
struct Slot {
    /// Counts the handles that were here, from 1 on.
    generation: u32,
    handle: Option<Arc<Handle>>,
}

fn index(number: u64) -> usize {
    number as u32 as usize
}

fn generation(number: u64) -> u32 {
    (number >> 32) as u32
}

impl Open {
    fn free_slot(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            self.slots.len() as u32 - 1
        })
    }
}

impl Handles {
    fn write(&self) -> RwLockWriteGuard<'_, Open> {
        // As in `lock`.
        self.open.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets how many may be open from here on, and how many nodes they may know.
    pub(crate) fn set_limits(&self, limits: &Limits) {
        let open = &mut *self.write();
        (open.bound, open.known) = (limits.handles, limits.known);
        self.nodes.set_bound(limits.nodes);
    }

    /// Adds a handle; its number. `EMFILE` where too many are open, or too many of one user's.
    pub(crate) fn insert(&self, handle: &Arc<Handle>) -> Result<u64, Errno> {
        let open = &mut *self.write();
        let uid = handle.payer;
        let count = open.slots.len() - open.free.len();
        let users = open.by_user.get(&uid).copied().unwrap_or(0) + 1;
        let bound = if uid == 0 { open.bound.for_one() } else { open.bound };
        bound.check(users, count + 1, Errno::EMFILE)?;
        lock(&handle.table).limit(open.known, handle.mount().map(|_| self.nodes.open(uid)));
        open.by_user.insert(uid, users);
        let index = open.free_slot();
        let slot = &mut open.slots[index as usize];
        slot.generation = slot.generation.wrapping_add(1).max(1);
        slot.handle = Some(Arc::clone(handle));
        Ok(u64::from(slot.generation) << 32 | u64::from(index))
    }

    #[inline]
    pub(crate) fn get(&self, number: u64) -> Option<Arc<Handle>> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        let slot = open.slots.get(index(number))?;
        if slot.generation == generation(number) { slot.handle.clone() } else { None }
    }

    /// Those that are open now.
    pub(crate) fn all(&self) -> Vec<Arc<Handle>> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        open.slots.iter().filter_map(|slot| slot.handle.clone()).collect()
    }

    pub(crate) fn remove(&self, number: u64) -> Option<Arc<Handle>> {
        let open = &mut *self.write();
        let slot = open.slots.get_mut(index(number))?;
        let handle = slot.handle.take_if(|_| slot.generation == generation(number))?;
        open.free.push(number as u32);
        if let Some(users) = open.by_user.get_mut(&handle.payer) {
            *users -= 1;
            if *users == 0 {
                open.by_user.remove(&handle.payer);
            }
        }
        Some(handle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handle(uid: u32) -> Arc<Handle> {
        let cred = Cred { uid, gid: 0 };
        Arc::new(Handle::new(Place::Names, cred, OpenFlags::READ, Vec::new()))
    }

    #[test]
    fn a_number_is_good_until_its_handle_is_gone_and_never_again() {
        let handles = Handles::default();
        let mut gone = Vec::new();
        for uid in 0..5 {
            let numbers = [uid, uid + 10].map(|uid| handles.insert(&handle(uid)).unwrap());
            assert!(!numbers.contains(&0), "0 is the root");
            for (number, uid) in numbers.into_iter().zip([uid, uid + 10]) {
                assert_eq!(handles.get(number).unwrap().cred.uid, uid);
                assert_eq!(handles.remove(number).unwrap().cred.uid, uid);
                gone.push(number);
                for number in &gone {
                    assert!(handles.get(*number).is_none() && handles.remove(*number).is_none());
                }
            }
        }
    }

    #[test]
    fn what_one_user_has_open_is_limited_and_given_back() {
        let handles = Handles::default();
        let of_user = Limits::default().handles.of_user;
        let mut held: Vec<_> = (0..of_user).map(|_| handles.insert(&handle(7)).unwrap()).collect();
        assert_eq!(handles.insert(&handle(7)), Err(Errno::EMFILE));
        held.push(handles.insert(&handle(8)).unwrap());
        handles.remove(held.swap_remove(0)).unwrap();
        held.push(handles.insert(&handle(7)).unwrap());
        held.into_iter().for_each(|number| drop(handles.remove(number).unwrap()));
        assert!(handles.write().by_user.is_empty(), "nobody is remembered");
    }

    #[test]
    fn what_all_have_open_is_limited_and_root_has_no_other_limit() {
        let handles = Handles::default();
        let bound = Bound { of_user: 2, of_all: 5 };
        handles.set_limits(&Limits { handles: bound, ..Limits::default() });
        let four: Result<Vec<_>, _> = (0..4).map(|_| handles.insert(&handle(0))).collect();
        assert!(four.is_ok());
        handles.insert(&handle(7)).unwrap();
        assert_eq!(handles.insert(&handle(8)), Err(Errno::EMFILE));
        assert_eq!(handles.insert(&handle(0)), Err(Errno::EMFILE));
    }
}
