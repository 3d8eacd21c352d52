//! Counts what this thread allocates.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

/// Allocations, and their bytes.
#[derive(Clone, Copy, Default)]
pub(crate) struct Allocated {
    pub(crate) count: usize,
    pub(crate) bytes: usize,
}

thread_local!(static SO_FAR: Cell<Allocated> = const { Cell::new(Allocated { count: 0, bytes: 0 }) });

struct Counting;

// SAFETY: all is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Allocated { count, bytes } = SO_FAR.get();
        SO_FAR.set(Allocated { count: count + 1, bytes: bytes + layout.size() });
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// What this thread allocates in `work`.
pub(crate) fn allocated(work: impl FnOnce()) -> Allocated {
    let before = SO_FAR.get();
    work();
    let after = SO_FAR.get();
    Allocated { count: after.count - before.count, bytes: after.bytes - before.bytes }
}
