//! What held the key, or plain data, is wiped before its memory is given back: the allocator looks.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    hint::black_box,
    ptr::NonNull,
    sync::Arc,
};

use driver::{Access, Data, Driver, OptionValue, Secret, Status};
use driver_crypt::{KEY, KIND};
use kit::{ask, make, ramdisk, read_at, write_at};

/// Bytes that are recognized: so many of a row of these.
const ENOUGH: usize = 16;
/// What plain data is full of.
const PLAIN: u8 = 0xa7;

/// The key: each byte tells its place.
const fn secret(at: usize) -> u8 {
    (at * 7 + 3) as u8
}

thread_local! {
    /// Blocks that were given back with something in them, while this thread watches.
    static FOUND: Cell<Option<usize>> = const { Cell::new(None) };
}

fn is_recognized(piece: &[u8]) -> bool {
    let is_key = |half: usize| (0..ENOUGH).all(|at| piece[at] == secret(half + at));
    let is_digits = || {
        (0..ENOUGH).all(|at| {
            let byte = secret(at / 2);
            let digit = if at % 2 == 0 { byte >> 4 } else { byte & 15 };
            piece[at] == b"0123456789abcdef"[usize::from(digit)]
        })
    };
    is_key(0) || is_key(KEY / 2) || is_digits() || piece.iter().all(|byte| *byte == PLAIN)
}

struct Watching;

// SAFETY: all is left to the system's allocator.
unsafe impl GlobalAlloc for Watching {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // So that all of a block may be looked at.
        // SAFETY: the caller's promise.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        if let Some(found) = FOUND.get() {
            // SAFETY: the block is whole, and was all zeros when it was given out.
            let block = unsafe { std::slice::from_raw_parts(at, layout.size()) };
            let some = block.windows(ENOUGH).any(is_recognized);
            FOUND.set(Some(found + usize::from(some)));
        }
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static WATCHING: Watching = Watching;

/// Blocks that `work` gave back with a piece of the key, or of plain data, in them.
fn found(work: impl FnOnce()) -> usize {
    FOUND.set(Some(0));
    work();
    FOUND.take().unwrap_or_default()
}

fn key() -> Vec<u8> {
    (0..KEY).map(secret).collect()
}

fn digits() -> Vec<u8> {
    key().iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect()
}

fn crypt(key: Vec<u8>) -> driver::Built {
    make(&KIND, &[("key", OptionValue::Secret(Secret::new(key)))], &[ramdisk(64 << 10)])
}

#[test]
fn the_allocator_sees_what_is_not_wiped() {
    assert_eq!(found(|| drop(black_box(key()))), 1);
    assert_eq!(found(|| drop(black_box(key()[KEY / 2..].to_vec()))), 2);
    let digits = digits();
    assert_eq!(found(|| drop(black_box(digits))), 1);
    assert_eq!(found(|| drop(black_box(vec![PLAIN; 512]))), 1);
    assert_eq!(found(|| drop(black_box(vec![1; 512]))), 0);
}

#[test]
fn the_key_is_nowhere_once_the_driver_is_gone() {
    for given in [key(), digits()] {
        assert_eq!(found(|| drop(crypt(given).ok().unwrap())), 0);
    }
    // A key that is refused is wiped as well.
    let same = [&key()[..KEY / 2], &key()[..KEY / 2]].concat();
    assert_eq!(found(|| drop(crypt(same).err().unwrap())), 0);
    let short = key()[..40].to_vec();
    assert_eq!(found(|| drop(crypt(short).err().unwrap())), 0);
}

#[test]
fn no_private_buffer_leaves_plain_data_behind() {
    let driver: Arc<dyn Driver> = crypt(key()).ok().unwrap();
    let mut page = vec![PLAIN; 4096];
    let base = NonNull::new(page.as_mut_ptr()).unwrap();
    let left = found(|| {
        assert_eq!(kit::write(&*driver, 0, &[PLAIN; 4096]), Status::ok(4096));
        for (op, access) in [(write_at(4096), Access::FETCH), (read_at(4096), Access::FILL)] {
            // SAFETY: `page` outlives the reference and is not touched but through it.
            let lent = unsafe { agent::Lent::new(base, 4096, access) };
            assert_eq!(ask(&*driver, op, Data::lent(&lent)), Status::ok(4096));
        }
    });
    assert_eq!(left, 0);
    assert!(page == [PLAIN; 4096]);
}
