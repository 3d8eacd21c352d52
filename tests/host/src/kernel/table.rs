//! A process's table of descriptors.

use std::sync::Arc;

use syscall::error::{EBADF, EEXIST, EINVAL, EMFILE, Error, Result};

use super::description::Description;
use super::process::Pid;

/// Slots a process has, the three standard ones included.
const SLOTS: usize = MAX_FILES;
/// Descriptors that a table, or a pipe, holds at most.
pub(crate) const MAX_FILES: usize = 65_536;
/// The standard streams are the host's own; numbers start above them.
const FIRST: usize = 3;
const PID_SHIFT: u32 = 20;

#[derive(Default)]
enum Slot {
    #[default]
    Free,
    /// The number is taken and nothing is behind it: being opened, or given away and not closed.
    Reserved,
    Open {
        description: Arc<Description>,
        cloexec: bool,
    },
}

/// The process whose table a number belongs to.
pub(crate) fn owner(fd: usize) -> Pid {
    Pid::try_from(fd >> PID_SHIFT).unwrap_or(0)
}

/// Descriptors by slot. A number is the process id and the slot, so that no two processes share
/// one, but for a process that inherited its parent's.
pub(crate) struct Table {
    pid: Pid,
    slots: Vec<Slot>,
    lowest_free: usize,
}

impl Table {
    pub(crate) fn new(pid: Pid) -> Self {
        Self { pid, slots: Vec::new(), lowest_free: FIRST }
    }

    fn number(&self, slot: usize) -> usize {
        (self.pid as usize) << PID_SHIFT | slot
    }

    fn slot(&self, fd: usize) -> Option<usize> {
        let slot = fd & ((1 << PID_SHIFT) - 1);
        (owner(fd) == self.pid && slot >= FIRST && slot < self.slots.len()).then_some(slot)
    }

    /// Takes the lowest free number. EMFILE if there is none.
    pub(crate) fn reserve(&mut self) -> Result<usize> {
        let free = |slot: &Slot| matches!(slot, Slot::Free);
        let start = self.lowest_free;
        let found = self.slots.iter().skip(start).position(free).map(|n| n + start);
        let slot = found.unwrap_or(self.slots.len().max(FIRST));
        if slot >= SLOTS {
            return Err(Error::new(EMFILE));
        }
        self.grow(slot);
        self.slots[slot] = Slot::Reserved;
        self.lowest_free = slot + 1;
        Ok(self.number(slot))
    }

    fn grow(&mut self, slot: usize) {
        if slot >= self.slots.len() {
            self.slots.resize_with(slot + 1, Slot::default);
        }
    }

    /// Takes this very number. EEXIST if it is in use, EMFILE if it can't exist, EINVAL if it is
    /// another process's.
    pub(crate) fn reserve_at(&mut self, fd: usize) -> Result<()> {
        if owner(fd) != self.pid {
            return Err(Error::new(EINVAL));
        }
        let slot = fd & ((1 << PID_SHIFT) - 1);
        if !(FIRST..SLOTS).contains(&slot) {
            return Err(Error::new(EMFILE));
        }
        self.grow(slot);
        if !matches!(self.slots[slot], Slot::Free) {
            return Err(Error::new(EEXIST));
        }
        self.slots[slot] = Slot::Reserved;
        Ok(())
    }

    /// Puts a description behind a reserved number. EINVAL if the number is not reserved.
    pub(crate) fn fill(&mut self, fd: usize, description: Arc<Description>) -> Result<()> {
        match self.slot(fd).map(|slot| &mut self.slots[slot]) {
            Some(slot @ Slot::Reserved) => {
                *slot = Slot::Open { description, cloexec: false };
                Ok(())
            }
            _ => Err(Error::new(EINVAL)),
        }
    }

    /// Gives a reserved number back.
    pub(crate) fn release(&mut self, fd: usize) {
        if let Some(slot) = self.slot(fd)
            && matches!(self.slots[slot], Slot::Reserved)
        {
            self.slots[slot] = Slot::Free;
            self.lowest_free = self.lowest_free.min(slot);
        }
    }

    /// EBADF if nothing is open behind the number.
    pub(crate) fn get(&self, fd: usize) -> Result<Arc<Description>> {
        match self.slot(fd).map(|slot| &self.slots[slot]) {
            Some(Slot::Open { description, .. }) => Ok(Arc::clone(description)),
            _ => Err(Error::new(EBADF)),
        }
    }

    /// Takes the description away; the number stays reserved until it is released. EBADF.
    pub(crate) fn take(&mut self, fd: usize) -> Result<Arc<Description>> {
        self.get(fd)?;
        let slot = self.slot(fd).ok_or(Error::new(EBADF))?;
        match std::mem::replace(&mut self.slots[slot], Slot::Reserved) {
            Slot::Open { description, .. } => Ok(description),
            _ => Err(Error::new(EBADF)),
        }
    }

    /// All or none of the numbers; EBADF for one that is not open or named twice.
    pub(crate) fn check_all(&self, fds: &[usize]) -> Result<()> {
        for (n, &fd) in fds.iter().enumerate() {
            self.get(fd)?;
            if fds[..n].contains(&fd) {
                return Err(Error::new(EBADF));
            }
        }
        Ok(())
    }

    /// How many descriptors are open.
    pub(crate) fn open_count(&self) -> usize {
        self.slots.iter().filter(|slot| matches!(slot, Slot::Open { .. })).count()
    }

    /// Is the number to be closed when the process becomes another program? EBADF.
    pub(crate) fn cloexec(&mut self, fd: usize) -> Result<&mut bool> {
        match self.slot(fd).map(|slot| &mut self.slots[slot]) {
            Some(Slot::Open { cloexec, .. }) => Ok(cloexec),
            _ => Err(Error::new(EBADF)),
        }
    }

    /// A table with what is open here under the same numbers: of what is close-on-exec, that of
    /// which `keep` says so.
    pub(crate) fn inherit(&self, keep: impl Fn(usize) -> bool) -> Self {
        let copy = |(n, slot): (usize, &Slot)| match slot {
            Slot::Open { description, cloexec } if !cloexec || keep(self.number(n)) => {
                Slot::Open { description: Arc::clone(description), cloexec: *cloexec }
            }
            _ => Slot::Free,
        };
        let slots = self.slots.iter().enumerate().map(copy).collect();
        Self { pid: self.pid, slots, lowest_free: FIRST }
    }

    /// Empties the table.
    pub(crate) fn drain(&mut self) -> Vec<Arc<Description>> {
        self.lowest_free = FIRST;
        let slots = std::mem::take(&mut self.slots);
        slots.into_iter().filter_map(Slot::into_open).collect()
    }
}

impl Slot {
    fn into_open(self) -> Option<Arc<Description>> {
        match self {
            Slot::Open { description, .. } => Some(description),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_stays_taken_until_it_is_released() {
        let mut table = Table::new(7);
        let fd = table.reserve().unwrap();
        assert_eq!(owner(fd), 7);
        let description = Description::new(usize::MAX, 0, 0, 0, false);
        table.fill(fd, description).unwrap();
        table.take(fd).unwrap();
        assert_ne!(table.reserve().unwrap(), fd);
        table.release(fd);
        assert_eq!(table.reserve().unwrap(), fd);
    }

    #[test]
    fn what_is_inherited_has_the_same_numbers_and_not_what_is_close_on_exec() {
        let mut table = Table::new(7);
        let [one, other] = [0, 1].map(|number| {
            let fd = table.reserve().unwrap();
            table.fill(fd, Description::new(usize::MAX, number, 0, 0, false)).unwrap();
            fd
        });
        *table.cloexec(one).unwrap() = true;
        let mut exec = table.inherit(|_| false);
        assert!(exec.get(one).is_err());
        assert_eq!(exec.get(other).unwrap().number, 1);
        assert_eq!(exec.reserve().unwrap(), one);
        assert_eq!(table.inherit(|_| true).open_count(), 2);
    }

    #[test]
    fn the_table_ends_with_emfile() {
        let mut table = Table::new(7);
        for _ in FIRST..SLOTS {
            table.reserve().unwrap();
        }
        assert_eq!(table.reserve(), Err(Error::new(EMFILE)));
    }
}
