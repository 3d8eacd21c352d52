//! A kernel that asks what it is told to, one thing after the other: the symbols of the Redox ABI
//! that a service needs once it is made, and nothing behind them.

use std::{
    alloc::{self, Layout},
    sync::{Mutex, MutexGuard, PoisonError},
};

use syscall::{
    error::ENOSYS,
    schemev2::{Cqe, Sqe},
};

/// What is asked next, given the last answer.
type Next = Box<dyn FnMut(u64) -> Option<Sqe> + Send>;

/// What is asked, the tag of the last request, and the last answer.
struct Script {
    next: Next,
    tag: u32,
    result: u64,
}

static SCRIPT: Mutex<Option<Script>> = Mutex::new(None);

fn script() -> MutexGuard<'static, Option<Script>> {
    SCRIPT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has `serve` answer the request `count` times; then the socket closes. The last result.
///
/// # Safety
/// What the request lends is good for as long, and nobody else holds a reference to it.
pub(super) unsafe fn ask(ask: Sqe, mut count: u64, serve: impl FnOnce()) -> u64 {
    let next = move |_| {
        count = count.checked_sub(1)?;
        Some(ask)
    };
    // SAFETY: as the caller's.
    unsafe { ask_each(Box::new(next), serve) }
}

/// Has `serve` answer what `next` asks, which is told the answer to what it asked before; then the
/// socket closes. The last result.
///
/// # Safety
/// As for [`ask`], of every request.
pub(super) unsafe fn ask_each(next: Next, serve: impl FnOnce()) -> u64 {
    *script() = Some(Script { next, tag: 0, result: 0 });
    serve();
    let mut script = script().take().expect("put there above");
    assert!((script.next)(script.result).is_none(), "the service gave up");
    script.result
}

fn unsupported() -> usize {
    (ENOSYS as usize).wrapping_neg()
}

/// Any path is the socket.
#[unsafe(no_mangle)]
extern "C" fn redox_open_v1(_: *const u8, _: usize, _: u32, _: u16) -> usize {
    3
}

#[unsafe(no_mangle)]
extern "C" fn redox_dup_v1(_: usize, _: *const u8, _: usize) -> usize {
    3
}

#[unsafe(no_mangle)]
extern "C" fn redox_close_v1(_: usize) -> usize {
    0
}

#[unsafe(no_mangle)]
extern "C" fn redox_kill_v1(_: usize, _: u32) -> usize {
    unsupported()
}

/// The next request; nothing once all have been asked.
#[unsafe(no_mangle)]
unsafe extern "C" fn redox_read_v1(_: usize, base: *mut u8, len: usize) -> usize {
    let mut script = script();
    let Some(script) = script.as_mut() else { return 0 };
    let Some(ask) = (script.next)(script.result) else { return 0 };
    assert!(len >= size_of::<Sqe>());
    script.tag = script.tag.wrapping_add(1);
    // SAFETY: the caller passes `len` bytes to fill, which are enough.
    unsafe { base.cast::<Sqe>().write_unaligned(Sqe { tag: script.tag, ..ask }) };
    size_of::<Sqe>()
}

/// One answer, to the request that was asked last.
#[unsafe(no_mangle)]
unsafe extern "C" fn redox_write_v1(_: usize, base: *const u8, len: usize) -> usize {
    let mut script = script();
    let Some(script) = script.as_mut() else { return unsupported() };
    assert_eq!(len, size_of::<Cqe>());
    // SAFETY: the caller passes `len` bytes, which are those of an answer.
    let answer = unsafe { base.cast::<Cqe>().read_unaligned() };
    assert_eq!(answer.tag, script.tag);
    script.result = answer.result;
    len
}

#[unsafe(no_mangle)]
extern "C" fn redox_sys_call_v0(
    _: usize,
    _: *mut u8,
    _: usize,
    _: usize,
    _: *const u64,
    _: usize,
) -> usize {
    unsupported()
}

fn pages(len: usize) -> Layout {
    Layout::from_size_align(len, 4096).expect("whole pages")
}

/// Fresh memory; there is nothing else to map.
#[unsafe(no_mangle)]
extern "C" fn redox_mmap_v1(_: *mut (), len: usize, _: u32, _: u32, _: usize, _: u64) -> usize {
    // SAFETY: never of no size.
    unsafe { alloc::alloc_zeroed(pages(len)) as usize }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn redox_munmap_v1(base: *mut (), len: usize) -> usize {
    // SAFETY: the caller gives back what it was given, as a whole.
    unsafe { alloc::dealloc(base.cast(), pages(len)) };
    0
}
