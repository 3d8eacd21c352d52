//! Where a process's memory is: in this program, or in one of its own.
//!
//! Of memory in another program the kernel can use what has a descriptor behind it: the arena, in
//! which payloads are lent, and what the process got from `mmap`.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex};

use rustix::fs::{FallocateFlags, MemfdFlags, fallocate, ftruncate, memfd_create};
use syscall::error::{ENOMEM, Error, Result};

use super::memory::PAGE;
use crate::sync::lock;

/// Bytes that can be on loan to one process at a time. Only what is in use takes memory.
pub(crate) const ARENA: usize = 1 << 30;

/// Where a process's memory is.
pub(crate) enum Space {
    /// In this program: an address is good as it is.
    Here,
    /// In a program of its own.
    Own(Own),
}

/// The memory of a process in a program of its own, as far as it can be shared.
pub(crate) struct Own {
    arena: Arc<Arena>,
    regions: Arc<Regions>,
    /// What threads of the same program map before they belong to any process that a test made.
    program: Option<Arc<Regions>>,
}

type Regions = Mutex<BTreeMap<usize, Region>>;

/// A descriptor that has memory behind it, and where in that.
#[derive(Clone)]
pub(crate) struct Backing {
    pub(crate) file: Arc<File>,
    pub(crate) offset: u64,
}

#[derive(Clone)]
struct Region {
    size: usize,
    backing: Backing,
}

/// Fresh zeroed memory with a descriptor. ENOMEM.
fn memory(size: usize) -> Result<File> {
    let failed = |_| Error::new(ENOMEM);
    let file = memfd_create("redox", MemfdFlags::CLOEXEC).map_err(failed)?;
    ftruncate(&file, size as u64).map_err(failed)?;
    Ok(File::from(file))
}

impl Backing {
    /// Fresh zeroed memory. ENOMEM.
    pub(crate) fn fresh(size: usize) -> Result<Self> {
        Ok(Self { file: Arc::new(memory(size)?), offset: 0 })
    }
}

impl Own {
    /// A process whose arena is mapped at `base`. ENOMEM.
    pub(crate) fn new(base: usize) -> Result<Self> {
        Ok(Self { arena: Arc::new(Arena::new(base)?), regions: Arc::default(), program: None })
    }

    /// The same for a process that is a copy of this one.
    pub(crate) fn fork(&self, base: usize) -> Result<Self> {
        let regions = Arc::new(Mutex::new(lock(&self.regions).clone()));
        Ok(Self { regions, ..Self::new(base)? })
    }

    /// One that a test makes in the program which this process is.
    pub(crate) fn within(&self, base: usize) -> Result<Self> {
        Ok(Self { program: Some(Arc::clone(&self.regions)), ..Self::new(base)? })
    }

    fn all_regions(&self) -> impl Iterator<Item = &Regions> {
        [Some(&self.regions), self.program.as_ref()].into_iter().flatten().map(Arc::as_ref)
    }

    /// The arena.
    pub(crate) fn arena(&self) -> &Arc<Arena> {
        &self.arena
    }

    /// Notes that the process maps something.
    pub(crate) fn map(&self, base: usize, size: usize, backing: Backing) {
        lock(&self.regions).insert(base, Region { size, backing });
    }

    /// Forgets what lies in the range as a whole.
    pub(crate) fn unmap(&self, base: usize, size: usize) {
        let inside = |at: usize, region: &Region| base <= at && at + region.size <= base + size;
        for regions in self.all_regions() {
            lock(regions).retain(|at, region| !inside(*at, region));
        }
    }

    /// What is behind a range of addresses, if one mapping covers it.
    pub(crate) fn find(&self, base: usize, size: usize) -> Option<Backing> {
        self.all_regions().find_map(|regions| find(&lock(regions), base, size))
    }
}

fn find(regions: &BTreeMap<usize, Region>, base: usize, size: usize) -> Option<Backing> {
    let (start, region) = regions.range(..=base).next_back()?;
    let skipped = base - start;
    if skipped.checked_add(size)? > region.size {
        return None;
    }
    let Backing { file, offset } = region.backing.clone();
    Some(Backing { file, offset: offset + skipped as u64 })
}

/// Memory that a process shares with the kernel, in which payloads are lent to it.
pub(crate) struct Arena {
    file: File,
    base: usize,
    /// Free pages: where they begin, and how many.
    free: Mutex<BTreeMap<usize, usize>>,
}

impl Arena {
    fn new(base: usize) -> Result<Self> {
        let free = Mutex::new(BTreeMap::from([(0, ARENA / PAGE)]));
        Ok(Self { file: memory(ARENA)?, base, free })
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Zeroed pages in a row. ENOMEM.
    pub(crate) fn take(self: &Arc<Self>, pages: usize) -> Result<Lot> {
        let mut free = lock(&self.free);
        let found = free.iter().find(|(_, count)| **count >= pages);
        let (&first, &count) = found.ok_or(Error::new(ENOMEM))?;
        free.remove(&first);
        if count > pages {
            free.insert(first + pages, count - pages);
        }
        Ok(Lot { arena: Arc::clone(self), first, pages })
    }

    fn give_back(&self, first: usize, pages: usize) {
        let (offset, len) = ((first * PAGE) as u64, (pages * PAGE) as u64);
        let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        if fallocate(&self.file, hole, offset, len).is_err() {
            // Pages that can't be zeroed are not lent again.
            return;
        }
        let mut free = lock(&self.free);
        let mut run = (first, pages);
        if let Some(after) = free.remove(&(first + pages)) {
            run.1 += after;
        }
        let before = free.range(..first).next_back().map(|(at, count)| (*at, *count));
        if let Some((at, count)) = before.filter(|(at, count)| at + count == first) {
            run = (at, count + run.1);
        }
        free.insert(run.0, run.1);
    }
}

/// Some pages of an arena. They are zeroed and free again when this is gone.
pub(crate) struct Lot {
    arena: Arc<Arena>,
    first: usize,
    pages: usize,
}

impl Lot {
    /// Where the process sees it.
    pub(crate) fn addr(&self) -> usize {
        self.arena.base + self.first * PAGE
    }

    /// Fills a part. ENOMEM if the machine has no memory left.
    pub(crate) fn write(&self, at: usize, bytes: &[u8]) -> Result<()> {
        let offset = (self.first * PAGE + at) as u64;
        self.arena.file.write_all_at(bytes, offset).map_err(|_| Error::new(ENOMEM))
    }

    /// Reads a part. ENOMEM as for [`Self::write`].
    pub(crate) fn read(&self, at: usize, bytes: &mut [u8]) -> Result<()> {
        let offset = (self.first * PAGE + at) as u64;
        self.arena.file.read_exact_at(bytes, offset).map_err(|_| Error::new(ENOMEM))
    }
}

impl Drop for Lot {
    fn drop(&mut self) {
        self.arena.give_back(self.first, self.pages);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_that_come_back_are_one_run_again_and_zeroed() {
        let arena = Arc::new(Arena::new(0).unwrap());
        let lots = [1, 2, 3].map(|pages| arena.take(pages).unwrap());
        lots[1].write(5, b"left behind").unwrap();
        let place = lots[1].addr();
        let [first, second, third] = lots;
        drop(first);
        drop(third);
        drop(second);
        assert_eq!(*lock(&arena.free), BTreeMap::from([(0, ARENA / PAGE)]));
        let again = arena.take(3).unwrap();
        assert!(again.addr() <= place);
        let mut bytes = [1; 3 * PAGE];
        again.read(0, &mut bytes).unwrap();
        assert_eq!(bytes, [0; 3 * PAGE]);
    }

    #[test]
    fn an_arena_that_is_full_gives_enomem() {
        let arena = Arc::new(Arena::new(0).unwrap());
        let whole = arena.take(ARENA / PAGE).unwrap();
        assert_eq!(arena.take(1).err(), Some(Error::new(ENOMEM)));
        drop(whole);
        assert!(arena.take(1).is_ok());
    }

    #[test]
    fn a_range_is_found_only_within_one_mapping() {
        let own = Own::new(0).unwrap();
        own.map(10 * PAGE, 2 * PAGE, Backing::fresh(2 * PAGE).unwrap());
        assert_eq!(own.find(11 * PAGE, PAGE).map(|backing| backing.offset), Some(PAGE as u64));
        assert!(own.find(11 * PAGE, 2 * PAGE).is_none());
        assert!(own.find(9 * PAGE, PAGE).is_none());
        assert!(own.find(11 * PAGE, usize::MAX).is_none());
        own.unmap(10 * PAGE, PAGE);
        assert!(own.find(10 * PAGE, PAGE).is_some());
        own.unmap(10 * PAGE, 2 * PAGE);
        assert!(own.find(10 * PAGE, PAGE).is_none());
    }

    #[test]
    fn what_the_program_maps_is_found_for_the_processes_in_it() {
        let program = Own::new(0).unwrap();
        let (own, other) = (program.within(0).unwrap(), program.within(0).unwrap());
        program.map(10 * PAGE, PAGE, Backing::fresh(PAGE).unwrap());
        own.map(20 * PAGE, PAGE, Backing::fresh(PAGE).unwrap());
        assert!(own.find(10 * PAGE, PAGE).is_some() && own.find(20 * PAGE, PAGE).is_some());
        assert!(other.find(20 * PAGE, PAGE).is_none() && program.find(20 * PAGE, PAGE).is_none());
        other.unmap(10 * PAGE, PAGE);
        assert!(own.find(10 * PAGE, PAGE).is_none());
    }
}
